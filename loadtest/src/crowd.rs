//! All clients of a worker: what they say, what they hear, and whether that is right.

use crate::{
    client::{Client, Entry, State},
    clock::Clock,
    dialect::{self, Heard, Kind, Seat},
    ledger::Ledger,
    scenario::{Event, Scripts},
    socket::Socket,
    stamp::{Stamp, Stamper},
    tally::{Tally, Timed},
};
use anyhow::Result;
use std::{collections::HashSet, net::IpAddr, rc::Rc, task::Waker, time::Duration};
use url::Url;

/// Frames of one connection that are read before another's turn.
const TURN: usize = 32;

/// The cap of the first wait before a client comes back, as the SDK has it; and attempts until it gives up.
const LEAST_WAIT: Duration = Duration::from_millis(300);
const MOST_ATTEMPTS: u32 = 6;

pub(crate) struct Crowd {
    pub(crate) clock: Clock,
    pub(crate) clients: Vec<Client>,
    pub(crate) ledger: Ledger,
    pub(crate) tally: Tally,
    /// Clients with a connection, with a place in their room, and how many others each of them knows, summed up.
    pub(crate) open: usize,
    pub(crate) joined: usize,
    pub(crate) known: usize,
    rooms: usize,
    /// How many frames with messages were sent and heard since the last second.
    pub(crate) second: (u64, u64),
    /// A server whose connections are being cut off isn't blamed for it.
    pub(crate) forgives: bool,
    /// Who loses its connection comes back by itself, as the SDK does: into its session, or from the beginning if it has none yet.
    pub(crate) returns: bool,
    random: fastrand::Rng,
    settings: Settings,
    stamper: Stamper,
    has_changed: bool,
    dirty: Vec<usize>,
    to_open: Vec<usize>,
    to_move: Vec<(usize, u32, Duration)>,
    frames: Vec<String>,
    body: String,
}

/// What all clients have in common.
pub(crate) struct Settings {
    pub(crate) dialect: dialect::Name,
    pub(crate) urls: Vec<Rc<Url>>,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) resumable: bool,
    pub(crate) seed: u64,
    pub(crate) largest_body: usize,
    pub(crate) worker: usize,
}

/// What is left to do at the edge.
pub(crate) struct Effects {
    pub(crate) to_open: Vec<usize>,
    /// Clients that are to go to another server, or to come back, from which of their connections, and in which while.
    pub(crate) to_move: Vec<(usize, u32, Duration)>,
    pub(crate) has_changed: bool,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Served {
    /// All that came was read.
    AtRest,
    More,
    Ended,
}

impl Crowd {
    pub(crate) fn new(settings: Settings, foremost: Timed) -> Self {
        Self {
            clock: Clock::new(),
            clients: Vec::new(),
            ledger: Ledger::new(settings.worker),
            tally: Tally::new(foremost),
            open: 0,
            joined: 0,
            known: 0,
            rooms: 0,
            second: (0, 0),
            forgives: false,
            returns: false,
            random: fastrand::Rng::with_seed(settings.seed),
            stamper: Stamper::new(settings.largest_body),
            settings,
            has_changed: false,
            dirty: Vec::new(),
            to_open: Vec::new(),
            to_move: Vec::new(),
            frames: Vec::new(),
            body: String::new(),
        }
    }

    /// Adds a client, who goes to the servers in turn with the others of its room, and that of them to the `first` one who is
    /// first in it.
    pub(crate) fn add(&mut self, script: usize, first: usize, seat: Seat) -> usize {
        let no = self.clients.len();
        let Settings { urls, sources, dialect, resumable, .. } = &self.settings;
        let server = urls[(first + seat.index) % urls.len()].clone();
        let source = (!sources.is_empty()).then(|| sources[no % sources.len()]);
        let speaker = dialect.speaker(&seat, *resumable);
        self.clients.push(Client::new(seat, server, source, script, speaker));
        no
    }

    /// Adds the members of a room.
    pub(crate) fn add_room(&mut self, script: usize, name: &str, size: usize) -> Vec<usize> {
        let room = room_name(self.settings.seed, name);
        self.rooms += 1;
        let first = self.rooms; // each room begins with another server, so that all of them have as many clients
        (0..size).map(|index| self.add(script, first, Seat { room: room.clone(), index, of: size })).collect()
    }

    /// A client is to connect, which was due, and to go on from there.
    pub(crate) fn open(&mut self, no: usize, due: u64, entry: Entry) {
        let client = &mut self.clients[no];
        client.due = due;
        client.entry = entry;
        client.state = State::Opening;
        client.connection.number += 1;
        self.to_open.push(no);
    }

    /// A client that is connected asks for its room, which was due.
    pub(crate) fn join(&mut self, no: usize, due: u64) {
        let client = &mut self.clients[no];
        client.due = due;
        client.state = State::Entering;
        client.dialect.join(&mut self.frames);
        self.send(no);
    }

    /// A client leaves, and then closes its connection.
    pub(crate) fn leave(&mut self, no: usize) {
        let client = &mut self.clients[no];
        if client.is_joined() {
            client.dialect.leave(&mut self.frames);
        }
        let says_so = !self.frames.is_empty();
        self.send(no);
        self.forget(no);
        self.clients[no].state = State::Leaving;
        if !says_so {
            self.close(no);
        }
    }

    /// A client's connection breaks, without a word.
    pub(crate) fn drop_connection(&mut self, no: usize) {
        let client = &mut self.clients[no];
        client.connection.number += 1;
        if client.connection.socket.take().is_some() {
            self.open -= 1;
        }
        self.joined -= usize::from(client.is_joined());
        client.state = State::Out;
        if let Some(waker) = client.connection.waker.take() {
            waker.wake();
        }
    }

    /// A client takes up its session at another server, if it still has the connection on which it was asked to; or it comes
    /// back, if it still is without one.
    pub(crate) fn move_on(&mut self, no: usize, connection: u32) {
        let client = &self.clients[no];
        if client.connection.number != connection {
            return;
        }
        if client.lost.is_some() && client.state == State::Out {
            return self.come_back(no);
        }
        if !client.is_joined() {
            return;
        }
        let urls = &self.settings.urls;
        let here = urls.iter().position(|url| *url == client.server).unwrap_or(0);
        let next = urls[(here + 1) % urls.len()].clone();
        self.drop_connection(no);
        self.clients[no].server = next;
        self.open(no, self.clock.now_us(), Entry::Resume);
    }

    fn come_back(&mut self, no: usize) {
        let client = &self.clients[no];
        if client.dialect.resumes() {
            return self.open(no, self.clock.now_us(), Entry::Resume);
        }
        // Since when it waits, not since when it tries again.
        self.open(no, client.due, client.entry);
    }

    /// Whether a client that lost its connection as it was in this state will come back. Then it is to, in a while.
    fn will_return(&mut self, no: usize, was: State) -> bool {
        let client = &mut self.clients[no];
        let since = client.lost.map_or_else(|| self.clock.now_us(), |(since, _)| since);
        let attempts = client.lost.map_or(0, |(_, attempts)| attempts);
        let can = was != State::Leaving && (was != State::Joined || client.dialect.resumes());
        if !self.returns || !can || attempts == MOST_ATTEMPTS {
            client.lost = None;
            return false;
        }
        client.lost = Some((since, attempts + 1));
        if was == State::Entering && client.entry == Entry::Wait {
            client.entry = Entry::Join;
        }
        let wait = (LEAST_WAIT * 2_u32.pow(attempts)).mul_f64(self.random.f64());
        self.to_move.push((no, client.connection.number, wait));
        true
    }

    /// What a client was is over: its membership, and whom it knew.
    pub(crate) fn forget(&mut self, no: usize) {
        let client = &mut self.clients[no];
        self.joined -= usize::from(client.is_joined());
        self.known -= client.view.len();
        client.view.clear();
        if client.is_joined() {
            client.state = State::Open;
        }
        if let Some(member) = client.member {
            self.ledger.end(member);
        }
    }

    /// A client tells another something that was due.
    pub(crate) fn say(&mut self, kind: Kind, from: usize, to: usize, size: usize, due: u64, now: u64) {
        let (Some(sender), Some(receiver)) = (self.clients[from].member, self.clients[to].member) else {
            return;
        };
        let n = self.ledger.send(sender, receiver);
        self.stamper.write(Stamp { from: sender, to: receiver, n, due_us: due, kind }, size, &mut self.body);
        self.clients[from].dialect.relay(kind, self.ledger.id(receiver), &self.body, &mut self.frames);
        self.tally.sent(self.frames.iter().map(String::len).sum(), now);
        if due != now {
            self.tally.time(Timed::Lag, due, now); // an answer is due when it is given
        }
        self.second.0 += 1;
        self.send(from);
    }

    /// Whatever clients have to say now and then.
    pub(crate) fn tick(&mut self, nos: impl Iterator<Item = usize>) {
        let since_start = self.clock.since_start();
        for no in nos {
            let client = &mut self.clients[no];
            if client.connection.socket.is_some() && client.is_joined() {
                client.dialect.tick(since_start, &mut self.frames);
                self.send(no);
            }
        }
    }

    /// Reads what came to a client.
    pub(crate) fn serve(&mut self, no: usize, connection: u32, scripts: &mut Scripts) -> Served {
        for _ in 0..TURN {
            let client = &mut self.clients[no];
            if client.connection.number != connection {
                return Served::Ended;
            }
            let Some(socket) = &mut client.connection.socket else { return Served::Ended };
            match socket.read() {
                Ok(Some(frame)) => self.hear(no, &frame, scripts),
                Ok(None) => {
                    if client.connection.is_blocked {
                        self.mark(no);
                    }
                    return Served::AtRest;
                }
                Err(end) => {
                    self.ended(no, &end, scripts);
                    return Served::Ended;
                }
            }
        }
        Served::More
    }

    /// The connection that a client asked for is there, or can't be had.
    pub(crate) fn opened(
        &mut self,
        no: usize,
        connection: u32,
        socket: Result<Socket>,
        scripts: &mut Scripts,
    ) -> bool {
        let now = self.clock.now_us();
        self.has_changed = true;
        let client = &mut self.clients[no];
        if client.connection.number != connection {
            return false;
        }
        match socket {
            Ok(socket) => client.connection.socket = Some(socket),
            Err(error) => {
                client.state = State::Out;
                let sentence = format!("{}: {error:#}", client.name());
                if self.will_return(no, State::Opening) {
                    return false;
                }
                if !self.forgives {
                    self.tally.counts.connect_failures += 1;
                    self.tally.find("not connected", sentence);
                }
                self.tell(no, scripts, Event::Ended, now);
                return false;
            }
        }
        client.state = State::Open;
        client.connection.is_dirty = false;
        client.connection.is_blocked = false;
        self.open += 1;
        self.tally.counts.connected += 1;
        let (due, entry) = (client.due, client.entry);
        self.tally.time(Timed::Connect, due, now);
        match entry {
            Entry::Wait => self.clients[no].lost = None,
            Entry::Join => self.join(no, due),
            Entry::Resume => {
                self.clients[no].state = State::Entering;
                self.clients[no].dialect.resume(&mut self.frames);
                self.send(no);
            }
        }
        self.tell(no, scripts, Event::Opened, now);
        true
    }

    /// Sends what was said since, and returns what else is to be done.
    pub(crate) fn settle(&mut self) -> Effects {
        while let Some(no) = self.dirty.pop() {
            self.flush(no);
        }
        Effects {
            to_open: std::mem::take(&mut self.to_open),
            to_move: std::mem::take(&mut self.to_move),
            has_changed: std::mem::take(&mut self.has_changed),
        }
    }

    /// Checks that each of these clients knows the others that are there, and nobody else.
    pub(crate) fn check_views(&mut self, room: &[usize]) {
        let there: Vec<usize> = room.iter().copied().filter(|no| self.clients[*no].is_joined()).collect();
        let ids: Vec<&str> = there.iter().map(|no| self.id(*no)).collect();
        let mut wrong = Vec::new();
        for (no, id) in there.iter().zip(&ids) {
            let client = &self.clients[*no];
            if !client.dialect.gives_notice() {
                continue;
            }
            let view: HashSet<&str> = client.view.iter().map(String::as_str).collect();
            let true_view: HashSet<&str> = ids.iter().copied().filter(|other| other != id).collect();
            let name = client.name();
            wrong.extend(true_view.difference(&view).map(|peer| format!("{name} wasn't told of {peer}")));
            wrong.extend(
                view.difference(&true_view).map(|peer| format!("{name} wasn't told that {peer} is gone")),
            );
        }
        for sentence in wrong {
            self.wrong_notice(sentence);
        }
    }

    /// What was never heard.
    pub(crate) fn check_losses(&mut self) {
        self.tally.counts.lost += self.ledger.under_way();
        for sentence in self.ledger.lost().take(20) {
            self.tally.find("lost", sentence);
        }
    }

    /// Whether a client knows another.
    pub(crate) fn knows(&self, no: usize, other: usize) -> bool {
        !self.clients[no].dialect.gives_notice()
            || self.clients[no].view.iter().any(|peer| peer == self.id(other))
    }

    /// A client that is out will come as somebody who was never there, into another room if one is named.
    pub(crate) fn renew(&mut self, no: usize, room: Option<&str>) {
        let Settings { dialect, resumable, seed, .. } = &self.settings;
        let client = &mut self.clients[no];
        if let Some(room) = room {
            client.seat.room = room_name(*seed, room);
        }
        client.dialect = dialect.speaker(&client.seat, *resumable);
    }

    pub(crate) fn remember_waker(&mut self, no: usize, waker: &Waker) -> bool {
        let connection = &mut self.clients[no].connection;
        if !connection.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            connection.waker = Some(waker.clone());
        }
        connection.is_blocked
    }

    pub(crate) fn id(&self, no: usize) -> &str {
        self.clients[no].member.map_or("", |member| self.ledger.id(member))
    }

    fn hear(&mut self, no: usize, frame: &str, scripts: &mut Scripts) {
        let heard = self.clients[no].dialect.hear(frame, &mut self.frames);
        if !self.frames.is_empty() {
            self.send(no);
        }
        let now = self.clock.now_us();
        match heard {
            Heard::Message { from, kind, body } => self.message(no, from, kind, body, scripts, now),
            Heard::Nothing => {}
            heard => {
                self.has_changed = true;
                self.notice(no, heard, scripts, now);
            }
        }
    }

    fn message(&mut self, no: usize, from: &str, kind: Kind, body: &str, scripts: &mut Scripts, now: u64) {
        self.second.1 += 1;
        self.tally.received(now);
        let stamp = match self.stamper.read(body) {
            Ok(stamp) if stamp.kind == kind => stamp,
            Ok(stamp) => {
                let sentence = format!("a message sent as {:?} came as {kind:?}", stamp.kind);
                return self.tally.fault(crate::ledger::Fault::Corrupted(sentence));
            }
            Err(odd) => return self.tally.fault(crate::ledger::Fault::Corrupted(odd)),
        };
        let client = &self.clients[no];
        let Some(member) = client.member else { return };
        if let Err(fault) = self.ledger.hear(member, from, &stamp) {
            return self.tally.fault(fault);
        }
        if client.dialect.gives_notice() && client.is_joined() && !client.view.iter().any(|peer| peer == from)
        {
            let sentence = format!("{} heard {from}, of whom it wasn't told", client.name());
            self.wrong_notice(sentence);
        }
        self.tally.time(Timed::Relay, stamp.due_us, now);
        self.has_changed |= self.ledger.under_way() == 0;
        self.tell(no, scripts, Event::Message(&stamp), now);
    }

    fn notice(&mut self, no: usize, heard: Heard<'_>, scripts: &mut Scripts, now: u64) {
        match heard {
            Heard::Joined { me, peers } => self.entered(no, me, peers, scripts, now),
            Heard::Resumed => {
                self.clients[no].state = State::Joined;
                self.joined += 1;
                self.tally.counts.resumed += 1;
                if let Some((since, _)) = self.clients[no].lost.take() {
                    self.tally.time(Timed::Recovery, since, now);
                }
                self.tell(no, scripts, Event::Resumed, now);
            }
            Heard::Came(peer) => self.came(no, &peer, scripts, now),
            Heard::Went(peer) => self.went(no, &peer, scripts, now),
            Heard::Left => self.close(no),
            Heard::Away(peer) | Heard::Back(peer) => {
                let client = &self.clients[no];
                if client.is_joined() && !client.view.contains(&peer) {
                    let sentence = format!("{} was told of {peer}, which isn't there", client.name());
                    self.wrong_notice(sentence);
                }
            }
            Heard::Gap => self.error(no, "it may have lost something (gap)", scripts, now),
            Heard::Error(error) => self.error(no, &error, scripts, now),
            Heard::Nonsense(error) => self.error(no, &format!("it makes no sense: {error}"), scripts, now),
            // Who can't resume waits for its connection to be closed.
            Heard::Reconnect { after } if self.clients[no].dialect.resumes() => {
                self.to_move.push((no, self.clients[no].connection.number, after));
            }
            Heard::Reconnect { .. } if self.returns => {}
            Heard::Reconnect { after } => {
                let sentence = format!(
                    "{} was asked to connect elsewhere in {after:.1?}, and has no session that it could resume",
                    self.clients[no].name()
                );
                self.tally.find("reconnect", sentence);
            }
            Heard::Message { .. } | Heard::Nothing => {}
        }
    }

    fn entered(&mut self, no: usize, me: String, peers: Vec<String>, scripts: &mut Scripts, now: u64) {
        let client = &mut self.clients[no];
        if client.state != State::Entering {
            let sentence = format!("{} was told that it is in the room, and hadn't asked", client.name());
            return self.wrong_notice(sentence);
        }
        client.state = State::Joined;
        client.lost = None;
        client.member = Some(self.ledger.enter(me));
        self.joined += 1;
        self.known += peers.len();
        client.view = peers;
        self.tally.counts.joined += 1;
        self.tally.time(Timed::Join, client.due, now);
        self.tell(no, scripts, Event::Joined, now);
    }

    fn came(&mut self, no: usize, peer: &str, scripts: &mut Scripts, now: u64) {
        let client = &mut self.clients[no];
        if !client.is_joined() {
            return;
        }
        if client.view.iter().any(|known| known == peer) {
            let sentence = format!("{} was told twice that {peer} came", client.name());
            return self.wrong_notice(sentence);
        }
        client.view.push(peer.to_owned());
        self.known += 1;
        self.tell(no, scripts, Event::Came(peer), now);
    }

    fn went(&mut self, no: usize, peer: &str, scripts: &mut Scripts, now: u64) {
        let client = &mut self.clients[no];
        if !client.is_joined() {
            return;
        }
        let Some(place) = client.view.iter().position(|known| known == peer) else {
            let sentence = format!("{} was told that {peer} is gone, which wasn't there", client.name());
            return self.wrong_notice(sentence);
        };
        client.view.remove(place);
        self.known -= 1;
        self.tell(no, scripts, Event::Went(peer), now);
    }

    fn error(&mut self, no: usize, error: &str, scripts: &mut Scripts, now: u64) {
        let client = &self.clients[no];
        if client.state == State::Leaving {
            return;
        }
        let sentence = format!("{}: {error}", client.name());
        if client.state == State::Entering && client.entry == Entry::Join {
            self.tally.counts.join_failures += 1;
            self.tally.find("not joined", sentence);
        } else if !(self.forgives && error.starts_with("unavailable")) {
            self.tally.counts.errors += 1;
            self.tally.find("error", sentence);
        }
        self.tell(no, scripts, Event::Error(error), now);
    }

    /// A connection ended that wasn't dropped by us.
    fn ended(&mut self, no: usize, end: &str, scripts: &mut Scripts) {
        self.has_changed = true;
        let client = &mut self.clients[no];
        let was = client.state;
        if client.connection.socket.take().is_some() {
            self.open -= 1;
        }
        client.connection.number += 1;
        self.joined -= usize::from(was == State::Joined);
        client.state = State::Out;
        let sentence = format!("{}: {end}", client.name());
        if self.will_return(no, was) {
            return;
        }
        if was != State::Leaving && !self.forgives {
            self.tally.counts.disconnects += 1;
            self.tally.find("disconnected", sentence);
        }
        let now = self.clock.now_us();
        self.tell(no, scripts, Event::Ended, now);
    }

    fn close(&mut self, no: usize) {
        let connection = &mut self.clients[no].connection;
        if let Some(socket) = &mut connection.socket {
            socket.close();
        }
        self.clients[no].state = State::Leaving;
        self.mark(no);
    }

    /// Writes the frames that a dialect made.
    fn send(&mut self, no: usize) {
        let Some(socket) = &mut self.clients[no].connection.socket else {
            self.frames.clear();
            return;
        };
        let mut has_written = false;
        for frame in self.frames.drain(..) {
            has_written = true;
            if socket.write(frame).is_err() {
                return; // it is heard of when it is read
            }
        }
        if has_written {
            self.mark(no);
        }
    }

    fn mark(&mut self, no: usize) {
        let connection = &mut self.clients[no].connection;
        if !connection.is_dirty {
            connection.is_dirty = true;
            self.dirty.push(no);
        }
    }

    fn flush(&mut self, no: usize) {
        let connection = &mut self.clients[no].connection;
        connection.is_dirty = false;
        let Some(socket) = &mut connection.socket else { return };
        match socket.flush() {
            Ok(all) => {
                let was_blocked = std::mem::replace(&mut connection.is_blocked, !all);
                if !all
                    && !was_blocked
                    && let Some(waker) = connection.waker.take()
                {
                    waker.wake(); // to wait for a chance to write as well
                }
            }
            // The reader hears of it too, and of the close frame that may have come before.
            Err(_) => {
                if let Some(waker) = connection.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    fn wrong_notice(&mut self, sentence: String) {
        self.tally.counts.wrong_notices += 1;
        self.tally.find("wrong notice", sentence);
    }

    fn tell(&mut self, no: usize, scripts: &mut Scripts, event: Event<'_>, now: u64) {
        let script = self.clients[no].script;
        scripts[script].heard(self, no, event, now);
    }
}

/// So that runs side by side don't meet.
fn room_name(seed: u64, name: &str) -> String {
    format!("load-{seed}-{name}")
}
