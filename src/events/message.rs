//! An event as it is sent.

use crate::{
    exchange::{Happening, What},
    protocol::{LeaveReason, SocketId},
};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::value::RawValue;
use std::{fmt::Write, net::IpAddr, ops::Not};

/// Made of the same event, it is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// No other event has it.
    pub(super) id: String,
    /// JSON.
    pub(super) body: Bytes,
}

impl Message {
    /// Of an event that has this name in this spool.
    pub(super) fn new(spool: &str, name: &str, happening: &Happening) -> Self {
        let body = Body {
            kind: happening.what.kind(),
            timestamp: humantime::format_rfc3339_millis(happening.at).to_string(),
            data: Data::of(&happening.what),
        };
        let body = serde_json::to_vec(&body).expect("names are strings");
        Self { id: id(spool, name, &body), body: body.into() }
    }
}

/// After a failover, a stream may give another event a name that it gave before: so what the event tells counts, too.
fn id(spool: &str, name: &str, body: &[u8]) -> String {
    let hash = digest(&SHA256, &[spool.as_bytes(), name.as_bytes(), body].join(&0));
    let mut id = "evt_".to_owned();
    for byte in &hash.as_ref()[..16] {
        write!(id, "{byte:02x}").expect("a string takes all");
    }
    id
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
#[serde(rename_all_fields = "camelCase")]
enum Data<'a> {
    Connected {
        socket_id: SocketId,
        node: &'a str,
        address: Option<IpAddr>,
    },
    Opened {
        room: &'a str,
        version: u64,
        #[serde(skip_serializing_if = "Not::not")]
        restored: bool,
    },
    Joined {
        room: &'a str,
        socket_id: SocketId,
        node: &'a str,
        info: &'a RawValue,
        version: u64,
        #[serde(skip_serializing_if = "Not::not")]
        restored: bool,
    },
    Left {
        room: &'a str,
        socket_id: SocketId,
        reason: LeaveReason,
        version: u64,
    },
    Closed {
        room: &'a str,
    },
}

impl<'a> Data<'a> {
    fn of(what: &'a What) -> Self {
        match what {
            What::SocketConnected { id, node, address } => {
                Self::Connected { socket_id: *id, node, address: *address }
            }
            What::RoomOpened { room, version, restored } => {
                Self::Opened { room: room.as_str(), version: *version, restored: *restored }
            }
            What::PeerJoined { room, id, node, info, version, restored } => Self::Joined {
                room: room.as_str(),
                socket_id: *id,
                node,
                info,
                version: *version,
                restored: *restored,
            },
            What::PeerLeft { room, id, reason, version } => {
                Self::Left { room: room.as_str(), socket_id: *id, reason: *reason, version: *version }
            }
            What::RoomClosed { room } => Self::Closed { room: room.as_str() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RoomName;
    use std::time::{Duration, UNIX_EPOCH};

    fn joined(restored: bool) -> Happening {
        let room = RoomName::parse("my \"room\"").expect("a name");
        let info = RawValue::from_string(r#"{"name": "Ann"}"#.into()).expect("JSON").into();
        let (id, node) = (SocketId::from_random([1; SocketId::LEN]), "n".into());
        let what = What::PeerJoined { room, id, node, info, version: 7, restored };
        Happening { at: UNIX_EPOCH + Duration::from_millis(1_772_323_200_123), what }
    }

    #[test]
    fn the_body_has_type_timestamp_and_data() {
        let body = r#"{"type":"peer.joined","timestamp":"2026-03-01T00:00:00.123Z","data":{"room":"my \"room\"","socketId":"11111111111111111111","node":"n","info":{"name": "Ann"},"version":7}}"#;
        let message = Message::new("sb:{0-1}:", "1-0", &joined(false));
        assert_eq!(message.body, body);
        let restored = Message::new("sb:{0-1}:", "1-0", &joined(true));
        assert_eq!(restored.body, body.replace("7}}", r#"7,"restored":true}}"#));
    }

    #[test]
    fn the_id_is_the_same_for_the_same_event_and_no_other() {
        let message = Message::new("sb:{0-1}:", "1-0", &joined(false));
        assert_eq!(message, Message::new("sb:{0-1}:", "1-0", &joined(false)));
        for (spool, name, restored) in
            [("sb:{1-1}:", "1-0", false), ("sb:{0-1}:", "1-1", false), ("sb:{0-1}:", "1-0", true)]
        {
            assert_ne!(message.id, Message::new(spool, name, &joined(restored)).id);
        }
        assert!(message.id.len() == 36 && !message.id.contains('.'), "{}", message.id);
    }
}
