//! Callers of a gateway that keeps all its promises, and what they write down.

use super::super::Terms;
use crate::harness::caller::{Ending, Entry, Event, Id, Log, Over, Presence, Reason, Refusal};
use fastrand::Rng;
use std::{collections::VecDeque, time::Duration};

const WINDOW: Duration = Duration::from_secs(30);
const ROOMS: [&str; 2] = ["room 0", "room 1"];
const CALLERS: usize = 6;

pub(super) struct World {
    pub(super) logs: Vec<Log>,
    pub(super) terms: Terms,
    pub(super) gaps: usize,
    pub(super) expired: usize,
    now: Duration,
    version: u64,
    callers: Vec<Caller>,
    ids: u32,
}

struct Caller {
    id: Id,
    attached: bool,
    since: Duration,
    n: u64,
    /// What it hasn't heard yet.
    waiting: VecDeque<Event>,
    attempt: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Say { who: usize, to: Option<usize> },
    BeRefused { who: usize },
    Hear { who: usize },
    HearAck { who: usize },
    Cut { who: usize },
    Resume { who: usize },
    Expire { who: usize },
    Gap,
}

impl From<(u8, u8, u8)> for Step {
    fn from((what, who, whom): (u8, u8, u8)) -> Self {
        let who = usize::from(who) % CALLERS;
        match what % 32 {
            0..8 => Self::Say { who, to: None },
            8..14 => Self::Say { who, to: Some(usize::from(whom)) },
            14 => Self::BeRefused { who },
            15..24 => Self::Hear { who },
            24..26 => Self::HearAck { who },
            26..28 => Self::Cut { who },
            28..30 => Self::Resume { who },
            30 => Self::Expire { who },
            // Seldom, as it excuses much.
            _ if whom % 4 == 0 => Self::Gap,
            _ => Self::Hear { who },
        }
    }
}

impl Step {
    pub(super) fn random(seed: u64) -> Vec<Self> {
        let mut rng = Rng::with_seed(seed);
        (0..150).map(|_| (rng.u8(..), rng.u8(..), rng.u8(..)).into()).collect()
    }
}

impl World {
    pub(super) fn lived(steps: &[Step]) -> Self {
        let mut world = Self::of(CALLERS, &ROOMS);
        for step in steps {
            world.take(*step);
        }
        world.end();
        world
    }

    /// Two in a room, who know each other.
    pub(super) fn two() -> Self {
        let mut world = Self::of(2, &ROOMS[..1]);
        world.hear_all();
        world
    }

    fn of(callers: usize, rooms: &[&str]) -> Self {
        let log = |caller| Log { caller, room: rooms[caller % rooms.len()].to_owned(), entries: Vec::new() };
        let mut world = Self {
            logs: (0..callers).map(log).collect(),
            terms: Terms { window: WINDOW, wiped: Vec::new() },
            gaps: 0,
            expired: 0,
            now: Duration::ZERO,
            version: 0,
            callers: Vec::new(),
            ids: 0,
        };
        for who in 0..callers {
            let nobody = Id::new(&"0".repeat(20)).expect("an id");
            let since = Duration::ZERO;
            let waiting = VecDeque::new();
            world.callers.push(Caller { id: nobody, attached: false, since, n: 0, waiting, attempt: 0 });
            world.connect(who);
            world.join(who);
        }
        world
    }

    pub(super) fn now(&self) -> Duration {
        self.now
    }

    pub(super) fn say(&mut self, who: usize, to: Option<Id>) {
        let Caller { id: from, ref mut n, .. } = self.callers[who];
        *n += 1;
        let n = *n;
        let stamp = stamp(from, n);
        self.write(who, Event::Sent { n, to, stamp });
        for peer in self.others(who) {
            if to.is_none_or(|to| to == self.callers[peer].id) {
                self.callers[peer].waiting.push_back(Event::Heard { from, n, stamp });
            }
        }
    }

    /// The shared state forgot all messages, and everybody is told.
    pub(super) fn gap(&mut self) {
        self.lose_what_waits();
        for who in 0..self.callers.len() {
            self.callers[who].waiting.push_back(Event::Gap);
        }
        self.gaps += self.callers.len();
        self.resume_all();
        self.hear_all();
    }

    pub(super) fn lose_what_waits(&mut self) {
        for caller in &mut self.callers {
            caller.waiting.retain(|event| !matches!(event, Event::Heard { .. }));
        }
    }

    pub(super) fn hear_all(&mut self) {
        for who in 0..self.callers.len() {
            while self.hear(who) {}
        }
    }

    pub(super) fn cut(&mut self, who: usize) {
        self.write(who, Event::Lost(Ending::Broken));
        self.callers[who].attached = false;
        self.callers[who].since = self.now;
        let peer = self.callers[who].id;
        self.tell(who, |version| Event::Away { peer, version });
    }

    pub(super) fn expire_early(&mut self, who: usize) {
        let peer = self.callers[who].id;
        self.tell(who, |version| Event::Left { peer, reason: Reason::Lost, version });
        self.connect(who);
        self.write(who, Event::Resuming { attempt: 1 });
        self.write(who, Event::Over(Over::Expired));
        // What is refused is what never was.
        self.expired += 1;
        self.join(who);
    }

    /// Until all is quiet.
    pub(super) fn end(&mut self) {
        self.resume_all();
        self.hear_all();
        for who in 0..self.callers.len() {
            self.hear_ack(who);
        }
    }

    fn take(&mut self, step: Step) {
        let attached = |world: &Self, who: usize| world.callers[who].attached;
        match step {
            Step::Say { who, to: None } if attached(self, who) => self.say(who, None),
            Step::Say { who, to: Some(whom) } if attached(self, who) => {
                // Whom it knows.
                let known: Vec<_> = self.view(who);
                if let Some(peer) = known.get(whom % known.len().max(1)) {
                    self.say(who, Some(*peer));
                }
            }
            Step::BeRefused { who } if attached(self, who) => {
                let Caller { id, ref mut n, .. } = self.callers[who];
                *n += 1;
                let n = *n;
                self.write(who, Event::Sent { n, to: None, stamp: stamp(id, n) });
                self.write(who, Event::Refused { n, to: None, refusal: Refusal::Unavailable });
            }
            Step::Hear { who } if attached(self, who) => {
                self.hear(who);
            }
            Step::HearAck { who } if attached(self, who) => self.hear_ack(who),
            Step::Cut { who } if attached(self, who) => self.cut(who),
            Step::Resume { who } if !attached(self, who) => self.resume(who),
            Step::Expire { who } if !attached(self, who) => {
                self.now = self.now.max(self.callers[who].since + WINDOW);
                self.expire_early(who);
            }
            Step::Gap => self.gap(),
            _ => {}
        }
    }

    /// Whom its log says it sees.
    fn view(&self, who: usize) -> Vec<Id> {
        let mut view = Vec::new();
        for entry in &self.logs[who].entries {
            match entry.event {
                Event::Joined { ref peers, .. } => view = peers.iter().map(|(id, _)| *id).collect(),
                Event::Came { peer, .. } => view.push(peer),
                Event::Left { peer, .. } => view.retain(|id| *id != peer),
                _ => {}
            }
        }
        // Who is gone refuses.
        view.retain(|id| self.callers.iter().any(|caller| caller.id == *id));
        view
    }

    fn connect(&mut self, who: usize) {
        self.write(who, Event::Connected { door: 0 });
    }

    fn join(&mut self, who: usize) {
        self.ids += 1;
        let you = Id::new(&format!("{:06}{:014}", self.ids, 0)).expect("an id");
        let presence = |caller: &Caller| if caller.attached { Presence::Here } else { Presence::Away };
        let others = self.others(who).into_iter().map(|peer| &self.callers[peer]);
        let peers = others.map(|peer| (peer.id, presence(peer))).collect();
        let since = self.now;
        self.callers[who] =
            Caller { id: you, attached: true, since, n: 0, waiting: VecDeque::new(), attempt: 0 };
        self.tell(who, |version| Event::Came { peer: you, presence: Presence::Here, version });
        self.write(who, Event::Joined { you, version: self.version, peers });
    }

    fn resume_all(&mut self) {
        for who in 0..self.callers.len() {
            if !self.callers[who].attached {
                self.resume(who);
            }
        }
    }

    fn resume(&mut self, who: usize) {
        self.callers[who].attempt += 1;
        self.callers[who].attached = true;
        let Caller { id: peer, attempt, .. } = self.callers[who];
        self.connect(who);
        self.write(who, Event::Resuming { attempt });
        self.tell(who, |version| Event::Back { peer, version });
        self.write(who, Event::Resumed { version: self.version });
        if self.now >= self.callers[who].since + WINDOW {
            self.callers[who].since = self.now;
        }
    }

    fn hear(&mut self, who: usize) -> bool {
        let Some(event) = self.callers[who].waiting.pop_front() else { return false };
        self.write(who, event);
        true
    }

    fn hear_ack(&mut self, who: usize) {
        let n = self.callers[who].n;
        if n > 0 {
            self.write(who, Event::Acknowledged { n });
        }
    }

    /// Those in its room that have come.
    fn others(&self, who: usize) -> Vec<usize> {
        let here = |peer: &usize| *peer != who && self.logs[*peer].room == self.logs[who].room;
        (0..self.callers.len()).filter(here).collect()
    }

    fn tell(&mut self, who: usize, notice: impl Fn(u64) -> Event) {
        self.version += 1;
        for peer in self.others(who) {
            self.callers[peer].waiting.push_back(notice(self.version));
        }
    }

    fn write(&mut self, who: usize, event: Event) {
        self.now += Duration::from_millis(1);
        self.logs[who].entries.push(Entry { at: self.now, event });
    }
}

pub(super) fn stamp(from: Id, n: u64) -> u64 {
    from.as_str().bytes().fold(n, |stamp, byte| stamp.wrapping_mul(31).wrapping_add(byte.into()))
}
