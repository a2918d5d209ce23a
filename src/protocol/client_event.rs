//! What a client says: a text frame, read once, at the door.

use super::{
    Dialect, ErrorCode, Fault, Had, Info, Relay, ResumeKey, RoomName, Signal, SignalKind, SocketId, Token,
    json::{excerpt, object, present},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::HashMap, fmt};

/// Event names that only a gateway says, or that are kept for later.
const RESERVED: [&str; 13] = [
    "peers",
    "new_peer",
    "remove_peer",
    "peer_info",
    "resumed",
    "peer_away",
    "peer_back",
    "error",
    "reconnect",
    "gap",
    "left",
    "pong",
    "token_expiring",
];

/// Event names that clients say, and that mean something to a gateway.
const SPOKEN: [&str; 12] = [
    "ack",
    "answer",
    "ice_candidate",
    "ice_servers",
    "info",
    "join",
    "leave",
    "message",
    "offer",
    "ping",
    "resume",
    "token",
];

/// Whether an event may have this name that isn't the protocol's own.
pub fn is_custom_name(name: &str) -> bool {
    let well_formed =
        (1..=64).contains(&name.len()) && !name.contains(|c: char| c.is_control() || "\"\\".contains(c));
    well_formed && !name.starts_with('_') && !RESERVED.contains(&name) && !SPOKEN.contains(&name)
}

/// The room of a SkyRTC client that names none.
const SKYRTC_DEFAULT_ROOM: &str = "__default";

/// A frame whose envelope was read: its event's name, and its data still as text. The data doesn't print: a token may be in it.
pub struct ClientFrame<'a> {
    name: Cow<'a, str>,
    data: Option<&'a RawValue>,
    n: Option<u64>,
}

/// One thing that a client asks for.
#[derive(Debug)]
pub enum ClientEvent<'a> {
    /// `join`.
    Join(JoinRequest<'a>),
    /// `offer`, `answer`, `ice_candidate`, `message` or a custom event.
    Relay(Relay<'a>),
    /// `info`.
    Info(Info),
    /// `resume`.
    Resume(ResumeRequest<'a>),
    /// `ack`: what the client had.
    Ack(Had),
    /// `ice_servers`.
    IceServers,
    /// `token`: another one, for the room that the client is in.
    Token(Token<'a>),
    /// `ping`.
    Ping,
    /// `leave`.
    Leave,
    /// A name that SkyRTC 0.0.2 had no handler for, and so passed over.
    Ignored,
}

/// What `join` carries.
#[derive(Debug)]
pub struct JoinRequest<'a> {
    /// The room to enter.
    pub room: RoomName,
    /// What says that the client may.
    pub token: Option<Token<'a>>,
    /// What the others are shown.
    pub info: Info,
    /// Whether the client wants to come back when its connection ends.
    pub resume: bool,
}

/// What `resume` carries.
#[derive(Debug)]
pub struct ResumeRequest<'a> {
    /// The room that the session is in.
    pub room: RoomName,
    /// What says that the client may be there.
    pub token: Option<Token<'a>>,
    /// The session.
    pub id: SocketId,
    /// The last key that the client was told.
    pub key: ResumeKey,
    /// Higher with each attempt of this session: the highest one has it.
    pub attempt: u64,
    /// The peers that the client knows of, and what it had from each.
    pub had: Had,
    /// The version of the last notice that it heard.
    pub version: u64,
}

impl<'a> ClientFrame<'a> {
    /// Reads the envelope of a text frame.
    pub fn parse(text: &'a str) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow, rename = "eventName")]
            event_name: Cow<'a, str>,
            #[serde(borrow, default)]
            data: Option<&'a RawValue>,
            #[serde(default)]
            n: Option<u64>,
        }

        let Envelope { event_name, data, n } = object(text, "a frame")?;
        if n.is_some_and(|n| !(1..=Signal::MAX_N).contains(&n)) {
            return Err(Fault::bad_message("n is an integer from 1 to 9007199254740991"));
        }
        Ok(Self { name: event_name, data, n })
    }

    /// The dialect that this frame speaks, if it is a connection's first.
    pub fn dialect(&self) -> Dialect {
        Dialect::of_first_event(&self.name)
    }

    /// Reads the event, in the connection's dialect.
    pub fn event(self, dialect: Dialect) -> Result<ClientEvent<'a>, Fault> {
        match dialect {
            Dialect::Native => self.native_event(),
            Dialect::SkyRtc => self.skyrtc_event(),
        }
    }

    fn native_event(self) -> Result<ClientEvent<'a>, Fault> {
        Ok(match &*self.name {
            "join" => {
                let Join { room, token, info, resume } = self.join()?;
                let (room, info) = (room_name(room.as_deref())?, checked(info)?);
                ClientEvent::Join(JoinRequest { room, token, info, resume: resume.unwrap_or_default() })
            }
            "offer" => ClientEvent::Relay(self.relay(SignalKind::Offer)?),
            "answer" => ClientEvent::Relay(self.relay(SignalKind::Answer)?),
            "ice_candidate" => ClientEvent::Relay(self.relay(SignalKind::IceCandidate)?),
            "message" => ClientEvent::Relay(self.relay(SignalKind::Message)?),
            "info" => ClientEvent::Info(self.info()?),
            "resume" => ClientEvent::Resume(self.resume()?),
            "ack" => ClientEvent::Ack(self.ack()?),
            "ice_servers" => ClientEvent::IceServers,
            "token" => ClientEvent::Token(self.token()?),
            "ping" => ClientEvent::Ping,
            "leave" => ClientEvent::Leave,
            name if name.starts_with('_') || RESERVED.contains(&name) => {
                let message = format!("the event name {:?} is reserved; choose another", excerpt(name));
                return Err(Fault::new(ErrorCode::UnknownEvent, message));
            }
            _ => ClientEvent::Relay(self.relay(SignalKind::Custom)?),
        })
    }

    fn skyrtc_event(mut self) -> Result<ClientEvent<'a>, Fault> {
        // Its clients don't number.
        self.n = None;
        Ok(match &*self.name {
            // Its clients show nothing of themselves.
            "__join" => {
                let Join { room, token, .. } = self.join()?;
                let named = room.as_deref().filter(|room| !room.is_empty());
                let room = room_name(Some(named.unwrap_or(SKYRTC_DEFAULT_ROOM)))?;
                ClientEvent::Join(JoinRequest { room, token, info: Info::default(), resume: false })
            }
            "__offer" => ClientEvent::Relay(self.relay(SignalKind::Offer)?),
            "__answer" => ClientEvent::Relay(self.relay(SignalKind::Answer)?),
            "__ice_candidate" => ClientEvent::Relay(self.relay(SignalKind::IceCandidate)?),
            _ => ClientEvent::Ignored,
        })
    }

    fn join(&self) -> Result<Join<'a>, Fault> {
        object(self.data(), "the data of join")
    }

    fn token(&self) -> Result<Token<'a>, Fault> {
        #[derive(Deserialize)]
        struct Renewal<'a> {
            #[serde(borrow)]
            token: Token<'a>,
        }

        let Renewal { token } = object(self.data(), "the data of token")?;
        Ok(token)
    }

    fn resume(&self) -> Result<ResumeRequest<'a>, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Resume<'a> {
            #[serde(borrow)]
            room: Cow<'a, str>,
            #[serde(borrow)]
            socket_id: Cow<'a, str>,
            #[serde(borrow)]
            key: Cow<'a, str>,
            attempt: u64,
            #[serde(borrow)]
            received: HashMap<Cow<'a, str>, u64>,
            #[serde(default)]
            version: u64,
            #[serde(borrow, default)]
            token: Option<Token<'a>>,
        }

        let Resume { room, socket_id, key, attempt, received, version, token } =
            object(self.data(), "the data of resume")?;
        let invalid = |what| Fault::bad_message(format!("resume takes {what}"));
        if !(1..=Signal::MAX_N).contains(&attempt) {
            return Err(invalid("data.attempt: an integer from 1, higher each time"));
        }
        Ok(ResumeRequest {
            room: room_name(Some(&room))?,
            token,
            id: SocketId::parse(&socket_id).ok_or_else(|| invalid("data.socketId: your own id"))?,
            key: ResumeKey::parse(&key)
                .ok_or_else(|| invalid("data.key: the last one that you were told"))?,
            attempt,
            had: had(received)?,
            version,
        })
    }

    fn ack(&self) -> Result<Had, Fault> {
        #[derive(Deserialize)]
        struct Ack<'a> {
            #[serde(borrow)]
            received: HashMap<Cow<'a, str>, u64>,
        }

        let Ack { received } = object(self.data(), "the data of ack")?;
        had(received)
    }

    fn info(&self) -> Result<Info, Fault> {
        #[derive(Deserialize)]
        struct NewInfo<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            info: Option<&'a RawValue>,
        }

        let NewInfo { info } = object(self.data(), "the data of info")?;
        if info.is_none() {
            return Err(Fault::bad_message("info takes data.info: any JSON, null to show nothing"));
        }
        checked(info)
    }

    /// The data as text; none is an empty object.
    fn data(&self) -> &'a str {
        self.data.map_or("{}", RawValue::get)
    }

    fn relay(self, kind: SignalKind) -> Result<Relay<'a>, Fault> {
        let (n, data) = (self.n, self.data());
        let relay = Relay::parse(kind, self.name, data, n);
        relay.map_err(|fault| Fault { n, ..fault })
    }
}

/// The data of `join`, and of `__join`.
#[derive(Deserialize)]
struct Join<'a> {
    #[serde(borrow, default)]
    room: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    token: Option<Token<'a>>,
    #[serde(borrow, default)]
    info: Option<&'a RawValue>,
    #[serde(default)]
    resume: Option<bool>,
}

impl fmt::Debug for ClientFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFrame").field("name", &self.name).field("n", &self.n).finish_non_exhaustive()
    }
}

fn room_name(name: Option<&str>) -> Result<RoomName, Fault> {
    name.and_then(RoomName::parse).ok_or_else(|| Fault::bad_room(name, RoomName::MAX_LEN))
}

fn had(received: HashMap<Cow<'_, str>, u64>) -> Result<Had, Fault> {
    let had = received.into_iter().map(|(id, n)| Some((SocketId::parse(&id)?, n)));
    had.collect::<Option<_>>()
        .ok_or_else(|| Fault::bad_message("data.received has a peer's id and a number in each entry"))
}

fn checked(info: Option<&RawValue>) -> Result<Info, Fault> {
    Info::parse(info).ok_or_else(|| Fault::large_info(Info::MAX_LEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClientEvent<'_>, Fault> {
        let frame = ClientFrame::parse(text)?;
        let dialect = frame.dialect();
        frame.event(dialect)
    }

    fn code(text: &str) -> ErrorCode {
        parse(text).expect_err(text).code
    }

    #[test]
    fn join_reads_its_room_and_info() {
        let text = r#"{"eventName":"join","data":{"room":"r","info":{"name":"Ann"},"future":[1]}}"#;
        let Ok(ClientEvent::Join(join)) = parse(text) else { panic!("{text}") };
        assert_eq!(join.room.as_str(), "r");
        assert_eq!(join.info.as_str(), r#"{"name":"Ann"}"#);
    }

    #[test]
    fn a_token_is_read_and_does_not_print() {
        let id = "0".repeat(SocketId::LEN);
        let key = "1".repeat(ResumeKey::LEN);
        for text in [
            r#"{"eventName":"join","data":{"room":"r","token":"hunter\u0032"}}"#.to_owned(),
            r#"{"eventName":"__join","data":{"room":"r","token":"hunter2"}}"#.to_owned(),
            r#"{"eventName":"token","data":{"token":"hunter2"}}"#.to_owned(),
            format!(
                r#"{{"eventName":"resume","data":{{"room":"r","socketId":"{id}","key":"{key}","attempt":1,"received":{{}},"token":"hunter2"}}}}"#
            ),
        ] {
            assert!(!format!("{:?}", ClientFrame::parse(&text)).contains("hunter2"), "{text}");
            let event = parse(&text).expect("an event");
            assert!(!format!("{event:?}").contains("hunter2"), "{event:?}");
            let token = match event {
                ClientEvent::Join(JoinRequest { token, .. })
                | ClientEvent::Resume(ResumeRequest { token, .. }) => token,
                ClientEvent::Token(token) => Some(token),
                other => panic!("{other:?}"),
            };
            assert_eq!(token, Some(Token::from("hunter2")));
        }
    }

    #[test]
    fn resume_reads_what_its_client_knows() {
        let (id, key) = ("0".repeat(SocketId::LEN), "1".repeat(ResumeKey::LEN));
        let resume = |attempt: &str, id: &str, key: &str, received: &str| {
            format!(
                r#"{{"eventName":"resume","data":{{"room":"r","socketId":"{id}","key":"{key}","attempt":{attempt},"received":{received}}}}}"#
            )
        };
        let text = resume("2", &id, &key, &format!(r#"{{"{id}":7}}"#));
        let Ok(ClientEvent::Resume(request)) = parse(&text) else { panic!("{text}") };
        assert_eq!((request.attempt, request.version), (2, 0));
        assert_eq!(request.had, [(SocketId::parse(&id).unwrap(), 7)]);
        for text in [
            resume("0", &id, &key, "{}"),
            resume("-1", &id, &key, "{}"),
            resume("1", "short", &key, "{}"),
            resume("1", &id, "short", "{}"),
            resume("1", &id, &key, r#"{"short":1}"#),
            resume("1", &id, &key, "[]"),
            r#"{"eventName":"resume","data":{}}"#.into(),
            r#"{"eventName":"ack","data":{}}"#.into(),
            r#"{"eventName":"ack","data":{"received":{"short":1}}}"#.into(),
        ] {
            assert_eq!(code(&text), ErrorCode::BadMessage, "{text}");
        }
    }

    #[test]
    fn a_skyrtc_client_without_a_room_joins_the_default_one() {
        for text in [
            r#"{"eventName":"__join","data":{"room":""}}"#,
            r#"{"eventName":"__join","data":{}}"#,
            r#"{"eventName":"__join"}"#,
        ] {
            let Ok(ClientEvent::Join(join)) = parse(text) else { panic!("{text}") };
            assert_eq!(join.room.as_str(), "__default");
        }
    }

    #[test]
    fn what_is_no_event_is_bad_message() {
        for text in [
            "",
            "nonsense",
            "null",
            "[]",
            r#"["join",{"room":"r"}]"#,
            "{}",
            r#"{"eventName":5}"#,
            r#"{"eventName":"join","data":["r"]}"#,
            r#"{"eventName":"join","data":{"room":5}}"#,
            r#"{"eventName":"join","data":{"room":"r"}} trailing"#,
            r#"{"eventName":"ping","eventName":"pong"}"#,
            r#"{"eventName":"message","n":0}"#,
            r#"{"eventName":"message","n":9007199254740992}"#,
            r#"{"eventName":"info","data":{}}"#,
            r#"{"eventName":"token"}"#,
            r#"{"eventName":"token","data":{"token":null}}"#,
            r#"{"eventName":"token","data":{"token":5}}"#,
            r#"{"eventName":"join","data":{"room":"r","token":5}}"#,
        ] {
            assert_eq!(code(text), ErrorCode::BadMessage, "{text}");
        }
    }

    #[test]
    fn a_name_is_free_or_the_protocols_own() {
        for name in ["notice", "hand up", "x_", &"x".repeat(64)] {
            assert!(is_custom_name(name), "{name}");
        }
        for name in RESERVED.iter().chain(&SPOKEN).chain(&["", "_x", "a\"b", "a\\b", "a\nb", &"x".repeat(65)])
        {
            assert!(!is_custom_name(name), "{name}");
        }
        for name in SPOKEN {
            let frame = format!(r#"{{"eventName":"{name}"}}"#);
            let event = ClientFrame::parse(&frame).unwrap().event(Dialect::Native);
            assert!(
                !matches!(event, Ok(ClientEvent::Relay(relay)) if relay.kind == SignalKind::Custom),
                "{name}"
            );
        }
    }

    #[test]
    fn names_of_the_gateway_are_reserved() {
        for name in RESERVED.iter().chain(&["_x"]) {
            assert_eq!(code(&format!(r#"{{"eventName":"{name}"}}"#)), ErrorCode::UnknownEvent, "{name}");
        }
    }

    #[test]
    fn limits_are_told_apart() {
        let large = "x".repeat(Info::MAX_LEN);
        let text = format!(r#"{{"eventName":"join","data":{{"room":"r","info":"{large}"}}}}"#);
        assert_eq!(code(&text), ErrorCode::TooLarge);
        assert_eq!(code(r#"{"eventName":"join","data":{}}"#), ErrorCode::BadRoom);
    }
}
