//! A text frame that a client may send, in both dialects: it is refused, or becomes an event, and whatever is written of
//! it is JSON, with the client's own parts as the client wrote them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use std::{fmt, str};
use switchboard::protocol::{
    ClientEvent, ClientFrame, Dialect, Fault, IceServers, Info, Peer, Relay, ResumeKey, RoomName,
    ServerEvent, SocketId, Text, Ticket,
};

/// A number that a client may be at.
const N: u64 = 7;

/// The longest sentence about a fault: a frame is never sent back whole.
const LONGEST_MESSAGE: usize = 300;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    for dialect in [Dialect::Native, Dialect::SkyRtc] {
        match ClientFrame::parse(text).and_then(|frame| frame.event(dialect)) {
            Ok(event) => check(&event, text),
            Err(fault) => check_fault(&fault),
        }
    }
});

fn check(event: &ClientEvent<'_>, sent: &str) {
    match event {
        ClientEvent::Relay(relay) => check_relay(relay, sent),
        ClientEvent::Join(join) => {
            check_info(&join.info);
            check_room(&join.room);
        }
        ClientEvent::Info(info) => check_info(info),
        ClientEvent::Resume(resume) => check_room(&resume.room),
        ClientEvent::Ack(_)
        | ClientEvent::IceServers
        | ClientEvent::Token(_)
        | ClientEvent::Ping
        | ClientEvent::Leave
        | ClientEvent::Ignored => {}
    }
}

/// The receiver gets the sender's data, field by field and byte by byte, but for the id in it.
fn check_relay(relay: &Relay<'_>, sent: &str) {
    let signal = relay.sign(me(), N);
    let signed = signal.frame.as_str();
    let (before, after) = (fields(data(sent)), fields(data(signed)));
    let but_the_id = |fields: &[(String, String)]| -> Vec<_> {
        fields.iter().filter(|(name, _)| name != "socketId").cloned().collect()
    };
    assert_eq!(but_the_id(&before), but_the_id(&after), "{sent}\n{signed}");
    let ids: Vec<_> =
        after.iter().filter(|(name, _)| name == "socketId").map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids, [format!("\"{}\"", me())], "{sent}\n{signed}");
    for dialect in [Dialect::Native, Dialect::SkyRtc] {
        check_frame(ServerEvent::Signal(&signal).encode(dialect));
    }
}

fn check_info(info: &Info) {
    assert!(info.as_str().len() <= Info::MAX_LEN);
    let peer = Peer::here(me(), info.clone());
    let told = ServerEvent::NewPeer(&peer, N).encode(Dialect::Native).expect("a frame");
    let shown = fields(data(told.as_str())).into_iter().find(|(name, _)| name == "info");
    assert_eq!(shown.expect("an info").1, info.as_str());
    for event in [ServerEvent::NewPeer(&peer, N), ServerEvent::PeerInfo(&peer, N)] {
        check_frame(event.encode(Dialect::Native));
        check_frame(event.encode(Dialect::SkyRtc));
    }
}

fn check_room(room: &RoomName) {
    let key = ResumeKey::from_random([3; ResumeKey::LEN]);
    let resume = Ticket { key: &key, window: std::time::Duration::from_secs(30) };
    let event =
        ServerEvent::Resumed { you: me(), room, version: N, ice_servers: &IceServers::default(), resume };
    check_frame(event.encode(Dialect::Native));
}

fn check_fault(fault: &Fault) {
    assert!(fault.message.len() <= LONGEST_MESSAGE, "{fault:?}");
    check_frame(ServerEvent::Error(fault).encode(Dialect::Native));
}

/// What a client is sent is an event with a name and data, in JSON.
fn check_frame(frame: Option<Text>) {
    if let Some(frame) = frame {
        data(frame.as_str());
    }
}

fn me() -> SocketId {
    SocketId::from_random([9; SocketId::LEN])
}

/// A frame's data as it is written; none is an empty object.
fn data(frame: &str) -> &str {
    #[derive(serde::Deserialize)]
    struct Frame<'a> {
        #[serde(borrow, rename = "eventName")]
        _event_name: std::borrow::Cow<'a, str>,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }

    let frame: Frame<'_> = serde_json::from_str(frame).unwrap_or_else(|error| panic!("{error}: {frame}"));
    frame.data.map_or("{}", RawValue::get)
}

/// The fields of an object, as they are written, also those of the same name.
fn fields(json: &str) -> Vec<(String, String)> {
    struct Fields;

    impl<'de> serde::de::Visitor<'de> for Fields {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                fields.push((name, value.get().to_owned()));
            }
            Ok(fields)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(json);
    serde::Deserializer::deserialize_map(&mut reader, Fields)
        .unwrap_or_else(|error| panic!("{error}: {json}"))
}
