//! What a client is told, written in its dialect.

use super::{Dialect, Fault, Info, ResumeKey, RoomName, Signal, SignalKind, SocketId, Text, json::present};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use std::{fmt, time::Duration};

/// One of the others in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Its id.
    #[serde(rename = "socketId")]
    pub id: SocketId,
    /// What it shows of itself.
    pub info: Info,
    /// Its connection is gone, and it may resume.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
}

impl Peer {
    /// One that has a connection.
    pub fn here(id: SocketId, info: Info) -> Self {
        Self { id, info, away: false }
    }
}

/// What a client comes back with, and for how long it can.
#[derive(Clone, Copy, Debug)]
pub struct Ticket<'a> {
    /// The key; the next one comes with the next answer.
    pub key: &'a ResumeKey,
    /// From the end of its connection.
    pub window: Duration,
}

/// What a client is told of STUN and TURN servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServers {
    /// The servers.
    pub servers: Vec<IceServer>,
    /// How long the credentials among them are good for, in whole seconds; `None` where there are none.
    pub ttl: Option<Duration>,
}

/// A server, or several with the same credentials, as `RTCPeerConnection` takes it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum IceServer {
    /// STUN.
    Stun {
        /// Its URLs (RFC 7064).
        urls: Vec<String>,
    },
    /// TURN.
    Turn {
        /// Its URLs (RFC 7065).
        urls: Vec<String>,
        /// Whom the password is for.
        username: String,
        /// The password.
        credential: String,
    },
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stun { urls } => write!(f, "Stun({urls:?})"),
            Self::Turn { urls, username, .. } => write!(f, "Turn({urls:?}, {username:?}, …)"),
        }
    }
}

/// Why a peer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// It said so, or closed its connection properly.
    Left,
    /// Its connection ended without a word.
    Lost,
    /// An operator sent it away.
    Kicked,
    /// An operator closed the room.
    Closed,
}

/// One thing that a client is told.
#[derive(Clone, Debug)]
pub enum ServerEvent<'a> {
    /// The client is in: who it is, and who is there.
    Peers {
        /// Its own id.
        you: SocketId,
        /// The room.
        room: &'a RoomName,
        /// The others, in the order of their joining.
        peers: &'a [Peer],
        /// The room's version.
        version: u64,
        /// Servers for finding network candidates.
        ice_servers: &'a IceServers,
        /// Of a session that can be resumed.
        resume: Option<Ticket<'a>>,
    },
    /// The client is back; what it missed follows.
    Resumed {
        /// Its own id.
        you: SocketId,
        /// The room.
        room: &'a RoomName,
        /// The room's version.
        version: u64,
        /// Servers for finding network candidates.
        ice_servers: &'a IceServers,
        /// What it comes back with the next time.
        resume: Ticket<'a>,
    },
    /// Someone came.
    NewPeer(&'a Peer, u64),
    /// Someone went.
    RemovePeer(SocketId, LeaveReason, u64),
    /// Someone changed what it shows.
    PeerInfo(&'a Peer, u64),
    /// Someone's connection is gone; it may resume.
    PeerAway(SocketId, u64),
    /// It did.
    PeerBack(SocketId, u64),
    /// A message from a peer.
    Signal(&'a Signal),
    /// Everything up to this message of the client's was handled.
    Ack(u64),
    /// Messages may have been lost with the shared state.
    Gap,
    /// The node drains: come back after this time.
    Reconnect(Duration),
    /// A frame of the client's was wrong, or failed.
    Error(&'a Fault),
    /// The client is out of its room.
    Left,
    /// The answer to `ping`.
    Pong,
    /// The answer to `ice_servers`.
    IceServers(&'a IceServers),
    /// The answer to `token`: for how long it is good, if it ends.
    Token(Option<Duration>),
    /// The client's token is good for so long only.
    TokenExpiring(Duration),
}

impl ServerEvent<'_> {
    /// Writes the frame, or `None` where the dialect has no word for it.
    pub fn encode(&self, dialect: Dialect) -> Option<Text> {
        match dialect {
            Dialect::Native => Some(self.native()),
            Dialect::SkyRtc => self.skyrtc(),
        }
    }

    fn native(&self) -> Text {
        match self {
            Self::Peers { you, room, peers, version, ice_servers, resume } => frame(
                "peers",
                PeersData {
                    you,
                    room: room.as_str(),
                    connections: ids(peers),
                    peers,
                    version: *version,
                    ice: IceData::from(*ice_servers),
                    resume: resume.map(TicketData::from),
                },
            ),
            Self::Resumed { you, room, version, ice_servers, resume } => frame(
                "resumed",
                ResumedData {
                    you,
                    room: room.as_str(),
                    version: *version,
                    ice: IceData::from(*ice_servers),
                    resume: TicketData::from(*resume),
                },
            ),
            Self::NewPeer(peer, version) => frame("new_peer", Versioned { peer, version: *version }),
            Self::PeerInfo(Peer { id, info, .. }, version) => {
                // Whether it is away is told apart.
                let peer = Peer::here(*id, info.clone());
                frame("peer_info", Versioned { peer: &peer, version: *version })
            }
            Self::RemovePeer(id, reason, version) => {
                frame("remove_peer", json!({ "socketId": id, "reason": reason, "version": version }))
            }
            Self::PeerAway(id, version) => frame("peer_away", json!({ "socketId": id, "version": version })),
            Self::PeerBack(id, version) => frame("peer_back", json!({ "socketId": id, "version": version })),
            Self::Signal(signal) => signal.frame.clone(),
            Self::Ack(n) => frame("ack", json!({ "n": n })),
            Self::Gap => frame("gap", json!({})),
            Self::Reconnect(after) => frame("reconnect", json!({ "afterMs": milliseconds(*after) })),
            Self::Error(fault) => frame("error", ErrorData::from(*fault)),
            Self::Left => frame("left", json!({})),
            Self::Pong => frame("pong", json!({})),
            Self::IceServers(servers) => frame("ice_servers", IceData::from(*servers)),
            Self::Token(valid_for) => frame("token", TokenData { valid_for_ms: valid_for.map(milliseconds) }),
            Self::TokenExpiring(after) => frame("token_expiring", json!({ "afterMs": milliseconds(*after) })),
        }
    }

    fn skyrtc(&self) -> Option<Text> {
        match self {
            Self::Peers { you, peers, .. } => {
                Some(frame("_peers", json!({ "connections": ids(peers), "you": you })))
            }
            Self::NewPeer(peer, _) => Some(frame("_new_peer", json!({ "socketId": peer.id }))),
            Self::RemovePeer(id, ..) => Some(frame("_remove_peer", json!({ "socketId": id }))),
            Self::Signal(signal) => skyrtc_signal(signal),
            Self::Resumed { .. }
            | Self::PeerInfo(..)
            | Self::PeerAway(..)
            | Self::PeerBack(..)
            | Self::Ack(_)
            | Self::Gap
            | Self::Reconnect(_)
            | Self::Error(_)
            | Self::Left
            | Self::Pong
            | Self::IceServers(_)
            | Self::Token(_)
            | Self::TokenExpiring(_) => None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenData {
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_for_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PeersData<'a> {
    you: &'a SocketId,
    room: &'a str,
    connections: Vec<SocketId>,
    peers: &'a [Peer],
    version: u64,
    #[serde(flatten)]
    ice: IceData<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<TicketData<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResumedData<'a> {
    you: &'a SocketId,
    room: &'a str,
    version: u64,
    #[serde(flatten)]
    ice: IceData<'a>,
    resume: TicketData<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IceData<'a> {
    ice_servers: &'a [IceServer],
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
}

impl<'a> From<&'a IceServers> for IceData<'a> {
    fn from(IceServers { servers, ttl }: &'a IceServers) -> Self {
        Self { ice_servers: servers, ttl: ttl.map(|ttl| ttl.as_secs()) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TicketData<'a> {
    key: &'a str,
    window_ms: u64,
}

impl<'a> From<Ticket<'a>> for TicketData<'a> {
    fn from(Ticket { key, window }: Ticket<'a>) -> Self {
        Self { key: key.reveal(), window_ms: milliseconds(window) }
    }
}

#[derive(Serialize)]
struct Versioned<'a> {
    #[serde(flatten)]
    peer: &'a Peer,
    version: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorData<'a> {
    code: &'static str,
    message: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl<'a> From<&'a Fault> for ErrorData<'a> {
    fn from(fault: &'a Fault) -> Self {
        Self {
            code: fault.code.as_str(),
            message: &fault.message,
            retryable: fault.code.retryable(),
            n: fault.n,
            socket_id: fault.socket_id.as_deref(),
            retry_after_ms: fault.retry_after.map(milliseconds),
        }
    }
}

fn frame(event_name: &str, data: impl Serialize) -> Text {
    #[derive(Serialize)]
    struct Frame<'a, D> {
        #[serde(rename = "eventName")]
        event_name: &'a str,
        data: D,
    }

    serde_json::to_string(&Frame { event_name, data }).expect("keys are strings").into()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn ids(peers: &[Peer]) -> Vec<SocketId> {
    peers.iter().map(|peer| peer.id).collect()
}

/// The native frame again, as a client of 2014 knows it: offers, answers and candidates only, without a number.
fn skyrtc_signal(signal: &Signal) -> Option<Text> {
    let event_name = match signal.kind {
        SignalKind::Offer => "_offer",
        SignalKind::Answer => "_answer",
        SignalKind::IceCandidate => "_ice_candidate",
        SignalKind::Message | SignalKind::Custom => return None,
    };
    let data = data_of(signal.frame.as_str())?;
    let data = match signal.kind {
        SignalKind::IceCandidate => skyrtc_candidate(data)?,
        _ => data.to_owned(),
    };
    Some(frame(event_name, RawValue::from_string(data).ok()?))
}

/// `None` where it isn't a frame of ours: it may be another node's, of another version.
fn data_of(frame: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        data: &'a RawValue,
    }

    serde_json::from_str::<Data>(frame).ok().map(|frame| frame.data.get())
}

/// Old clients read a candidate's line from `label`; today's browsers want it as `sdpMLineIndex`. They get both. An end
/// of candidates is `None`: an old client would fail on it.
fn skyrtc_candidate(data: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Sent<'a> {
        #[serde(borrow, default)]
        candidate: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        label: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "sdpMLineIndex", deserialize_with = "present")]
        line: Option<&'a RawValue>,
    }

    let Ok(Sent { candidate, label, line }) = serde_json::from_str(data) else {
        return None;
    };
    if candidate?.get() == r#""""# {
        return None;
    }
    let rest = &data[1..];
    Some(match (label, line) {
        (Some(line), None) => format!(r#"{{"sdpMLineIndex":{line},{rest}"#),
        (None, Some(label)) => format!(r#"{{"label":{label},{rest}"#),
        _ => data.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client_event::ClientFrame;
    use crate::protocol::{ClientEvent, ErrorCode};

    fn id(digit: char) -> SocketId {
        SocketId::parse(&digit.to_string().repeat(SocketId::LEN)).unwrap()
    }

    fn signal(text: &str) -> Signal {
        let frame = ClientFrame::parse(text).unwrap();
        let dialect = frame.dialect();
        let Ok(ClientEvent::Relay(relay)) = frame.event(dialect) else { panic!("{text}") };
        relay.sign(id('0'), 3)
    }

    fn skyrtc(text: &str) -> Option<String> {
        let signal = signal(text);
        ServerEvent::Signal(&signal).encode(Dialect::SkyRtc).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn peers_in_both_dialects() {
        let peers = [Peer::here(id('1'), Info::default())];
        let room = RoomName::parse("r").unwrap();
        let event = ServerEvent::Peers {
            you: id('0'),
            room: &room,
            peers: &peers,
            version: 4,
            ice_servers: &IceServers {
                servers: vec![IceServer::Stun { urls: vec!["stun:example.org".into()] }],
                ttl: None,
            },
            resume: None,
        };
        let native: serde_json::Value = serde_json::from_str(event.native().as_str()).unwrap();
        assert_eq!(
            native,
            json!({"eventName": "peers", "data": {
                "you": "00000000000000000000", "room": "r", "version": 4,
                "connections": ["11111111111111111111"],
                "peers": [{"socketId": "11111111111111111111", "info": null}],
                "iceServers": [{"urls": ["stun:example.org"]}],
            }})
        );
        assert_eq!(
            event.encode(Dialect::SkyRtc).unwrap().as_str(),
            r#"{"eventName":"_peers","data":{"connections":["11111111111111111111"],"you":"00000000000000000000"}}"#
        );
    }

    #[test]
    fn turn_servers_have_credentials_and_a_time() {
        let urls = vec!["turn:example.org".into()];
        let server = IceServer::Turn { urls, username: "17:me".into(), credential: "c2VjcmV0".into() };
        let told = IceServers { servers: vec![server], ttl: Some(Duration::from_mins(1)) };
        assert_eq!(
            ServerEvent::IceServers(&told).native().as_str(),
            r#"{"eventName":"ice_servers","data":{"iceServers":[{"urls":["turn:example.org"],"username":"17:me","credential":"c2VjcmV0"}],"ttl":60}}"#
        );
    }

    #[test]
    fn a_skyrtc_client_hears_no_number_and_no_event_it_does_not_know() {
        assert_eq!(
            skyrtc(r#"{"eventName":"offer","data":{"socketId":"x","sdp":{"type":"offer"}},"n":9}"#).unwrap(),
            r#"{"eventName":"_offer","data":{"socketId":"00000000000000000000","sdp":{"type":"offer"}}}"#
        );
        assert_eq!(skyrtc(r#"{"eventName":"message","data":{"body":1}}"#), None);
        assert_eq!(skyrtc(r#"{"eventName":"wave"}"#), None);
        let fault = Fault::new(ErrorCode::Internal, "");
        assert!(ServerEvent::Error(&fault).encode(Dialect::SkyRtc).is_none());
    }

    #[test]
    fn a_candidate_has_both_names_of_its_line() {
        for (sent, had) in [
            (
                r#""label":1,"candidate":"c""#,
                r#"{"sdpMLineIndex":1,"socketId":"00000000000000000000","label":1,"candidate":"c"}"#,
            ),
            (
                r#""sdpMLineIndex":1,"candidate":"c""#,
                r#"{"label":1,"socketId":"00000000000000000000","sdpMLineIndex":1,"candidate":"c"}"#,
            ),
            (
                r#""label":0,"sdpMLineIndex":0,"candidate":"c""#,
                r#"{"socketId":"00000000000000000000","label":0,"sdpMLineIndex":0,"candidate":"c"}"#,
            ),
        ] {
            let frame =
                skyrtc(&format!(r#"{{"eventName":"__ice_candidate","data":{{"socketId":"x",{sent}}}}}"#));
            assert_eq!(frame.unwrap(), format!(r#"{{"eventName":"_ice_candidate","data":{had}}}"#));
        }
    }

    #[test]
    fn a_frame_that_is_not_ours_stays_from_a_skyrtc_client() {
        let told = |kind, frame: &str| {
            let signal = Signal { kind, from: id('0'), n: 1, frame: frame.to_owned().into(), trace: None };
            ServerEvent::Signal(&signal).encode(Dialect::SkyRtc)
        };
        for frame in ["", "{}", r#"{"data":}"#, "[]", "nonsense"] {
            for kind in SignalKind::ALL {
                assert_eq!(told(kind, frame), None, "{kind:?} {frame}");
            }
        }
        assert_eq!(told(SignalKind::IceCandidate, r#"{"data":["candidate",1]}"#), None);
    }

    #[test]
    fn an_end_of_candidates_stays_from_a_skyrtc_client() {
        for candidate in [r#","candidate":"""#, r#","candidate":null"#, ""] {
            let text = format!(r#"{{"eventName":"ice_candidate","data":{{"socketId":"x"{candidate}}}}}"#);
            assert_eq!(skyrtc(&text), None, "{candidate}");
        }
    }
}
