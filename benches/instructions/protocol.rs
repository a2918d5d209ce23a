//! Frames read and written.

use crate::{
    count, count_each,
    frames::{self, JOIN},
    session::{me, room, snapshot},
};
use std::hint::black_box;
use switchboard::protocol::{ClientEvent, ClientFrame, Dialect, IceServer, IceServers, Relay, ServerEvent};

pub(crate) fn parse_offer() -> u32 {
    parse(&frames::offer())
}

pub(crate) fn parse_candidate() -> u32 {
    parse(&frames::candidate())
}

pub(crate) fn parse_join() -> u32 {
    parse(JOIN)
}

pub(crate) fn sign_offer() -> u32 {
    sign(&frames::offer())
}

pub(crate) fn sign_candidate() -> u32 {
    sign(&frames::candidate())
}

/// The answer to who joins seven others.
pub(crate) fn encode_peers() -> u32 {
    let (room, snapshot, ice_servers) = (room(), snapshot(), ice_servers());
    let (peers, version) = (&snapshot.peers, snapshot.version);
    let event = ServerEvent::Peers {
        you: me(),
        room: &room,
        peers,
        version,
        ice_servers: &ice_servers,
        resume: None,
    };
    count(|| drop(black_box(black_box(&event).encode(Dialect::Native))))
}

pub(crate) fn ice_servers() -> IceServers {
    let urls = vec!["stun:stun.example.org:3478".into()];
    IceServers { servers: vec![IceServer::Stun { urls }], ttl: None }
}

/// Reads the envelope and the event, which is all of a `join`, and of a message its address.
fn parse(text: &str) -> u32 {
    count(|| drop(black_box(event(black_box(text)))))
}

fn sign(text: &str) -> u32 {
    let relay = relay(text);
    count_each(u64::from, |n| drop(black_box(black_box(&relay).sign(me(), n))))
}

fn relay(text: &str) -> Relay<'_> {
    match event(text) {
        ClientEvent::Relay(relay) => relay,
        other => panic!("{other:?} is no message to a peer"),
    }
}

fn event(text: &str) -> ClientEvent<'_> {
    let frame = ClientFrame::parse(text).expect("a frame");
    frame.event(Dialect::Native).expect("an event")
}
