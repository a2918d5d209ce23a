//! A session of a room of eight: its inputs, and what comes of them, dropped.

use crate::{
    count, count_each,
    frames::{self, JOIN, PEER},
    protocol::ice_servers,
};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use switchboard::{
    protocol::{Info, Peer, ResumeKey, RoomName, Signal, SignalKind, SocketId},
    room::{Event, Snapshot},
    session::{Effect, Input, OpenDoor, Rules, Secrets, Session},
};

/// Who joins seven others: asks, and is in.
pub(crate) fn join() -> u32 {
    let (rules, now) = (rules(), Instant::now());
    let new = |_| (Session::new(rules.clone(), SECRETS, Box::new(OpenDoor), now), snapshot());
    let mut effects = Vec::new();
    count_each(new, |(mut session, snapshot)| {
        session.handle(Input::Text(black_box(JOIN)), now, &mut effects);
        session.handle(Input::Exchange(Event::Joined(snapshot)), now, &mut effects);
        let [Effect::Join(..), Effect::Send(_)] = &*effects else { panic!("{effects:?}") };
        black_box(&mut effects).clear();
        drop(black_box(session));
    })
}

pub(crate) fn relay_in_offer() -> u32 {
    relay_in(&frames::offer())
}

pub(crate) fn relay_in_candidate() -> u32 {
    relay_in(&frames::candidate())
}

/// From a peer's message to a frame for the client.
pub(crate) fn relay_out_offer() -> u32 {
    let (mut session, now) = inside();
    let frame = frames::offer();
    // Each with memory of its own, as it comes from the exchange.
    let signal = |n| Signal {
        kind: SignalKind::Offer,
        from: peer(),
        n: u64::from(n) + 1,
        frame: frame.clone().into(),
        trace: None,
    };
    let mut effects = Vec::new();
    count_each(signal, |signal| {
        session.handle(Input::Exchange(Event::Signal(signal)), now, &mut effects);
        let [Effect::Send(_)] = &*effects else { panic!("{effects:?}") };
        black_box(&mut effects).clear();
    })
}

/// From a client's frame to a message for a peer.
fn relay_in(text: &str) -> u32 {
    let (mut session, now) = inside();
    let mut effects = Vec::new();
    count(|| {
        session.handle(Input::Text(black_box(text)), now, &mut effects);
        let [Effect::Post(..)] = &*effects else { panic!("{effects:?}") };
        black_box(&mut effects).clear();
    })
}

/// A session that is in, and the time.
fn inside() -> (Session, Instant) {
    let now = Instant::now();
    let mut session = Session::new(rules(), SECRETS, Box::new(OpenDoor), now);
    let mut effects = Vec::new();
    session.handle(Input::Text(JOIN), now, &mut effects);
    session.handle(Input::Exchange(Event::Joined(snapshot())), now, &mut effects);
    (session, now)
}

const SECRETS: Secrets = Secrets { id: me, key: || ResumeKey::from_random([9; ResumeKey::LEN]) };

fn rules() -> Arc<Rules> {
    let second = Duration::from_secs(1);
    Arc::new(Rules {
        join_timeout: 10 * second,
        ping_interval: 25 * second,
        ping_timeout: 10 * second,
        resume_window: 30 * second,
        ice: Arc::new(ice_servers()),
        max_room_name: 128,
        max_info: 4096,
    })
}

pub(crate) fn room() -> RoomName {
    RoomName::parse("standup").expect("a name")
}

/// The seven others.
pub(crate) fn snapshot() -> Snapshot {
    let name = serde_json::from_str(r#"{"name":"Ben"}"#).expect("JSON");
    let info = Info::parse(Some(name)).expect("short");
    let peers = (1..=7).map(|seat| Peer::here(id(seat), info.clone())).collect();
    Snapshot { version: 1_700_000_000_000, peers }
}

pub(crate) fn me() -> SocketId {
    id(0)
}

fn peer() -> SocketId {
    SocketId::parse(PEER).expect("an id")
}

fn id(seat: u8) -> SocketId {
    SocketId::from_random([seat; SocketId::LEN])
}
