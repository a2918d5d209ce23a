//! A session against every order of events that a room and a network can make.
//!
//! [`World`] is a room that is told of truthfully, and a network that isn't: notices are lost, doubled and late, answers
//! overtake them or lag. [`Client`] reads what its session sends it, and fails on the first thing that can't be true.

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
    /// It hears the answer to its oldest question.
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
        1 => Just(Step::Lose),
        2 => Just(Step::Answer),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever the order: each notice once, nothing from a peer outside its presence, nothing twice, and in the end
    /// the client's view is true, and it had every message of who is still there.
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
    /// Ids used so far, one for each time that a peer joined.
    seats: [Option<SocketId>; 5],
    ids: u8,
    told: VecDeque<Event>,
    heard: Vec<Event>,
    answers: VecDeque<Event>,
    lost: bool,
    joined: bool,
    client: Client,
    now: Instant,
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
            seats: [None; 5],
            ids: 0,
            told: VecDeque::new(),
            heard: Vec::new(),
            answers: VecDeque::new(),
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
                    self.members.remove(&id);
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
                    self.heard.push(event.clone());
                    self.deliver(event);
                }
            }
            Step::Echo(index) => {
                if !self.heard.is_empty() {
                    self.deliver(index.get(&self.heard).clone());
                }
            }
            Step::Repeat => {
                if let Some(event) = self.told.front().cloned() {
                    self.deliver(event);
                }
            }
            Step::Lose => {
                if let Some(Event::Notice(_)) = self.told.front() {
                    self.told.pop_front();
                    self.lost = true;
                }
            }
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
            self.told.push_back(Event::Signal(signal(id, sender.sent)));
        }
    }

    fn tell(&mut self, change: Change) {
        self.version += 1;
        if self.joined {
            self.told.push_back(Event::Notice(Notice { version: self.version, change }));
        }
    }

    fn deliver(&mut self, event: Event) {
        self.client.hear(event, self.now);
        self.obey();
    }

    /// Does what the session asks of the exchange: at once; the answer is what takes its time.
    fn obey(&mut self) {
        for request in mem::take(&mut self.client.requests) {
            match request {
                Effect::Join(..) => {
                    self.version += 1;
                    self.joined = true;
                    self.answers.push_back(Event::Joined(self.snapshot()));
                }
                Effect::Sync => self.answers.push_back(Event::Synced(self.snapshot())),
                other => panic!("nobody asked for {other:?}"),
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let peers = self.members.iter().map(|(&id, sender)| peer(id, sender.info)).collect();
        Snapshot { version: self.version, peers }
    }

    /// Everything under way arrives; then the exchange owns up to what it lost.
    fn come_to_rest(&mut self) {
        if !self.joined {
            return;
        }
        self.settle();
        if self.lost {
            self.deliver(Event::Lapse);
            self.settle();
        }
        let truth: BTreeMap<_, _> =
            self.members.iter().map(|(id, sender)| (id.to_string(), sender.info)).collect();
        let view: BTreeMap<_, _> = self.client.peers.iter().map(|(id, had)| (id.clone(), had.info)).collect();
        assert_eq!(view, truth, "the client's view");
        for (id, sender) in &self.members {
            assert_eq!(self.client.peers[id.as_str()].messages, sender.due, "the messages of {id}");
        }
    }

    fn settle(&mut self) {
        while !self.told.is_empty() || !self.answers.is_empty() {
            self.take(&Step::Answer);
            self.take(&Step::Deliver);
        }
    }
}

/// Our client: what it was told, checked as it hears it.
struct Client {
    session: Session,
    requests: Vec<Effect>,
    inside: bool,
    peers: BTreeMap<String, Had>,
    gone: Vec<String>,
}

#[derive(Default)]
struct Had {
    info: u64,
    messages: Vec<u64>,
}

impl Client {
    fn new(now: Instant) -> Self {
        let session = Session::new(Arc::new(rules()), || id(0), now);
        Self { session, requests: Vec::new(), inside: false, peers: BTreeMap::new(), gone: Vec::new() }
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
                assert!(self.inside && !self.gone.contains(&about()), "an id never comes back: {frame}");
                let had = Had { info: data["info"].as_u64().unwrap(), ..Had::default() };
                assert!(self.peers.insert(about(), had).is_none(), "told twice: {frame}");
            }
            "remove_peer" => {
                assert!(self.peers.remove(&about()).is_some(), "it wasn't there: {frame}");
                self.gone.push(about());
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

fn rules() -> Rules {
    Rules {
        join_timeout: Duration::from_secs(10),
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        ice_servers: Vec::new(),
    }
}

fn id(number: u8) -> SocketId {
    let mut bytes = [0; SocketId::LEN];
    (bytes[0], bytes[1]) = (number >> 5, number);
    SocketId::from_random(bytes)
}

fn peer(id: SocketId, info: u64) -> Peer {
    Peer { id, info: Info::of(&info.to_string()) }
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
            Self { session: Session::new(Arc::new(rules()), || id(0), now), now }
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
