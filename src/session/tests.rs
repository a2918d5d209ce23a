//! A session against every order of events that a room and a network can make.
//!
//! [`World`] is a room that is told of truthfully, and networks that aren't: notices are lost, doubled and late, answers
//! overtake them or lag, and links are cut with all that is on them. [`Client`] reads what its session sends it, and fails on
//! the first thing that can't be true. One that can come back loses its connections, too, with what is on their way in both
//! directions, and takes its session up by another, each on a node of its own, with a session of its own.

mod passes;

use super::*;
use crate::{
    protocol::{IceServers, Peer},
    room::{Change, Notice},
};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What may happen, in any order. A connection is named by its age: 0 is the latest.
#[derive(Clone, Debug)]
enum Step {
    /// A peer joins, unless it is in.
    Join(u8),
    /// A peer leaves, unless it is out.
    Leave(u8),
    /// A peer shows something else.
    Show(u8),
    /// A peer's connection is gone, or back.
    Turn(u8),
    /// A peer sends our client a message.
    Send(u8),
    /// A peer sends its last message again, as it doesn't know that it was handled.
    SendAgain(u8),
    /// Our client's session hears what the room told first.
    Deliver(usize),
    /// It hears it, and will hear it again.
    Repeat,
    /// It hears once more what it heard some time ago.
    Echo(Index),
    /// It never hears it, if it is a notice; the exchange will say so, later.
    Lose,
    /// The link is cut: what is on its way is lost from some point on, and so is all that is told from now on.
    Cut(Index),
    /// The link is there again. The exchange says so before anything else.
    Mend,
    /// The exchange forgets the messages up to the last one that our client's node had; or, for one that can come back, those
    /// that the client had.
    Trim(usize),
    /// The exchange takes a session's oldest question.
    Serve(usize),
    /// A session hears the answer to its oldest question.
    Answer(usize),
    /// Our client reads a frame.
    Read,
    /// It says something to all.
    Say,
    /// It says what it had.
    Ack,
    /// A session hears what its client said first.
    Hear(usize),
    /// The client's connection breaks: of what was on the way down, and up, the last is lost.
    Break(Index, Index),
    /// A session notices that its client is gone.
    Notice(usize),
    /// Our client comes back by another connection, whether the one that it has broke or not.
    Return,
    /// Half a second passes.
    Wait,
}

/// What happens around every client.
fn around() -> BoxedStrategy<Step> {
    prop_oneof![
        3 => (0..5u8).prop_map(Step::Join),
        2 => (0..5u8).prop_map(Step::Leave),
        1 => (0..5u8).prop_map(Step::Show),
        2 => (0..5u8).prop_map(Step::Turn),
        4 => (0..5u8).prop_map(Step::Send),
        1 => (0..5u8).prop_map(Step::SendAgain),
        8 => age().prop_map(Step::Deliver),
        1 => Just(Step::Repeat),
        1 => any::<Index>().prop_map(Step::Echo),
        2 => Just(Step::Lose),
        1 => any::<Index>().prop_map(Step::Cut),
        2 => Just(Step::Mend),
        2 => age().prop_map(Step::Trim),
        3 => age().prop_map(Step::Serve),
        3 => age().prop_map(Step::Answer),
    ]
    .boxed()
}

/// What happens besides to one that can come back.
fn coming_and_going() -> BoxedStrategy<Step> {
    prop_oneof![
        8 => Just(Step::Read),
        2 => Just(Step::Say),
        3 => Just(Step::Ack),
        6 => age().prop_map(Step::Hear),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(down, up)| Step::Break(down, up)),
        1 => age().prop_map(Step::Notice),
        2 => Just(Step::Return),
        2 => Just(Step::Wait),
    ]
    .boxed()
}

fn age() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 1 => 1..3usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever the order: each notice once, nothing from a peer outside its presence, nothing twice; and in the end the
    /// client's view is true, and it had every message of every peer that it was told of, in order.
    #[test]
    fn the_view_ends_true(steps in prop::collection::vec(around(), 0..200), before in 0..40usize) {
        World::of_one_that_stays().live(&steps, before);
    }

    /// The same, over all the connections of a session; what its client said reached the others so, too; and of the messages
    /// that were kept for it, none is kept for good.
    #[test]
    fn the_view_ends_true_for_who_comes_back(
        steps in prop::collection::vec(prop_oneof![around(), coming_and_going()], 0..250),
        before in 0..20usize,
    ) {
        World::of_one_that_returns().live(&steps, before);
    }
}

/// The truth, and what is under way to our client.
struct World {
    version: u64,
    members: BTreeMap<SocketId, Sender>,
    /// Who was there.
    past: BTreeMap<SocketId, Sender>,
    /// Ids used so far, one for each time that a peer joined.
    seats: [Option<SocketId>; 5],
    ids: u8,
    /// How our client's session stands to the room.
    place: Place,
    mailbox: Mailbox,
    /// The latest is the last.
    connections: Vec<Connection>,
    client: Client,
    /// The numbers of our client's messages, as the others have them.
    others_had: Vec<u64>,
    now: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    /// In, through the connection of this attempt.
    With(u64),
    /// In, without a connection since this one.
    Away(u64),
}

/// The messages that the exchange keeps for our client.
#[derive(Default)]
struct Mailbox {
    messages: VecDeque<Signal>,
    /// The last one that our client's node had since it was trimmed.
    last: Option<Signal>,
}

/// One connection of our client's, the session at its end, and the node that it is on.
struct Connection {
    attempt: u64,
    session: Session,
    /// What our client hasn't read yet, and what its session hasn't heard yet.
    down: VecDeque<Value>,
    up: VecDeque<Value>,
    /// The client has left it.
    is_left: bool,
    /// The room's deliveries come to it.
    is_told: bool,
    told: VecDeque<Event>,
    heard: Vec<Event>,
    requests: VecDeque<Effect>,
    answers: VecDeque<Answer>,
    /// What its client had, or never will: whenever it comes to the front of the mailbox, it needn't be kept.
    acked: BTreeMap<SocketId, u64>,
    link: Link,
    lost: bool,
}

enum Answer {
    Event(Event),
    Handled(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// All that is told arrives.
    Whole,
    /// Nothing arrives.
    Cut,
    /// All arrives again, but what was lost hasn't been asked for: nothing of the mailbox may be forgotten.
    Mended,
}

struct Sender {
    info: u64,
    away: bool,
    /// The number of its last message to our client.
    sent: u64,
}

impl World {
    fn of_one_that_stays() -> Self {
        Self::new(false)
    }

    fn of_one_that_returns() -> Self {
        Self::new(true)
    }

    fn new(returns: bool) -> Self {
        let now = Instant::now();
        Self {
            version: 0,
            members: BTreeMap::new(),
            past: BTreeMap::new(),
            seats: [None; 5],
            ids: 0,
            place: Place::Outside,
            mailbox: Mailbox::default(),
            connections: vec![Connection::new(0, now)],
            client: Client { returns, ..Client::default() },
            others_had: Vec::new(),
            now,
        }
    }

    fn live(mut self, steps: &[Step], before: usize) {
        for (index, step) in steps.iter().enumerate() {
            if index == before.min(steps.len() - 1) {
                self.our_client_joins();
            }
            self.take(step);
        }
        self.come_to_rest();
    }

    fn our_client_joins(&mut self) {
        let join = json!({ "eventName": "join", "data": { "room": "room", "resume": self.client.returns } });
        self.input(0, Input::Text(&join.to_string()));
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Join(seat) => self.join(usize::from(seat)),
            Step::Leave(seat) => {
                if let Some(id) = self.seats[usize::from(seat)].take() {
                    self.past.extend(self.members.remove_entry(&id));
                    self.tell(Change::Left(id, LeaveReason::Left));
                }
            }
            Step::Show(seat) => {
                if let Some((id, sender)) = self.sender(seat).filter(|(_, sender)| !sender.away) {
                    sender.info += 1;
                    let peer = peer(id, sender.info);
                    self.tell(Change::Info(peer));
                }
            }
            Step::Turn(seat) => {
                if let Some((id, sender)) = self.sender(seat) {
                    sender.away = !sender.away;
                    let change = if sender.away { Change::Away(id) } else { Change::Back(id) };
                    self.tell(change);
                }
            }
            Step::Send(seat) => self.send(seat, 1),
            Step::SendAgain(seat) => self.send(seat, 0),
            Step::Deliver(age) => {
                let Some(connection) = self.connection(age) else { return };
                if let Some(event) = connection.told.pop_front() {
                    connection.heard.push(event.clone());
                    if let Event::Signal(signal) = &event {
                        self.mailbox.last = Some(signal.clone());
                    }
                    self.deliver(age, event);
                }
            }
            Step::Echo(index) => {
                if let Some(heard) = self.connection(0).map(|connection| &connection.heard)
                    && !heard.is_empty()
                {
                    let event = index.get(heard).clone();
                    self.deliver_again(event);
                }
            }
            Step::Repeat => {
                if let Some(event) = self.latest().told.front().cloned() {
                    self.deliver_again(event);
                }
            }
            Step::Lose => {
                let latest = self.latest();
                if let Some(Event::Notice(_)) = latest.told.front() {
                    latest.told.pop_front();
                    latest.lost = true;
                }
            }
            Step::Cut(index) => {
                let latest = self.latest();
                latest.told.truncate(index.index(latest.told.len() + 1));
                latest.link = Link::Cut;
            }
            Step::Mend => self.latest().mend(),
            Step::Trim(age) => self.trim(age),
            Step::Serve(age) => self.serve(age),
            Step::Answer(age) => {
                match self.connection(age).and_then(|connection| connection.answers.pop_front()) {
                    Some(Answer::Event(event)) => self.deliver(age, event),
                    Some(Answer::Handled(n)) => self.input(age, Input::Handled(n)),
                    None => {}
                }
            }
            _ => self.come_and_go(step),
        }
    }

    /// What only one does that can come back.
    fn come_and_go(&mut self, step: &Step) {
        match *step {
            Step::Read => {
                let latest = self.latest();
                if !latest.is_left
                    && let Some(frame) = latest.down.pop_front()
                {
                    self.client.read(&frame);
                    self.client_speaks();
                }
            }
            Step::Say => {
                self.client.say();
                self.client_speaks();
            }
            Step::Ack => {
                self.client.acknowledge();
                self.client_speaks();
            }
            Step::Hear(age) => {
                if let Some(connection) = self.connection(age)
                    && connection.session.listens()
                    && let Some(frame) = connection.up.pop_front()
                {
                    self.input(age, Input::Text(&frame.to_string()));
                }
            }
            Step::Break(down, up) => self.break_connection(down, up),
            Step::Notice(age) => {
                if self.connection(age).is_some_and(|connection| connection.is_left) {
                    self.input(age, Input::Gone(LeaveReason::Lost));
                }
            }
            Step::Return => self.return_by_another_connection(),
            Step::Wait => self.wait(),
            _ => unreachable!("it happens to everybody"),
        }
    }

    fn latest(&mut self) -> &mut Connection {
        self.connections.last_mut().expect("one at least")
    }

    fn connection(&mut self, age: usize) -> Option<&mut Connection> {
        self.connections.iter_mut().rev().nth(age)
    }

    fn sender(&mut self, seat: u8) -> Option<(SocketId, &mut Sender)> {
        let id = self.seats[usize::from(seat)]?;
        Some((id, self.members.get_mut(&id).expect("seated")))
    }

    fn join(&mut self, seat: usize) {
        if self.seats[seat].is_none() {
            self.ids += 1;
            let id = id(self.ids);
            self.seats[seat] = Some(id);
            self.members.insert(id, Sender { info: 0, away: false, sent: 0 });
            self.tell(Change::Joined(peer(id, 0)));
        }
    }

    /// Only who knows of our client can send it something: those who are in when it is.
    fn send(&mut self, seat: u8, more: u64) {
        if self.place == Place::Outside {
            return;
        }
        if let Some((id, sender)) = self.sender(seat)
            && !sender.away
            && sender.sent + more > 0
        {
            sender.sent += more;
            let signal = signal(id, sender.sent);
            self.mailbox.messages.push_back(signal.clone());
            self.publish(&Event::Signal(signal));
        }
    }

    fn tell(&mut self, change: Change) {
        self.version += 1;
        if self.place != Place::Outside {
            self.publish(&Event::Notice(Notice { version: self.version, change }));
        }
    }

    fn publish(&mut self, event: &Event) {
        for connection in &mut self.connections {
            connection.tell(event);
        }
    }

    /// Whatever the reason for it, after a `Lapse` the exchange forgets nothing until it is asked.
    fn deliver_again(&mut self, event: Event) {
        let latest = self.latest();
        if event == Event::Lapse && latest.link == Link::Whole {
            latest.link = Link::Mended;
        }
        self.deliver(0, event);
    }

    fn deliver(&mut self, age: usize, event: Event) {
        self.input(age, Input::Exchange(event));
    }

    /// Does what a session says. The way to the exchange takes its time, and so does the one to the client.
    fn input(&mut self, age: usize, input: Input<'_>) {
        let (mut effects, now) = (Vec::new(), self.now);
        let Some(connection) = self.connection(age) else { return };
        connection.session.handle(input, now, &mut effects);
        for effect in effects {
            connection.obey(effect);
        }
        while !self.client.returns
            && let Some(frame) = self.latest().down.pop_front()
        {
            self.client.read(&frame);
        }
    }

    fn serve(&mut self, age: usize) {
        let Some(connection) = self.connection(age) else { return };
        let (attempt, request) = (connection.attempt, connection.requests.pop_front());
        let speaks = self.place == Place::With(attempt);
        match request {
            None => {}
            Some(Effect::Join(..)) => {
                self.version += 1;
                self.place = Place::With(0);
                let snapshot = self.snapshot();
                self.answer(age, Event::Joined(snapshot));
                self.latest().is_told = true;
            }
            Some(Effect::Resume(member, claim)) => self.resume(age, &member, &claim),
            Some(Effect::Sync) if speaks => {
                let mailbox = self.mailbox.messages.iter().cloned().collect();
                let snapshot = self.snapshot();
                self.answer(age, Event::Synced { snapshot, mailbox });
                let connection = self.connection(age).expect("it asked");
                if connection.link == Link::Mended && !connection.told.contains(&Event::Lapse) {
                    connection.link = Link::Whole;
                }
            }
            Some(Effect::Sync) => self.answer(age, Event::Replaced),
            Some(Effect::Detach) if speaks => {
                self.place = Place::Away(attempt);
                self.tell(Change::Away(id(0)));
            }
            // It may come late, from a connection that was replaced.
            Some(Effect::Broadcast(Signal { n, .. })) => {
                let last = self.others_had.last().copied().unwrap_or_default();
                assert!(n <= last + 1, "{n} comes after {last}");
                if n > last {
                    self.others_had.push(n);
                }
                self.connection(age).expect("it asked").answers.push_back(Answer::Handled(n));
            }
            Some(Effect::Detach | Effect::Leave(LeaveReason::Lost)) if !speaks => {}
            Some(other) => panic!("nobody asked for {other:?}"),
        }
    }

    /// Whoever has the highest attempt speaks for the session.
    fn resume(&mut self, age: usize, member: &Member, claim: &Claim) {
        let (Place::With(before) | Place::Away(before)) = self.place else { panic!("it wasn't in") };
        if member.attachment.attempt() <= before {
            self.connection(age).expect("it asked").is_told = false;
            return self.answer(age, Event::Refused(Refusal::Expired));
        }
        for earlier in
            self.connections.iter_mut().filter(|earlier| earlier.attempt < member.attachment.attempt())
        {
            earlier.replace();
        }
        let was_away = matches!(self.place, Place::Away(_));
        self.place = Place::With(member.attachment.attempt());
        if was_away {
            self.tell(Change::Back(member.id));
        }
        self.mailbox.forget(&claim.had.iter().copied().collect());
        let mailbox = self.mailbox.messages.iter().cloned().collect();
        let snapshot = self.snapshot();
        self.answer(age, Event::Resumed { snapshot, mailbox });
    }

    fn answer(&mut self, age: usize, event: Event) {
        self.connection(age).expect("it asked").answers.push_back(Answer::Event(event));
    }

    fn trim(&mut self, age: usize) {
        let Some(connection) = self.connections.iter().rev().nth(age) else { return };
        if self.client.returns {
            self.mailbox.forget(&connection.acked);
        } else if connection.link == Link::Whole {
            self.mailbox.trim();
        }
    }

    fn snapshot(&self) -> Snapshot {
        let shown = |(&id, sender): (&SocketId, &Sender)| Peer { away: sender.away, ..peer(id, sender.info) };
        Snapshot { version: self.version, peers: self.members.iter().map(shown).collect() }
    }

    fn client_speaks(&mut self) {
        let frames = mem::take(&mut self.client.says);
        self.latest().up.extend(frames);
    }

    /// A client that doesn't know its key yet can't come back.
    fn break_connection(&mut self, down: Index, up: Index) {
        let latest = self.connections.last_mut().expect("one at least");
        if !self.client.is_in || latest.is_left {
            return;
        }
        latest.up.truncate(up.index(latest.up.len() + 1));
        latest.down.truncate(down.index(latest.down.len() + 1));
        for frame in latest.down.drain(..) {
            self.client.read(&frame);
        }
        latest.is_left = true;
        self.client.part();
    }

    /// It reads no more of the connection that it had.
    fn return_by_another_connection(&mut self) {
        if !self.client.is_in {
            return;
        }
        self.client.part();
        self.latest().is_left = true;
        let attempt = self.latest().attempt + 1;
        let mut connection = Connection::new(attempt, self.now);
        connection.up.push_back(self.client.claim(attempt));
        self.connections.push(connection);
    }

    /// Not so long that anybody loses patience.
    fn wait(&mut self) {
        self.now += Duration::from_millis(500);
        for age in 0..self.connections.len() {
            self.input(age, Input::Heard);
            self.input(age, Input::Tick);
        }
    }

    /// Everything under way arrives; then the exchange owns up to what it lost.
    fn come_to_rest(&mut self) {
        self.settle();
        if self.place == Place::Outside {
            return;
        }
        if self.latest().is_left {
            self.return_by_another_connection();
        }
        self.settle();
        if self.latest().lost {
            self.deliver(0, Event::Lapse);
            self.settle();
        }
        let truth: BTreeMap<_, _> =
            self.members.iter().map(|(id, sender)| (id.to_string(), (sender.info, sender.away))).collect();
        let peers = self.client.peers.iter();
        let view: BTreeMap<_, _> = peers.map(|(id, known)| (id.clone(), (known.info, known.away))).collect();
        assert_eq!(view, truth, "the client's view");
        for (id, sender) in self.members.iter().chain(&self.past) {
            let known = self.client.peers.get(id.as_str()).or(self.client.gone.get(id.as_str()));
            assert!(
                known.is_none_or(|known| known.last == sender.sent),
                "{id} sent {}: {known:?}",
                sender.sent
            );
        }
        if self.client.returns {
            self.nothing_is_kept_for_good();
        }
    }

    /// What the client said is acknowledged, and what it acknowledges is forgotten.
    fn nothing_is_kept_for_good(&mut self) {
        self.wait();
        self.settle();
        self.wait();
        self.settle();
        assert_eq!(self.client.unacknowledged, VecDeque::new(), "they were handled, and it isn't told");
        assert_eq!(self.others_had, (1..=self.client.said).collect::<Vec<_>>());
        self.take(&Step::Ack);
        self.settle();
        self.trim(0);
        let kept: Vec<_> = self.mailbox.messages.iter().map(|signal| (signal.from, signal.n)).collect();
        assert_eq!(kept, [], "the client had them, or never will");
    }

    fn settle(&mut self) {
        while !self.connections.iter().all(Connection::is_quiet) {
            for age in 0..self.connections.len() {
                self.connection(age).expect("there").mend();
                for step in [
                    Step::Hear(age),
                    Step::Serve(age),
                    Step::Answer(age),
                    Step::Deliver(age),
                    Step::Notice(age),
                ] {
                    self.take(&step);
                }
            }
            self.take(&Step::Read);
        }
    }
}

impl Mailbox {
    fn trim(&mut self) {
        let last = self.last.take();
        if let Some(last) = self.messages.iter().position(|message| Some(message) == last.as_ref()) {
            self.messages.drain(..=last);
        }
    }

    /// As `forget` in `prelude.lua`: up to the first message that wasn't had.
    fn forget(&mut self, had: &BTreeMap<SocketId, u64>) {
        let is_had = |signal: &mut Signal| had.get(&signal.from).is_some_and(|n| signal.n <= *n);
        while self.messages.pop_front_if(is_had).is_some() {}
    }
}

impl Connection {
    fn new(attempt: u64, now: Instant) -> Self {
        Self {
            attempt,
            session: Session::new(Arc::new(rules()), SECRETS, Box::new(OpenDoor), now),
            down: VecDeque::new(),
            up: VecDeque::new(),
            is_left: false,
            is_told: false,
            told: VecDeque::new(),
            heard: Vec::new(),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            acked: BTreeMap::new(),
            link: Link::Whole,
            lost: false,
        }
    }

    fn obey(&mut self, effect: Effect) {
        match effect {
            Effect::Send(text) if !self.is_left => {
                self.down.push_back(serde_json::from_str(text.as_str()).expect("JSON"));
            }
            Effect::Repaired { changes, messages } => assert_ne!((changes, messages), (0, 0)),
            Effect::Acknowledge(had) => {
                for (from, n) in had {
                    let highest = self.acked.entry(from).or_default();
                    *highest = n.max(*highest);
                }
            }
            Effect::Refuse(ErrorCode::SessionExpired, _) if self.is_left => {}
            Effect::Send(_) | Effect::Ping => {}
            Effect::End(_) => self.is_left = true,
            request @ (Effect::Leave(_) | Effect::Detach) => {
                self.is_told = false;
                self.acked.clear();
                self.requests.push_back(request);
            }
            // Its channel is subscribed to before it asks.
            request @ Effect::Resume(..) => {
                self.is_told = true;
                self.requests.push_back(request);
            }
            request @ (Effect::Join(..) | Effect::Sync | Effect::Broadcast(_)) => {
                self.requests.push_back(request);
            }
            other => panic!("nobody asked for {other:?}"),
        }
    }

    fn tell(&mut self, event: &Event) {
        if self.is_told && self.link != Link::Cut {
            self.told.push_back(event.clone());
        }
    }

    /// Another one has its session. On a link that is cut, it doesn't hear of that until it asks.
    fn replace(&mut self) {
        self.tell(&Event::Replaced);
        self.is_told &= self.link == Link::Cut;
    }

    fn mend(&mut self) {
        if self.link == Link::Cut {
            self.link = Link::Mended;
            self.tell(&Event::Lapse);
        }
    }

    fn is_quiet(&self) -> bool {
        let is_over = !self.session.listens();
        self.told.is_empty()
            && self.requests.is_empty()
            && self.answers.is_empty()
            && (self.is_left || self.down.is_empty())
            && (is_over || self.up.is_empty())
            && (is_over || !self.is_left)
            && self.link != Link::Cut
    }
}

/// Our client: what it was told, checked as it reads it.
#[derive(Default)]
struct Client {
    /// It can come back.
    returns: bool,
    /// It was told that it is in.
    is_in: bool,
    /// It was told so on the connection that it has.
    is_live: bool,
    version: u64,
    peers: BTreeMap<String, Known>,
    gone: BTreeMap<String, Known>,
    /// Peers of whom it had messages since it last said so.
    had: BTreeMap<String, u64>,
    /// Since it came back it may be told once more what these show, and whether they are away.
    retold_info: BTreeSet<String>,
    retold_turn: BTreeSet<String>,
    /// How many messages it said, and which of them it may have to repeat.
    said: u64,
    unacknowledged: VecDeque<u64>,
    /// Frames that it has sent.
    says: Vec<Value>,
}

/// What it knows of a peer.
#[derive(Debug, Default)]
struct Known {
    info: u64,
    away: bool,
    /// The last message that it had.
    last: u64,
}

impl Client {
    fn say(&mut self) {
        if self.is_in {
            self.said += 1;
            self.unacknowledged.push_back(self.said);
            if self.is_live {
                self.says.push(said(self.said));
            }
        }
    }

    fn acknowledge(&mut self) {
        if self.is_live {
            let received = mem::take(&mut self.had);
            self.says.push(json!({ "eventName": "ack", "data": { "received": received } }));
        }
    }

    /// It has no connection.
    fn part(&mut self) {
        self.is_live = false;
        self.says.clear();
        self.had.clear();
    }

    /// What it comes back with.
    fn claim(&self, attempt: u64) -> Value {
        let received: BTreeMap<_, _> = self.peers.iter().map(|(id, known)| (id, known.last)).collect();
        let key = (SECRETS.key)();
        json!({ "eventName": "resume", "data": {
            "room": "room", "socketId": id(0), "key": key.reveal(), "attempt": attempt,
            "received": received, "version": self.version,
        } })
    }

    fn read(&mut self, frame: &Value) {
        let data = &frame["data"];
        let about = || data["socketId"].as_str().unwrap().to_owned();
        let name = frame["eventName"].as_str().unwrap();
        if let Some(version) = data["version"].as_u64()
            && name != "resumed"
        {
            assert!(version >= self.version, "{frame} comes after version {}", self.version);
            self.version = version;
        }
        match name {
            "peers" => {
                assert!(!self.is_in, "peers comes once");
                (self.is_in, self.is_live) = (true, true);
                for peer in data["peers"].as_array().unwrap() {
                    self.peers.insert(peer["socketId"].as_str().unwrap().to_owned(), Known::shown(peer));
                }
            }
            "resumed" => {
                assert!(self.is_in && !self.is_live, "resumed comes once a connection");
                self.is_live = true;
                self.retold_info = self.peers.keys().cloned().collect();
                self.retold_turn = self.retold_info.clone();
                self.says.extend(self.unacknowledged.iter().map(|&n| said(n)));
            }
            "new_peer" => {
                assert!(self.is_live && !self.gone.contains_key(&about()), "an id never comes back: {frame}");
                assert!(self.peers.insert(about(), Known::shown(data)).is_none(), "told twice: {frame}");
            }
            "remove_peer" => {
                let known = self.peers.remove(&about()).expect("it was there");
                self.gone.insert(about(), known);
            }
            "peer_info" => {
                let known = self.peers.get_mut(&about()).expect("of a peer that is there");
                let info = data["info"].as_u64().unwrap();
                let is_retold = self.retold_info.remove(&about()) && info == known.info;
                assert!(is_retold || info > known.info, "told twice, or late: {frame}");
                known.info = info;
            }
            "peer_away" | "peer_back" => {
                let known = self.peers.get_mut(&about()).expect("of a peer that is there");
                let (was_away, is_retold) = (known.away, self.retold_turn.remove(&about()));
                known.away = name == "peer_away";
                assert!(is_retold || was_away != known.away, "told twice, or late: {frame}");
            }
            "message" => {
                let known = self.peers.get_mut(&about()).expect("from a peer that is there");
                let n = frame["n"].as_u64().unwrap();
                assert_eq!(n, known.last + 1, "had before, or missed one: {frame}");
                known.last = n;
                self.had.insert(about(), n);
            }
            "ack" => {
                let n = data["n"].as_u64().unwrap();
                assert!(n <= self.said, "{frame} of {}", self.said);
                self.unacknowledged.retain(|&said| said > n);
            }
            other => panic!("nobody said {other}"),
        }
    }
}

impl Known {
    fn shown(peer: &Value) -> Self {
        let away = peer["away"].as_bool().unwrap_or_default();
        Self { info: peer["info"].as_u64().unwrap(), away, last: 0 }
    }
}

/// Our client's message to all.
fn said(n: u64) -> Value {
    json!({ "eventName": "message", "data": { "body": n }, "n": n })
}

const SECRETS: Secrets = Secrets { id: || id(0), key: || ResumeKey::from_random([7; ResumeKey::LEN]) };

fn rules() -> Rules {
    Rules {
        join_timeout: Duration::from_secs(10),
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        resume_window: Duration::from_secs(30),
        ice: Arc::new(IceServers::default()),
        max_room_name: 128,
        max_info: 4096,
    }
}

fn start() -> Instant {
    Instant::now()
}

fn id(number: u8) -> SocketId {
    let mut bytes = [0; SocketId::LEN];
    (bytes[0], bytes[1]) = (number >> 5, number);
    SocketId::from_random(bytes)
}

fn peer(id: SocketId, info: u64) -> Peer {
    Peer::here(id, Info::of(&info.to_string()))
}

fn signal(from: SocketId, n: u64) -> Signal {
    let frame = ClientFrame::parse(r#"{"eventName":"message","data":{"body":1}}"#).unwrap();
    let Ok(ClientEvent::Relay(relay)) = frame.event(Dialect::Native) else { panic!("a message") };
    relay.sign(from, n)
}

mod life {
    //! One connection's life, step by step.

    use super::*;

    struct Life {
        session: Session,
        now: Instant,
    }

    impl Life {
        fn begin() -> Self {
            let now = Instant::now();
            Self { session: Session::new(Arc::new(rules()), SECRETS, Box::new(OpenDoor), now), now }
        }

        /// A member of a room with one peer, number 1.
        fn in_a_room() -> Self {
            let mut life = Self::begin();
            life.says(r#"{"eventName":"join","data":{"room":"room"}}"#);
            let snapshot = Snapshot { version: 1, peers: vec![peer(id(1), 0)] };
            life.input(Input::Exchange(Event::Joined(snapshot)));
            life
        }

        fn input(&mut self, input: Input<'_>) -> Vec<Effect> {
            let mut effects = Vec::new();
            self.session.handle(input, self.now, &mut effects);
            effects
        }

        fn says(&mut self, text: &str) -> Vec<Effect> {
            self.input(Input::Text(text))
        }

        fn after(&mut self, time: Duration) -> Vec<Effect> {
            self.now += time;
            self.input(Input::Tick)
        }

        fn refuses(&mut self, text: &str) -> ErrorCode {
            match self.says(text).as_slice() {
                [Effect::Refuse(code, Some(_))] => *code,
                other => panic!("expected an error, got {other:?}"),
            }
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_does_not_join_is_closed() {
        let mut life = Life::begin();
        assert_eq!(life.after(9 * SECOND), []);
        assert_eq!(life.after(SECOND), [Effect::End(Ending::Closed(CloseCode::JoinTimeout))]);
    }

    #[test]
    fn a_frame_too_many_has_no_effect_and_uses_its_number_up() {
        let mut life = Life::in_a_room();
        let to = id(1);
        let message = |n: u64| format!(r#"{{"eventName":"message","data":{{"socketId":"{to}"}},"n":{n}}}"#);
        let mut excess = |text: &str| match life.input(Input::Excess(Some(text), SECOND)).as_slice() {
            [Effect::Met(Limit::Messages), Effect::Refuse(ErrorCode::RateLimited, Some(told))] => {
                serde_json::from_str::<Value>(told.as_str()).expect("JSON")["data"].take()
            }
            other => panic!("expected an error, got {other:?}"),
        };
        let told = excess(&message(2));
        assert_eq!((&told["n"], &told["socketId"]), (&json!(2), &json!(to)));
        assert_eq!((&told["retryAfterMs"], &told["retryable"]), (&json!(1000), &json!(true)));
        assert!(excess(&message(2)).get("n").is_none(), "it was told of that one");
        for text in [r#"{"eventName":"leave"}"#, r#"{"eventName":"ping","n":7}"#, "nonsense"] {
            assert!(excess(text).get("n").is_none(), "{text}");
        }
        assert_eq!(life.says(&message(2)), [], "taken for a repeat");
        assert!(matches!(life.says(&message(3)).as_slice(), [Effect::Post(_, Signal { n: 3, .. })]));
    }

    #[test]
    fn who_waits_for_its_join_in_the_old_dialect_is_closed() {
        let mut life = Life::begin();
        life.says(r#"{"eventName":"__invite"}"#);
        let ending = Effect::End(Ending::Closed(CloseCode::RateLimited));
        let effects = life.input(Input::Excess(Some(r#"{"eventName":"__join"}"#), SECOND));
        assert_eq!(effects.last(), Some(&ending));
    }

    #[test]
    fn who_leaves_has_the_time_again() {
        let mut life = Life::in_a_room();
        life.now += 20 * SECOND;
        assert!(matches!(
            life.says(r#"{"eventName":"leave"}"#).as_slice(),
            [Effect::Leave(LeaveReason::Left), Effect::Send(_)]
        ));
        assert_eq!(life.after(9 * SECOND), []);
        assert_eq!(life.after(SECOND), [Effect::End(Ending::Closed(CloseCode::JoinTimeout))]);
    }

    #[test]
    fn leaving_no_room_gains_no_time() {
        let mut life = Life::begin();
        life.now += 9 * SECOND;
        assert!(matches!(life.says(r#"{"eventName":"leave"}"#).as_slice(), [Effect::Send(_)]));
        assert_eq!(life.after(SECOND), [Effect::End(Ending::Closed(CloseCode::JoinTimeout))]);
    }

    #[test]
    fn who_is_silent_is_pinged_and_then_closed() {
        let mut life = Life::in_a_room();
        assert_eq!(life.after(25 * SECOND), [Effect::Ping]);
        assert_eq!(life.after(19 * SECOND), []);
        assert_eq!(
            life.after(SECOND),
            [Effect::Leave(LeaveReason::Lost), Effect::End(Ending::Closed(CloseCode::PingTimeout))]
        );
    }

    #[test]
    fn a_late_ping_has_its_whole_time() {
        let mut life = Life::in_a_room();
        assert_eq!(life.after(60 * SECOND), [Effect::Ping], "the node was paused, not its client");
        assert_eq!(life.after(19 * SECOND), []);
        assert_eq!(life.input(Input::Heard), []);
        assert_eq!(life.after(24 * SECOND), []);
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let mut life = Life::in_a_room();
        life.input(Input::Gone(LeaveReason::Lost));
        for input in [
            Input::Text(r#"{"eventName":"ping"}"#),
            Input::Binary,
            Input::Heard,
            Input::Exchange(Event::Gap),
            Input::Handled(1),
            Input::Drain(SECOND),
            Input::Gone(LeaveReason::Left),
            Input::Close(CloseCode::Restart),
        ] {
            assert_eq!(life.input(input), []);
        }
        assert_eq!(life.after(60 * SECOND), []);
    }

    #[test]
    fn a_pong_is_a_sign_of_life() {
        let mut life = Life::in_a_room();
        assert_eq!(life.after(25 * SECOND), [Effect::Ping]);
        life.now += 19 * SECOND;
        assert_eq!(life.input(Input::Heard), []);
        assert_eq!(life.after(24 * SECOND), []);
        assert_eq!(life.after(SECOND), [Effect::Ping]);
    }

    #[test]
    fn the_deadline_is_the_next_thing_that_time_brings() {
        let mut life = Life::begin();
        assert_eq!(life.session.deadline(), life.now + 10 * SECOND);
        life = Life::in_a_room();
        assert_eq!(life.session.deadline(), life.now + 25 * SECOND);
        life.after(25 * SECOND);
        assert_eq!(life.session.deadline(), life.now + 20 * SECOND);
    }

    #[test]
    fn it_listens_to_its_client_unless_it_waits_for_the_exchange() {
        let mut life = Life::begin();
        assert!(life.session.listens());
        life.says(r#"{"eventName":"join","data":{"room":"room"}}"#);
        assert!(!life.session.listens());
        life.input(Input::Exchange(Event::Refused(Refusal::Full)));
        assert!(life.session.listens());
        life.input(Input::Gone(LeaveReason::Left));
        assert!(!life.session.listens());
    }

    #[test]
    fn who_goes_while_joining_leaves_too() {
        let mut life = Life::begin();
        life.says(r#"{"eventName":"join","data":{"room":"room"}}"#);
        assert_eq!(
            life.input(Input::Gone(LeaveReason::Left)),
            [Effect::Leave(LeaveReason::Left), Effect::End(Ending::Closed(CloseCode::Bye))]
        );
        assert_eq!(life.input(Input::Close(CloseCode::Restart)), [], "it ends once");
    }

    #[test]
    fn a_numbered_message_goes_out_once() {
        let mut life = Life::in_a_room();
        let message = format!(r#"{{"eventName":"message","data":{{"socketId":"{}"}},"n":5}}"#, id(1));
        assert!(
            matches!(life.says(&message).as_slice(), [Effect::Post(to, signal)] if *to == id(1) && signal.n == 5)
        );
        assert_eq!(life.says(&message), []);
        let unnumbered = r#"{"eventName":"message","data":{}}"#;
        assert!(matches!(life.says(unnumbered).as_slice(), [Effect::Broadcast(signal)] if signal.n == 6));
    }

    #[test]
    fn a_message_to_who_is_not_there_is_peer_gone() {
        let mut life = Life::in_a_room();
        for to in [id(9).as_str(), "nonsense", ""] {
            let text = format!(r#"{{"eventName":"offer","data":{{"socketId":"{to}"}}}}"#);
            assert_eq!(life.refuses(&text), ErrorCode::PeerGone);
        }
        let own = format!(r#"{{"eventName":"offer","data":{{"socketId":"{}"}}}}"#, id(0));
        assert_eq!(life.refuses(&own), ErrorCode::BadMessage);
    }

    #[test]
    fn the_tenth_malformed_frame_is_one_too_many() {
        let mut life = Life::begin();
        for _ in 1..Session::MAX_MALFORMED {
            assert_eq!(life.refuses("nonsense"), ErrorCode::BadMessage);
        }
        assert_eq!(life.says("nonsense"), [Effect::End(Ending::Closed(CloseCode::BadMessage))]);
    }

    #[test]
    fn a_skyrtc_client_that_is_refused_is_closed() {
        let mut life = Life::begin();
        life.says(r#"{"eventName":"__join","data":{"room":"room"}}"#);
        assert_eq!(
            life.input(Input::Exchange(Event::Refused(Refusal::Full))),
            [
                Effect::Met(Limit::RoomSize),
                Effect::Refuse(ErrorCode::RoomFull, None),
                Effect::End(Ending::Closed(CloseCode::Forbidden))
            ]
        );
    }

    fn names(effects: &[Effect]) -> Vec<String> {
        let frames = effects.iter().map(|effect| match effect {
            Effect::Send(text) | Effect::Refuse(_, Some(text)) => text.as_str().parse().unwrap(),
            other => panic!("expected frames, got {other:?}"),
        });
        frames.map(|frame: Value| frame["eventName"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_was_missed_is_told_in_its_place_and_counted() {
        let mut life = Life::in_a_room();
        assert_eq!(life.input(Input::Exchange(Event::Signal(signal(id(1), 1)))).len(), 1);
        assert_eq!(life.input(Input::Exchange(Event::Lapse)), [Effect::Sync]);
        let snapshot = Snapshot { version: 4, peers: vec![peer(id(2), 0)] };
        let mailbox =
            [(id(1), 1), (id(1), 2), (id(2), 1), (id(3), 1)].map(|(from, n)| signal(from, n)).to_vec();
        let mut effects = life.input(Input::Exchange(Event::Synced { snapshot, mailbox }));
        assert_eq!(effects.pop(), Some(Effect::Repaired { changes: 2, messages: 2 }));
        assert_eq!(names(&effects), ["message", "remove_peer", "new_peer", "message"]);
    }

    /// Its client may not have read that yet, and come back as one that knows the peer.
    #[test]
    fn a_message_of_a_peer_that_went_is_not_given_up() {
        let mut life = Life::begin();
        life.says(r#"{"eventName":"join","data":{"room":"room","resume":true}}"#);
        let snapshot = Snapshot { version: 1, peers: vec![peer(id(1), 0)] };
        life.input(Input::Exchange(Event::Joined(snapshot)));
        life.input(Input::Exchange(Event::Signal(signal(id(1), 1))));
        let change = Change::Left(id(1), LeaveReason::Left);
        life.input(Input::Exchange(Event::Notice(Notice { version: 2, change })));
        life.input(Input::Exchange(Event::Lapse));
        let snapshot = Snapshot { version: 2, peers: vec![] };
        let synced = |mailbox| Input::Exchange(Event::Synced { snapshot: snapshot.clone(), mailbox });
        assert_eq!(life.input(synced(vec![signal(id(1), 1)])), []);
        // Once it has, it says so itself.
        let ack = format!(r#"{{"eventName":"ack","data":{{"received":{{"{}":1}}}}}}"#, id(1));
        assert_eq!(life.says(&ack), [Effect::Acknowledge(vec![(id(1), 1)])]);
        life.input(Input::Exchange(Event::Lapse));
        let again = life.input(synced(vec![signal(id(1), 1)]));
        assert_eq!(again, [Effect::Acknowledge(vec![(id(1), 1)])], "posted twice");
    }

    #[test]
    fn a_stranger_that_spoke_after_the_question_is_asked_about_anew() {
        let mut life = Life::in_a_room();
        life.input(Input::Exchange(Event::Lapse));
        life.input(Input::Exchange(Event::Signal(signal(id(2), 1))));
        let synced = |version, peers| {
            let snapshot = Snapshot { version, peers };
            Input::Exchange(Event::Synced { snapshot, mailbox: Vec::new() })
        };
        assert_eq!(life.input(synced(1, vec![peer(id(1), 0)])), [Effect::Sync]);
        let mut effects = life.input(synced(2, vec![peer(id(1), 0), peer(id(2), 0)]));
        assert_eq!(effects.pop(), Some(Effect::Repaired { changes: 1, messages: 0 }));
        assert_eq!(names(&effects), ["new_peer", "message"]);
    }

    #[test]
    fn where_nothing_was_missed_nothing_is_repaired() {
        let mut life = Life::in_a_room();
        life.input(Input::Exchange(Event::Signal(signal(id(1), 1))));
        life.input(Input::Exchange(Event::Lapse));
        let snapshot = Snapshot { version: 1, peers: vec![peer(id(1), 0)] };
        let mailbox = vec![signal(id(1), 1)];
        assert_eq!(life.input(Input::Exchange(Event::Synced { snapshot, mailbox })), []);
    }

    #[test]
    fn a_message_that_was_not_handed_on_is_unavailable_and_the_rest_goes_on() {
        let mut life = Life::in_a_room();
        for (to, named) in [(Some(id(1)), json!(id(1))), (None, Value::Null)] {
            let effects = life.input(Input::Exchange(Event::Failed { to, n: Some(7) }));
            let [Effect::Refuse(ErrorCode::Unavailable, Some(text))] = effects.as_slice() else {
                panic!("expected an error, got {effects:?}");
            };
            let error: Value = serde_json::from_str(text.as_str()).unwrap();
            let data = &error["data"];
            assert_eq!(
                (&data["n"], &data["socketId"], &data["retryable"]),
                (&json!(7), &named, &json!(true))
            );
        }
    }

    #[test]
    fn who_is_sent_away_is_closed_whatever_it_waits_for() {
        for (reason, code) in
            [(LeaveReason::Kicked, CloseCode::Kicked), (LeaveReason::Closed, CloseCode::RoomClosed)]
        {
            let over = [Effect::Leave(LeaveReason::Lost), Effect::End(Ending::Closed(code))];
            let mut inside = Life::in_a_room();
            assert_eq!(inside.input(Input::Exchange(Event::Ended(reason))), over);
            let mut waiting = Life::in_a_room();
            waiting.input(Input::Exchange(Event::Lapse));
            assert_eq!(waiting.input(Input::Exchange(Event::Ended(reason))), over);
            let mut joining = Life::begin();
            joining.says(r#"{"eventName":"join","data":{"room":"room"}}"#);
            assert_eq!(joining.input(Input::Exchange(Event::Ended(reason))), over);
            assert_eq!(joining.input(Input::Exchange(Event::Lapse)), [], "nothing after it");
        }
    }

    #[test]
    fn an_announcement_is_told_as_it_is_whatever_is_missing() {
        let frame = Text::from(r#"{"eventName":"notice", "data":1}"#.to_owned());
        let mut inside = Life::in_a_room();
        for _ in 0..2 {
            let told = inside.input(Input::Exchange(Event::Announced(frame.clone())));
            assert_eq!(told, [Effect::Send(frame.clone())]);
            inside.input(Input::Exchange(Event::Lapse));
        }
    }

    #[test]
    fn who_was_removed_is_closed_whatever_it_waits_for() {
        let over = [Effect::Leave(LeaveReason::Lost), Effect::End(Ending::Closed(CloseCode::Unavailable))];
        let mut inside = Life::in_a_room();
        assert_eq!(inside.input(Input::Exchange(Event::Removed)), over);
        let mut waiting = Life::in_a_room();
        waiting.input(Input::Exchange(Event::Lapse));
        assert_eq!(waiting.input(Input::Exchange(Event::Removed)), over);
        let mut joining = Life::begin();
        joining.says(r#"{"eventName":"join","data":{"room":"room"}}"#);
        assert_eq!(joining.input(Input::Exchange(Event::Removed)), over);
        assert_eq!(joining.input(Input::Exchange(Event::Lapse)), [], "nothing after it");
    }

    #[test]
    fn what_waits_for_an_answer_is_bounded() {
        let mut life = Life::in_a_room();
        assert_eq!(life.input(Input::Exchange(Event::Lapse)), [Effect::Sync]);
        for n in 1..=Held::MAX_EVENTS {
            assert_eq!(life.input(Input::Exchange(Event::Signal(signal(id(1), n as u64)))), []);
        }
        assert_eq!(
            life.input(Input::Exchange(Event::Lapse)),
            [Effect::Leave(LeaveReason::Lost), Effect::End(Ending::Closed(CloseCode::Unavailable))]
        );
    }
}

mod acks {
    //! What was handled, and when its client is told.

    use super::{super::acks::Acks, *};

    #[test]
    fn what_was_handled_is_told_once_and_in_bulk() {
        let (mut acks, start) = (Acks::default(), Instant::now());
        for n in 1..=3 {
            acks.came(n, start);
            acks.posted(n);
        }
        let due = acks.due().expect("something to tell");
        acks.handled(2);
        assert_eq!(acks.take(start), None, "in bulk");
        assert_eq!(acks.take(due), Some(2));
        let due = acks.due().expect("the third is outstanding");
        assert_eq!(acks.take(due), None, "nothing new");
        acks.handled(3);
        assert_eq!(acks.take(due + Acks::PERIOD), Some(3));
        assert_eq!(acks.due(), None, "nothing is outstanding");
    }

    #[test]
    fn what_was_refused_holds_nothing_up() {
        let (mut acks, start) = (Acks::default(), Instant::now());
        // The second goes nowhere.
        for n in 1..=3 {
            acks.came(n, start);
        }
        acks.posted(1);
        acks.posted(3);
        acks.refused(3);
        acks.handled(1);
        assert_eq!(acks.take(start + Acks::PERIOD), Some(3));
    }
}
