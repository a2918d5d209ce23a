//! Calls: members join a room one after another, and each newcomer sets up a connection with each who is there, by an
//! offer, an answer and candidates both ways. After a while they leave.
//!
//! Calls begin when they are due, whatever became of those before. The connections of a call's members are opened a little
//! ahead, as a page is open before its user clicks "join". Resumable clients come back when a connection breaks, and the call
//! goes on.

use super::{Event, Script, leave, measure, micros, notices::Notices, share, timers::Timers};
use crate::{
    client::{Entry, State},
    crowd::Crowd,
    dialect::{Kind, Seat},
    engine::Engine,
    schedule::{Arrivals, Schedule},
    tally::{Timed, UNTIMED},
    units::{Rate, Span, some_time},
    worker::{Order, Reporter},
};
use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a browser says, in bytes.
pub(crate) const OFFER: usize = 2500;
const ANSWER: usize = 1800;
const CANDIDATE: usize = 300;
const CANDIDATES: usize = 10;
/// What goes from a newcomer to another, and back.
const LEGS: usize = 2 + 2 * CANDIDATES;
/// How long before its join a connection is opened.
pub(crate) const AHEAD: Duration = Duration::from_millis(500);
/// How much later a call ends, each time that one of it is about to come back.
const FOR_WHO_RETURNS: Duration = Duration::from_millis(100);

#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    /// Calls a time, such as 20/s; each begins when it is due, whatever became of those before
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Rate,

    /// Members of a call
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = super::two_or_more)]
    pub(crate) room_size: usize,

    /// Time that members stay once all is said
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) hold: Span,

    /// Send no messages, and time the join of the last member only: how long it takes to join a room of that size
    #[arg(long)]
    pub(crate) join_only: bool,

    /// How what is due is spread
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub(crate) arrivals: Arrivals,

    /// Time before what is measured
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub(crate) warmup: Span,

    /// Time that is measured
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_time)]
    pub(crate) duration: Span,
}

impl Settings {
    /// How many sockets there may be at a time: of the calls that go on, and as many again for those that come in a crowd.
    pub(crate) fn sockets(&self) -> usize {
        let lasts_s = (self.hold.0 + AHEAD).as_secs_f64() + 1.0;
        self.room_size * (2.0 * self.rate.0 * lasts_s + 50.0) as usize
    }
}

pub(crate) async fn run(settings: &Settings, order: &Order, reporter: &mut Reporter) -> Result<()> {
    let mut crowd = order.crowd(OFFER)?;
    crowd.returns = order.resumable;
    let script = Calls::new(settings, 0, order);
    let engine = Engine::new(crowd, vec![Box::new(script)])?;
    reporter.watch(&engine);
    measure(&engine, reporter, settings.warmup.0, settings.duration.0).await?;
    leave(&engine).await;
    Ok(())
}

/// Calls that come and go.
pub(crate) struct Calls {
    script: usize,
    size: usize,
    hold_us: u64,
    join_only: bool,
    prefix: String,
    schedule: Schedule,
    timers: Timers<Step>,
    all: Vec<Call>,
    /// Calls that are over, whose clients can be others'.
    free: Vec<usize>,
    /// By client: its call, if it is one of ours.
    call_of: Vec<usize>,
    count: usize,
    notices: Notices,
    end_us: u64,
}

/// What is due later, of a call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Step {
    Begin(usize),
    Leave(usize),
}

#[derive(Default)]
struct Call {
    members: Vec<usize>,
    due: u64,
    joined: usize,
    noticed: usize,
    heard: usize,
    phase: Phase,
    /// When the next member was to join, if it waits for its connection.
    waits_since: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Phase {
    #[default]
    Opening,
    Running,
    Complete,
    Leaving,
    Over,
}

impl Calls {
    pub(crate) fn new(settings: &Settings, script: usize, order: &Order) -> Self {
        let rate = share(settings.rate.0, 1, order.workers);
        Self {
            script,
            size: settings.room_size,
            hold_us: micros(settings.hold.0),
            join_only: settings.join_only,
            prefix: format!("call-{}", order.worker),
            schedule: Schedule::new(rate, settings.arrivals, order.seed_of_mine()),
            timers: Timers::default(),
            all: Vec::new(),
            free: Vec::new(),
            call_of: Vec::new(),
            count: 0,
            notices: Notices::default(),
            end_us: 0,
        }
    }

    /// A call is to begin soon: its members connect.
    fn prepare(&mut self, crowd: &mut Crowd, due: u64) {
        self.count += 1;
        let room = format!("{}-{}", self.prefix, self.count);
        let no = self.free.pop().unwrap_or_else(|| self.add(crowd));
        let call = &mut self.all[no];
        *call =
            Call { members: std::mem::take(&mut call.members), due: due + micros(AHEAD), ..Call::default() };
        for member in &call.members {
            crowd.renew(*member, Some(&room));
            crowd.open(*member, due, Entry::Wait);
        }
        self.timers.set(call.due, Step::Begin(no));
    }

    /// Adds the clients of a call to the crowd.
    fn add(&mut self, crowd: &mut Crowd) -> usize {
        let no = self.all.len();
        let seat = |index| Seat { room: String::new(), index, of: self.size };
        let members: Vec<usize> =
            (0..self.size).map(|index| crowd.add(self.script, no, seat(index))).collect();
        self.call_of.resize(crowd.clients.len(), usize::MAX);
        for member in &members {
            self.call_of[*member] = no;
        }
        self.all.push(Call { members, ..Call::default() });
        no
    }

    /// The next member joins, which was due, as soon as it can.
    fn join_next(&mut self, crowd: &mut Crowd, no: usize, due: u64) {
        let call = &mut self.all[no];
        let Some(&next) = call.members.get(call.joined) else { return };
        if crowd.clients[next].state == State::Open {
            let is_last = call.joined + 1 == call.members.len();
            let is_timed = is_last || !self.join_only;
            crowd.join(next, if is_timed { due } else { UNTIMED });
            call.waits_since = None;
        } else {
            call.waits_since = Some(due);
        }
    }

    fn joined(&mut self, crowd: &mut Crowd, no: usize, newcomer: usize, now: u64) {
        self.notices.expect(crowd, newcomer, crowd.clients[newcomer].due);
        let call = &mut self.all[no];
        let there = call.members[..call.joined].to_vec();
        call.joined += 1;
        if !self.join_only {
            for peer in there {
                crowd.say(Kind::Offer, newcomer, peer, OFFER, now, now);
                candidates(crowd, newcomer, peer, now);
            }
        }
        self.join_next(crowd, no, now);
        self.complete(crowd, no, now);
    }

    fn heard_message(
        &mut self,
        crowd: &mut Crowd,
        no: usize,
        kind: Kind,
        member: usize,
        from: u32,
        now: u64,
    ) {
        if kind == Kind::Offer
            && let Some(&caller) =
                self.all[no].members.iter().find(|no| crowd.clients[**no].member == Some(from))
        {
            crowd.say(Kind::Answer, member, caller, ANSWER, now, now);
            candidates(crowd, member, caller, now);
        }
        self.all[no].heard += 1;
        self.complete(crowd, no, now);
    }

    /// Whether everybody is there, was told of all others, and heard what belongs to the call.
    fn complete(&mut self, crowd: &mut Crowd, no: usize, now: u64) {
        let call = &mut self.all[no];
        let pairs = self.size * (self.size - 1) / 2;
        let messages = if self.join_only { 0 } else { pairs * LEGS };
        let notices = if crowd.clients[call.members[0]].dialect.gives_notice() { pairs } else { 0 };
        let is_complete = call.joined == self.size && call.heard == messages && call.noticed == notices;
        if call.phase == Phase::Running && is_complete {
            call.phase = Phase::Complete;
            crowd.tally.time(Timed::Call, call.due, now);
            crowd.tally.counts.calls += u64::from(crowd.tally.is_measured(call.due));
            self.timers.set(now + self.hold_us, Step::Leave(no));
        }
    }

    fn leave(&mut self, crowd: &mut Crowd, no: usize, now: u64) {
        if self.all[no].members.iter().any(|member| crowd.clients[*member].lost.is_some()) {
            return self.timers.set(now + micros(FOR_WHO_RETURNS), Step::Leave(no));
        }
        self.all[no].phase = Phase::Leaving;
        let members = self.all[no].members.clone();
        crowd.check_views(&members);
        for member in members {
            self.notices.forget(crowd.id(member));
            if crowd.clients[member].connection.socket.is_some() {
                crowd.leave(member);
            }
        }
        self.end_if_empty(crowd, no);
    }

    fn end_if_empty(&mut self, crowd: &Crowd, no: usize) {
        let call = &mut self.all[no];
        if call.phase == Phase::Leaving
            && call.members.iter().all(|no| crowd.clients[*no].state == State::Out)
        {
            call.phase = Phase::Over;
            self.free.push(no);
        }
    }
}

fn candidates(crowd: &mut Crowd, from: usize, to: usize, now: u64) {
    for _ in 0..CANDIDATES {
        crowd.say(Kind::Candidate, from, to, CANDIDATE, now, now);
    }
}

impl Script for Calls {
    fn due_us(&self) -> Option<u64> {
        let next = self.schedule.due_us().filter(|due| *due < self.end_us);
        next.into_iter().chain(self.timers.due_us()).min()
    }

    fn act(&mut self, crowd: &mut Crowd, now: u64) {
        match self.timers.take(now) {
            Some((due, Step::Begin(no))) => {
                self.all[no].phase = Phase::Running;
                self.join_next(crowd, no, due);
            }
            Some((_, Step::Leave(no))) => self.leave(crowd, no, now),
            None => {
                let due = self.schedule.take();
                self.prepare(crowd, due);
            }
        }
    }

    fn heard(&mut self, crowd: &mut Crowd, no: usize, event: Event<'_>, now: u64) {
        let Some(&call) = self.call_of.get(no).filter(|call| **call != usize::MAX) else { return };
        match event {
            Event::Opened => {
                let next = self.all[call].members.get(self.all[call].joined);
                if let (Some(due), Some(&next)) = (self.all[call].waits_since, next)
                    && next == no
                {
                    self.join_next(crowd, call, due);
                }
            }
            Event::Joined => self.joined(crowd, call, no, now),
            Event::Message(stamp) => self.heard_message(crowd, call, stamp.kind, no, stamp.from, now),
            Event::Came(id) => {
                self.notices.heard(id, now, &mut crowd.tally);
                self.all[call].noticed += 1;
                self.complete(crowd, call, now);
            }
            Event::Ended => self.end_if_empty(crowd, call),
            _ => {}
        }
    }

    fn give_up(&mut self, before_us: u64) -> u64 {
        self.schedule.give_up(before_us.min(self.end_us))
    }

    fn begin(&mut self, _crowd: &mut Crowd, from_us: u64, to_us: u64) {
        self.end_us = to_us.saturating_sub(micros(AHEAD));
        self.schedule.start(from_us);
    }

    /// No call is on its way. Those that are complete needn't be held to the end.
    fn is_done(&self) -> bool {
        self.all.iter().all(|call| !matches!(call.phase, Phase::Opening | Phase::Running))
    }
}
