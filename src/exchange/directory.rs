//! What an operator asks of the rooms and the nodes: who is there, and that somebody goes.
//!
//! Unlike a gateway, an operator waits for the answer; the members and the hot paths pay nothing for it. What every
//! directory promises (`tests/system/exchange/directory.rs` is the proof):
//!
//! 1. Who is kicked, or whose room is closed, hears `Ended`, and nothing later; the others hear that it left, and why. It
//!    can't come back, and no repair brings it back.
//! 2. Of two who do it at once, one is told that it did it.
//! 3. A room that is there all along is in exactly one page of a listing.
//! 4. An announcement reaches each member once that has a connection. It isn't kept.
//! 5. A node that doesn't answer delays an answer by a second at most, and spoils none.

use super::Recipient;
use crate::protocol::{Info, RoomName, SocketId, Text};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{OnceLock, Weak},
};

/// An answer that takes a while.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unreachable>> + Send + 'a>>;

/// Why there is no answer: a sentence that says which part of the rooms can't be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// All rooms, sockets and nodes of a deployment, as seen from any node.
pub trait Directory: Send + Sync + 'static {
    /// This node's name.
    fn node(&self) -> &str;

    /// Who answers what this node is asked. Called once, when the node starts.
    fn attend(&self, attendant: Weak<dyn Attendant>);

    /// The names of all nodes that hold a lease, or have let it lapse a moment ago.
    fn nodes(&self) -> Answering<'_, Vec<String>>;

    /// Asks these nodes, all at once. Who doesn't answer within a second is missing.
    fn ask(&self, nodes: Vec<String>, question: Question) -> Answering<'_, BTreeMap<String, String>>;

    /// At most `limit` rooms after those that came before.
    fn rooms(&self, after: Option<Cursor>, limit: usize) -> Answering<'_, RoomPage>;

    /// Who is in a room; `None` where nobody is.
    fn room<'a>(&'a self, room: &'a RoomName) -> Answering<'a, Option<Occupancy>>;

    /// Where a socket is; `None` where there is none with this id.
    fn socket(&self, id: SocketId) -> Answering<'_, Option<Place>>;

    /// What its node knows of a socket's connection; `None` where it has none, or the node doesn't answer.
    fn vitals<'a>(&'a self, place: &'a Place) -> Answering<'a, Option<Vitals>>;

    /// Sends a socket away for good. Says whether it was there.
    fn kick(&self, id: SocketId) -> Answering<'_, bool>;

    /// Sends everybody in a room away for good. Says how many there were.
    fn close<'a>(&'a self, room: &'a RoomName) -> Answering<'a, u64>;

    /// Tells everybody in a room. Says whether there was anybody, away or not.
    fn announce<'a>(&'a self, room: &'a RoomName, frame: Text) -> Answering<'a, bool>;

    /// Tells everybody in any room. Says how many nodes have passed it on.
    fn announce_to_all(&self, frame: Text) -> Answering<'_, usize>;
}

/// What a node is asked by another. The answers are JSON, which only the attendants understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// How it is.
    Report,
    /// To drain; and how it is.
    Drain,
}

/// Who answers for a node.
pub trait Attendant: Send + Sync + 'static {
    /// The answer, in JSON. It must not wait.
    fn answer(&self, question: Question) -> String;
}

/// A node's attendant, once it is there. Weak: it knows the directory.
#[derive(Default)]
pub(super) struct Desk(OnceLock<Weak<dyn Attendant>>);

impl Desk {
    pub(super) fn attend(&self, attendant: Weak<dyn Attendant>) {
        // The first one stays.
        let _ = self.0.set(attendant);
    }

    /// The answer, unless nobody is there to give it.
    pub(super) fn answer(&self, question: Question) -> Option<String> {
        Some(self.0.get()?.upgrade()?.answer(question))
    }
}

/// How far a listing of rooms has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The share of the rooms that is being listed.
    pub share: usize,
    /// The last room of it that was listed; the empty name before the first.
    pub last: String,
}

/// Some of the rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPage {
    /// The rooms, each with how many members it has.
    pub rooms: Vec<(RoomName, u64)>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Cursor>,
    /// How many rooms there are in all; `None` while some can't be asked for. Those are on no page.
    pub count: Option<u64>,
}

/// Who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// The room's version.
    pub version: u64,
    /// Its members, in the order of their joining.
    pub members: Vec<(SocketId, Standing)>,
}

/// How a member is in its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The node that its connection is with; `None` while it is away.
    pub node: Option<String>,
    /// Whether it can come back.
    pub resumable: bool,
    /// What it shows.
    pub info: Info,
}

/// Where a socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: SocketId,
    /// Its room.
    pub room: RoomName,
    /// How it is there.
    pub standing: Standing,
}

/// What a node knows of a member's connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vitals {
    /// Since the connection entered the room, in seconds.
    pub age_seconds: f64,
    /// Where the client is, if that is known.
    pub address: Option<String>,
    /// Text frames to the client since then.
    pub sent: u64,
    /// Frames from the client since then.
    pub received: u64,
    /// Events that wait for it.
    pub waiting: u64,
    /// Their bytes of memory.
    pub waiting_bytes: u64,
}

/// What is known of a member's connection, in JSON.
pub(super) fn vitals_of(recipient: &dyn Recipient) -> Option<String> {
    Some(serde_json::to_string(&recipient.vitals()?).expect("plain numbers and text"))
}
