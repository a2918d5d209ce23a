//! A session against every order of events that a room and a network can make.
//!
//! [`World`] is a room that is told of truthfully, and a network that isn't: notices are lost, doubled and late, answers
//! overtake them or lag, and the link is cut with all that is on it. [`Client`] reads what its session sends it, and
//! fails on the first thing that can't be true.

use super::*;
use crate::{
    protocol::Peer,
    room::{Change, Notice},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    /// A peer joins, unless it is in.
    Join(u8),
    /// A peer leaves, unless it is out.
    Leave(u8),
    /// A peer shows something else.
    Show(u8),
    /// A peer sends our client a message.
    Send(u8),
    /// Our client hears what the room told first.
    Deliver,
    /// It hears it, and will hear it again.
    Repeat,
    /// It hears once more what it heard some time ago.
    Echo(prop::sample::Index),
    /// It never hears it, if it is a notice; the exchange will say so, later.
    Lose,
    /// The link is cut: what is on its way is lost from some point on, and so is all that is told from now on.
    Cut(prop::sample::Index),
    /// The link is there again. The exchange says so before anything else.
    Mend,
    /// The exchange forgets the messages up to the last one that our client's node had.
    Trim,
    /// The exchange takes our client's oldest question.
    Serve,
    /// Our client hears the answer to its oldest question.
    Answer,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..5u8).prop_map(Step::Join),
        2 => (0..5u8).prop_map(Step::Leave),
        1 => (0..5u8).prop_map(Step::Show),
        4 => (0..5u8).prop_map(Step::Send),
        8 => Just(Step::Deliver),
        1 => Just(Step::Repeat),
        1 => any::<prop::sample::Index>().prop_map(Step::Echo),
        2 => Just(Step::Lose),
        1 => any::<prop::sample::Index>().prop_map(Step::Cut),
        2 => Just(Step::Mend),
        2 => Just(Step::Trim),
        3 => Just(Step::Serve),
        3 => Just(Step::Answer),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever the order: each notice once, nothing from a peer outside its presence, nothing twice; and in the end the
    /// client's view is true, and it had every message of every peer that it was told of, in order.
    #[test]
    fn the_view_ends_true(steps in steps(), before in 0..40usize) {
        let mut world = World::default();
        for (index, step) in steps.iter().enumerate() {
            if index == before.min(steps.len() - 1) {
                world.our_client_joins();
            }
            world.take(step);
        }
        world.come_to_rest();
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
    told: VecDeque<Event>,
    heard: Vec<Event>,
    requests: VecDeque<Effect>,
    answers: VecDeque<Event>,
    mailbox: Mailbox,
    link: Link,
    lost: bool,
    joined: bool,
    client: Client,
    now: Instant,
}

/// The messages that the exchange keeps for our client.
#[derive(Default)]
struct Mailbox {
    messages: VecDeque<Signal>,
    /// The last one that our client's node had.
    last: Option<Signal>,
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
    /// The number of its last message, and those that our client is to have.
    sent: u64,
    due: Vec<u64>,
}

impl Default for World {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            version: 0,
            members: BTreeMap::new(),
            past: BTreeMap::new(),
            seats: [None; 5],
            ids: 0,
            told: VecDeque::new(),
            heard: Vec::new(),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            mailbox: Mailbox::default(),
            link: Link::Whole,
            lost: false,
            joined: false,
            client: Client::new(now),
            now,
        }
    }
}

impl World {
    fn our_client_joins(&mut self) {
        self.client.say(&json!({"eventName": "join", "data": {"room": "room"}}), self.now);
        self.obey();
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
                if let Some(id) = self.seats[usize::from(seat)] {
                    let sender = self.members.get_mut(&id).expect("seated");
                    sender.info += 1;
                    let peer = peer(id, sender.info);
                    self.tell(Change::Info(peer));
                }
            }
            Step::Send(seat) => self.send(usize::from(seat)),
            Step::Deliver => {
                if let Some(event) = self.told.pop_front() {
                    if let Event::Signal(signal) = &event {
                        self.mailbox.last = Some(signal.clone());
                    }
                    self.heard.push(event.clone());
                    self.deliver(event);
                }
            }
            Step::Echo(index) => {
                if !self.heard.is_empty() {
                    self.deliver_again(index.get(&self.heard).clone());
                }
            }
            Step::Repeat => {
                if let Some(event) = self.told.front().cloned() {
                    self.deliver_again(event);
                }
            }
            Step::Lose => {
                if let Some(Event::Notice(_)) = self.told.front() {
                    self.told.pop_front();
                    self.lost = true;
                }
            }
            Step::Cut(index) => {
                self.told.truncate(index.index(self.told.len() + 1));
                self.link = Link::Cut;
            }
            Step::Mend => {
                if self.link == Link::Cut && self.joined {
                    self.told.push_back(Event::Lapse);
                }
                if self.link == Link::Cut {
                    self.link = Link::Mended;
                }
            }
            Step::Trim => {
                if self.link == Link::Whole {
                    self.mailbox.trim();
                }
            }
            Step::Serve => self.serve(),
            Step::Answer => {
                if let Some(answer) = self.answers.pop_front() {
                    self.deliver(answer);
                }
            }
        }
    }

    fn join(&mut self, seat: usize) {
        if self.seats[seat].is_none() {
            self.ids += 1;
            let id = id(self.ids);
            self.seats[seat] = Some(id);
            self.members.insert(id, Sender { info: 0, sent: 0, due: Vec::new() });
            self.tell(Change::Joined(peer(id, 0)));
        }
    }

    /// Only who knows of our client can send it something: those who are in when it is.
    fn send(&mut self, seat: usize) {
        if let (Some(id), true) = (self.seats[seat], self.joined) {
            let sender = self.members.get_mut(&id).expect("seated");
            sender.sent += 1;
            sender.due.push(sender.sent);
            let signal = signal(id, sender.sent);
            self.mailbox.messages.push_back(signal.clone());
            self.publish(Event::Signal(signal));
        }
    }

    fn tell(&mut self, change: Change) {
        self.version += 1;
        if self.joined {
            self.publish(Event::Notice(Notice { version: self.version, change }));
        }
    }

    fn publish(&mut self, event: Event) {
        if self.link != Link::Cut {
            self.told.push_back(event);
        }
    }

    /// Whatever the reason for it, after a `Lapse` the exchange forgets nothing until it is asked.
    fn deliver_again(&mut self, event: Event) {
        if event == Event::Lapse && self.link == Link::Whole {
            self.link = Link::Mended;
        }
        self.deliver(event);
    }

    fn deliver(&mut self, event: Event) {
        self.client.hear(event, self.now);
        self.obey();
    }

    /// Passes on what the session asks of the exchange. Both the way there and the answer take their time.
    fn obey(&mut self) {
        self.requests.extend(self.client.requests.drain(..));
    }

    fn serve(&mut self) {
        match self.requests.pop_front() {
            None => {}
            Some(Effect::Join(..)) => {
                self.version += 1;
                self.joined = true;
                self.answers.push_back(Event::Joined(self.snapshot()));
            }
            Some(Effect::Sync) => {
                let mailbox = self.mailbox.messages.iter().cloned().collect();
                self.answers.push_back(Event::Synced { snapshot: self.snapshot(), mailbox });
                if self.link == Link::Mended && !self.told.contains(&Event::Lapse) {
                    self.link = Link::Whole;
                }
            }
            Some(other) => panic!("nobody asked for {other:?}"),
        }
    }

    fn snapshot(&self) -> Snapshot {
        let peers = self.members.iter().map(|(&id, sender)| peer(id, sender.info)).collect();
        Snapshot { version: self.version, peers }
    }

    /// Everything under way arrives; then the exchange owns up to what it lost.
    fn come_to_rest(&mut self) {
        self.take(&Step::Mend);
        self.settle();
        if !self.joined {
            return;
        }
        if self.lost {
            self.deliver(Event::Lapse);
            self.settle();
        }
        let truth: BTreeMap<_, _> =
            self.members.iter().map(|(id, sender)| (id.to_string(), sender.info)).collect();
        let view: BTreeMap<_, _> = self.client.peers.iter().map(|(id, had)| (id.clone(), had.info)).collect();
        assert_eq!(view, truth, "the client's view");
        for (id, sender) in self.members.iter().chain(&self.past) {
            let had = self.client.peers.get(id.as_str()).or(self.client.gone.get(id.as_str()));
            assert!(had.is_none_or(|had| had.messages == sender.due), "{id} sent {:?}: {had:?}", sender.due);
        }
    }

    fn settle(&mut self) {
        while !(self.told.is_empty() && self.requests.is_empty() && self.answers.is_empty()) {
            self.take(&Step::Serve);
            self.take(&Step::Answer);
            self.take(&Step::Deliver);
        }
    }
}

impl Mailbox {
    fn trim(&mut self) {
        if let Some(last) = self.messages.iter().position(|message| Some(message) == self.last.as_ref()) {
            self.messages.drain(..=last);
        }
    }
}

/// Our client: what it was told, checked as it hears it.
struct Client {
    session: Session,
    requests: Vec<Effect>,
    inside: bool,
    peers: BTreeMap<String, Had>,
    gone: BTreeMap<String, Had>,
}

#[derive(Debug, Default)]
struct Had {
    info: u64,
    messages: Vec<u64>,
}

impl Client {
    fn new(now: Instant) -> Self {
        let session = Session::new(Arc::new(rules()), SECRETS, now);
        Self { session, requests: Vec::new(), inside: false, peers: BTreeMap::new(), gone: BTreeMap::new() }
    }

    fn say(&mut self, frame: &Value, now: Instant) {
        let mut effects = Vec::new();
        self.session.handle(Input::Text(&frame.to_string()), now, &mut effects);
        self.sort(effects);
    }

    fn hear(&mut self, event: Event, now: Instant) {
        let mut effects = Vec::new();
        self.session.handle(Input::Exchange(event), now, &mut effects);
        self.sort(effects);
    }

    fn sort(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(text) => self.read(&serde_json::from_str(text.as_str()).unwrap()),
                Effect::Repaired { changes, messages } => assert_ne!((changes, messages), (0, 0)),
                request => self.requests.push(request),
            }
        }
    }

    fn read(&mut self, frame: &Value) {
        let data = &frame["data"];
        let about = || data["socketId"].as_str().unwrap().to_owned();
        match frame["eventName"].as_str().unwrap() {
            "peers" => {
                assert!(!self.inside, "peers comes once");
                self.inside = true;
                for peer in data["peers"].as_array().unwrap() {
                    let had = Had { info: peer["info"].as_u64().unwrap(), ..Had::default() };
                    self.peers.insert(peer["socketId"].as_str().unwrap().to_owned(), had);
                }
            }
            "new_peer" => {
                assert!(self.inside && !self.gone.contains_key(&about()), "an id never comes back: {frame}");
                let had = Had { info: data["info"].as_u64().unwrap(), ..Had::default() };
                assert!(self.peers.insert(about(), had).is_none(), "told twice: {frame}");
            }
            "remove_peer" => {
                let had = self.peers.remove(&about()).expect("it was there");
                self.gone.insert(about(), had);
            }
            "peer_info" => {
                let had = self.peers.get_mut(&about()).expect("of a peer that is there");
                let info = data["info"].as_u64().unwrap();
                assert!(info > had.info, "told twice, or late: {frame}");
                had.info = info;
            }
            "message" => {
                let had = self.peers.get_mut(&about()).expect("from a peer that is there");
                let n = frame["n"].as_u64().unwrap();
                assert!(had.messages.last().is_none_or(|&last| n > last), "had before: {frame}");
                had.messages.push(n);
            }
            other => panic!("nobody said {other}"),
        }
    }
}

const SECRETS: Secrets = Secrets { id: || id(0), key: || ResumeKey::from_random([7; ResumeKey::LEN]) };

fn rules() -> Rules {
    Rules {
        join_timeout: Duration::from_secs(10),
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        resume_window: Duration::from_secs(30),
        ice_servers: Vec::new(),
    }
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
            Self { session: Session::new(Arc::new(rules()), SECRETS, now), now }
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
            [Effect::Refuse(ErrorCode::RoomFull, None), Effect::End(Ending::Closed(CloseCode::Forbidden))]
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
