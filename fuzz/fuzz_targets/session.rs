//! One connection's session, and everything that its client, its room and its gateway may do in any order. It doesn't
//! panic, what it says is well-formed, and gateway and client can believe it: [`Gateway`] and [`Client`] look.

#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use switchboard::{
    protocol::{
        ClientEvent, ClientFrame, CloseCode, Dialect, IceServers, Info, LeaveReason, Peer, ResumeKey,
        RoomName, Signal, SocketId, Text,
    },
    room::{Change, Event, Member, Notice, Refusal, Snapshot},
    session::{Denied, Door, Effect, Grants, Input, Knock, Rules, Secrets, Session},
};

fuzz_target!(|bytes: &[u8]| {
    IDS.set(0);
    let mut world = World::new();
    let mut input = Unstructured::new(bytes);
    while !input.is_empty() {
        if world.step(&mut input).is_err() {
            break;
        }
    }
    world.end();
});

/// A session, and those who believe it.
struct World {
    session: Session,
    now: Instant,
    gateway: Gateway,
    client: Client,
}

/// What a client may show at the door.
const TOKENS: [&str; 3] = ["good for little", "good for long", "no good"];

/// Lets in who shows nothing, as where no tokens are asked for, and whose token is good.
#[derive(Debug)]
struct Porter;

impl Door for Porter {
    fn admit(&self, _: Knock, token: Option<&str>, _: &RoomName) -> std::result::Result<Grants, Denied> {
        let valid_for = |seconds| Some(Duration::from_secs(seconds));
        match token {
            None => Ok(Grants::ALL),
            Some("good for little") => Ok(Grants {
                signal: false,
                broadcast: false,
                info: false,
                valid_for: valid_for(20),
                ..Grants::ALL
            }),
            Some("good for long") => Ok(Grants { valid_for: valid_for(3600), ..Grants::ALL }),
            Some(_) => Err(Denied::unauthorized("it is no good")),
        }
    }
}

/// What a gateway knows of the connection.
#[derive(Default)]
struct Gateway {
    member: Option<Member>,
    /// It asked to come in, and waits for the answer.
    awaits: Option<Way>,
    /// The number of the last message that it posted for this membership.
    posted: u64,
    over: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Join,
    Resume,
}

/// What a client was told: the peers, and the number of the last message from each.
#[derive(Default)]
struct Client {
    peers: BTreeMap<String, u64>,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let session = Session::new(Arc::new(rules()), SECRETS, Box::new(Porter), now);
        Self { session, now, gateway: Gateway::default(), client: Client::default() }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match input.int_in_range(0..=15)? {
            0..=4 => {
                let text = frame(input)?;
                // Who has asked to come in says nothing before the answer.
                if self.session.listens() {
                    self.handle(Input::Text(&text));
                }
            }
            5..=7 => self.answer(input)?,
            8..=11 => {
                let event = event(input)?;
                self.handle(Input::Exchange(event));
            }
            12 => self.wait(input)?,
            13 => self.handle(Input::Handled(number(input)?)),
            14 => match input.int_in_range(0..=5)? {
                4 | 5 => {
                    let text = frame(input)?;
                    self.handle(Input::Excess(
                        Some(&text),
                        Duration::from_millis(input.arbitrary::<u32>()?.into()),
                    ));
                }
                0 => self.handle(Input::Binary),
                1 => self.handle(Input::Drain(Duration::from_millis(input.arbitrary::<u32>()?.into()))),
                _ => self.handle(Input::Heard),
            },
            _ => match input.int_in_range(0..=15)? {
                0 => self.handle(Input::Close(*input.choose(&CloseCode::ALL)?)),
                1 => self.handle(Input::Gone(reason(input)?)),
                _ => {}
            },
        }
        Ok(())
    }

    /// The room answers who wants to come in, with what there is to that question.
    fn answer(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some(way) = self.gateway.awaits else { return Ok(()) };
        let refusal = [Refusal::Full, Refusal::Expired, Refusal::Unavailable];
        let event = match input.int_in_range(0..=3)? {
            0 => Event::Refused(*input.choose(&refusal)?),
            _ if way == Way::Join => Event::Joined(snapshot(input)?),
            _ => Event::Resumed { snapshot: snapshot(input)?, mailbox: mailbox(input)? },
        };
        self.gateway.awaits = None;
        if matches!(event, Event::Refused(_)) {
            self.gateway.member = None;
        }
        self.handle(Input::Exchange(event));
        Ok(())
    }

    fn wait(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        self.now += Duration::from_millis(input.int_in_range(0..=60_000)?);
        // A join's deadline and the client's silence may both have come.
        self.handle(Input::Tick);
        self.handle(Input::Tick);
        let ahead = self.session.deadline() > self.now;
        assert!(ahead || self.gateway.over, "a deadline that has come is done with: a gateway would spin");
        Ok(())
    }

    fn end(&mut self) {
        self.handle(Input::Gone(LeaveReason::Lost));
        assert!(self.gateway.over, "it has ended");
        self.handle(Input::Close(CloseCode::Restart));
    }

    fn handle(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.session.handle(input, self.now, &mut effects);
        for effect in effects {
            self.client.take(&effect, self.session.dialect(), self.gateway.member.as_ref());
            self.gateway.take(effect, &self.client);
        }
        assert!(self.gateway.awaits.is_none() || !self.session.listens(), "it waits for an answer");
        assert!(!self.gateway.over || self.gateway.member.is_none(), "who has gone is in no room");
    }
}

impl Gateway {
    fn take(&mut self, effect: Effect, client: &Client) {
        assert!(!self.over, "nothing comes after the end: {effect:?}");
        match effect {
            Effect::Join(member, ..) => self.enter(member, Way::Join),
            Effect::Resume(member, _) => self.enter(member, Way::Resume),
            Effect::Leave(_) | Effect::Detach => {
                assert!(self.member.take().is_some(), "nobody leaves twice");
                self.awaits = None;
            }
            Effect::Post(to, signal) => {
                assert!(client.peers.contains_key(to.as_str()), "{to} is nobody that its client knows");
                self.post(&signal);
            }
            Effect::Broadcast(signal) => self.post(&signal),
            Effect::Acknowledge(_) | Effect::SetInfo(_) | Effect::Sync => self.assert_inside(),
            Effect::Repaired { changes, messages } => assert!(changes + messages > 0),
            Effect::End(_) => self.over = true,
            Effect::Send(_) | Effect::SendTraced(..) | Effect::Refuse(..) | Effect::Ping | Effect::Met(_) | Effect::TurnedAway(..) => {
            }
        }
    }

    fn enter(&mut self, member: Member, way: Way) {
        assert!(self.member.is_none(), "nobody is in two rooms");
        (self.member, self.awaits, self.posted) = (Some(member), Some(way), 0);
    }

    fn post(&mut self, signal: &Signal) {
        self.assert_inside();
        assert_eq!(Some(signal.from), self.member.as_ref().map(|member| member.id));
        assert!(signal.n > self.posted, "each message is posted once");
        self.posted = signal.n;
    }

    fn assert_inside(&self) {
        assert!(self.member.is_some() && self.awaits.is_none(), "only who is in asks for anything");
    }
}

impl Client {
    fn take(&mut self, effect: &Effect, dialect: Dialect, member: Option<&Member>) {
        match effect {
            Effect::Send(text) | Effect::SendTraced(text, ..) => self.hear(text.as_str(), member),
            Effect::Refuse(_, text) => {
                assert_eq!(text.is_some(), dialect == Dialect::Native, "only one dialect has errors");
                if let Some(text) = text {
                    self.hear(text.as_str(), member);
                }
            }
            // It said whom it knows.
            Effect::Resume(_, claim) => {
                self.peers = claim.had.iter().map(|(id, n)| (id.to_string(), *n)).collect();
            }
            Effect::Leave(_) | Effect::Detach | Effect::Join(..) => self.peers.clear(),
            _ => {}
        }
    }

    fn hear(&mut self, text: &str, member: Option<&Member>) {
        let frame: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let data = &frame["data"];
        assert!(data.is_object(), "{text}");
        let name = frame["eventName"].as_str().expect("a name");
        let about = data["socketId"].as_str();
        match (name.trim_start_matches('_'), about) {
            ("peers", _) => {
                assert_eq!(data["you"].as_str(), member.map(|member| member.id.as_str()), "{text}");
                let ids = data["connections"].as_array().expect("ids");
                self.peers = ids.iter().map(|id| (id.as_str().expect("an id").to_owned(), 0)).collect();
            }
            ("resumed", _) => {
                assert_eq!(data["you"].as_str(), member.map(|member| member.id.as_str()), "{text}")
            }
            ("new_peer", Some(id)) => {
                assert_eq!(self.peers.insert(id.to_owned(), 0), None, "known already: {text}");
            }
            ("remove_peer", Some(id)) => assert!(self.peers.remove(id).is_some(), "unknown: {text}"),
            ("peer_info" | "peer_away" | "peer_back", Some(id)) => {
                assert!(self.peers.contains_key(id), "unknown: {text}");
            }
            ("error", _) => {}
            (_, Some(from)) => {
                let last = self.peers.get_mut(from).unwrap_or_else(|| panic!("from nobody: {text}"));
                // Who speaks as in 2014 hears no numbers.
                let n = frame["n"].as_u64().unwrap_or(*last + 1);
                assert!(n > *last, "twice, or out of order: {text}");
                *last = n;
            }
            (_, None) => {}
        }
    }
}

/// What a client says: mostly what the protocol knows, about those who may be there.
fn frame(input: &mut Unstructured<'_>) -> Result<String> {
    let id = *input.choose(&names())?;
    let n = number(input)?;
    let key = "7".repeat(ResumeKey::LEN);
    Ok(match input.int_in_range(0..=18)? {
        0 | 1 => r#"{"eventName":"join","data":{"room":"kitchen"}}"#.into(),
        2 | 3 => {
            r#"{"eventName":"join","data":{"room":"kitchen","info":{"name":"Ann"},"resume":true}}"#.into()
        }
        4 => r#"{"eventName":"__join","data":{"room":"kitchen"}}"#.into(),
        5 => r#"{"eventName":"leave"}"#.into(),
        6 | 7 => format!(r#"{{"eventName":"offer","data":{{"socketId":"{id}","sdp":"v=0"}},"n":{n}}}"#),
        8 => format!(r#"{{"eventName":"__offer","data":{{"socketId":"{id}","sdp":"v=0"}}}}"#),
        9 => format!(r#"{{"eventName":"message","data":{{"body":1}},"n":{n}}}"#),
        10 => format!(r#"{{"eventName":"wave","data":{{"socketId":"{id}"}}}}"#),
        11 => r#"{"eventName":"info","data":{"info":[1]}}"#.into(),
        12 | 13 => format!(
            r#"{{"eventName":"resume","data":{{"room":"kitchen","socketId":"{}","key":"{key}","attempt":{n},"received":{{"{id}":{n}}},"version":{}}}}}"#,
            own(0),
            number(input)?,
        ),
        14 => format!(r#"{{"eventName":"ack","data":{{"received":{{"{id}":{n}}}}}}}"#),
        15 => r#"{"eventName":"ice_servers"}"#.into(),
        16 => format!(r#"{{"eventName":"token","data":{{"token":"{}"}}}}"#, input.choose(&TOKENS)?),
        17 => {
            let token = input.choose(&TOKENS)?;
            format!(r#"{{"eventName":"join","data":{{"room":"kitchen","token":"{token}","resume":true}}}}"#)
        }
        _ => input.arbitrary::<&str>()?.into(),
    })
}

/// What a room may tell at any time, also what it never would.
fn event(input: &mut Unstructured<'_>) -> Result<Event> {
    Ok(match input.int_in_range(0..=15)? {
        0..=6 => Event::Notice(Notice { version: number(input)?, change: change(input)? }),
        7..=9 => Event::Signal(signal(input)?),
        10 => Event::Gone { to: peer(input)?, n: number(input)? },
        11 => Event::Failed { to: input.arbitrary::<bool>()?.then(|| other(1)), n: Some(number(input)?) },
        12 => Event::Synced { snapshot: snapshot(input)?, mailbox: mailbox(input)? },
        13 => Event::Lapse,
        14 => Event::Gap,
        _ => match input.int_in_range(0..=15)? {
            0 => Event::Replaced,
            1 => Event::Removed,
            2 => Event::Ended(*input.choose(&[LeaveReason::Kicked, LeaveReason::Closed])?),
            3 => Event::Announced(Text::from(String::from(r#"{"eventName":"notice","data":{}}"#))),
            _ => Event::Synced { snapshot: snapshot(input)?, mailbox: Vec::new() },
        },
    })
}

fn change(input: &mut Unstructured<'_>) -> Result<Change> {
    let id = peer(input)?;
    Ok(match input.int_in_range(0..=5)? {
        0 | 1 => Change::Joined(shown(id, input)?),
        2 => Change::Left(id, reason(input)?),
        3 => Change::Info(shown(id, input)?),
        4 => Change::Away(id),
        _ => Change::Back(id),
    })
}

fn snapshot(input: &mut Unstructured<'_>) -> Result<Snapshot> {
    let version = number(input)?;
    let there: u8 = input.arbitrary()?;
    let ids = (0..4).filter(|place| there & (1 << place) != 0).map(other);
    let peers = ids.map(|id| shown(id, input)).collect::<Result<_>>()?;
    Ok(Snapshot { version, peers })
}

fn mailbox(input: &mut Unstructured<'_>) -> Result<Vec<Signal>> {
    (0..input.int_in_range(0..=3)?).map(|_| signal(input)).collect()
}

fn signal(input: &mut Unstructured<'_>) -> Result<Signal> {
    let text = *input.choose(&[
        r#"{"eventName":"message","data":{"body":1}}"#,
        r#"{"eventName":"ice_candidate","data":{"socketId":"me","candidate":"c","label":1}}"#,
    ])?;
    let event = ClientFrame::parse(text).and_then(|frame| frame.event(Dialect::Native));
    let Ok(ClientEvent::Relay(relay)) = event else { unreachable!("a message") };
    Ok(relay.sign(peer(input)?, number(input)?))
}

fn shown(id: SocketId, input: &mut Unstructured<'_>) -> Result<Peer> {
    let info = if input.arbitrary()? { Some(serde_json::from_str("[1]").expect("JSON")) } else { None };
    let info = Info::parse(info).expect("short");
    Ok(Peer { away: input.arbitrary()?, ..Peer::here(id, info) })
}

fn reason(input: &mut Unstructured<'_>) -> Result<LeaveReason> {
    input.choose(&[LeaveReason::Left, LeaveReason::Lost, LeaveReason::Kicked, LeaveReason::Closed]).copied()
}

/// A number that means something: the numbers of a short story are small.
fn number(input: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match input.arbitrary::<u8>()? {
        255 => input.arbitrary()?,
        254 => Signal::MAX_N,
        small => u64::from(small % 16),
    })
}

fn peer(input: &mut Unstructured<'_>) -> Result<SocketId> {
    Ok(other(input.int_in_range(0..=3)?))
}

/// Ids that a client may name: the others', its own, and what is none.
fn names() -> [&'static str; 7] {
    thread_local!(static NAMES: [&'static str; 7] = {
        let ids = [other(0), other(1), other(2), other(3), own(0), own(1)];
        let [a, b, c, d, e, f] = ids.map(|id| &*id.to_string().leak());
        [a, b, c, d, e, f, "nobody"]
    });
    NAMES.with(|names| *names)
}

fn other(place: u8) -> SocketId {
    SocketId::from_random([place; SocketId::LEN])
}

/// The ids that a client has, one after the other.
fn own(number: u8) -> SocketId {
    let mut bytes = [31; SocketId::LEN];
    (bytes[0], bytes[1]) = (number >> 5, number);
    SocketId::from_random(bytes)
}

thread_local!(static IDS: Cell<u8> = const { Cell::new(0) });

const SECRETS: Secrets = Secrets {
    id: || own(IDS.replace(IDS.get().wrapping_add(1))),
    key: || ResumeKey::from_random([7; ResumeKey::LEN]),
};

fn rules() -> Rules {
    Rules {
        join_timeout: Duration::from_secs(10),
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        resume_window: Duration::from_secs(30),
        max_room_name: 128,
        max_info: 4096,
        ice: Arc::new(IceServers::default()),
    }
}
