//! What the API answers and takes, as JSON.

use crate::{
    exchange::{self, Occupancy, Place, Vitals},
    metrics::Distribution,
    protocol::{Info, SocketId},
};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// An answer with its status.
pub(super) struct Answer<T>(pub(super) StatusCode, pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let json = serde_json::to_string(&self.1).expect("plain data");
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        (self.0, headers, json).into_response()
    }
}

/// Why something isn't done
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemAnswer {
    pub(super) error: Problem,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Problem {
    /// For programs
    #[schema(example = "room_not_found")]
    pub(super) code: String,
    /// For people
    pub(super) message: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Nodes {
    /// All of the deployment, this one among them
    pub(super) nodes: Vec<Node>,
}

/// A node; more of it, if it answers
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Node {
    Answering(Box<AnsweringNode>),
    Silent(SilentNode),
}

#[derive(Serialize, ToSchema)]
pub(super) struct AnsweringNode {
    #[serde(flatten)]
    pub(super) name: NodeName,
    #[serde(flatten)]
    pub(super) report: Report,
}

/// One that didn't answer within a second: it is paused, cut off, or gone
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SilentNode {
    /// Its name, new at each start
    pub(super) node: String,
    /// Whether it is the one that you ask
    #[serde(rename = "self")]
    pub(super) own: bool,
    /// false
    #[schema(example = false)]
    pub(super) answers: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct NodeName {
    /// Its name, new at each start
    pub(super) node: String,
    /// Whether it is the one that you ask
    #[serde(rename = "self")]
    pub(super) own: bool,
    /// true
    #[schema(example = true)]
    pub(super) answers: bool,
}

/// How a node is. Counters count since it started
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Of the program
    pub(super) version: String,
    /// RFC 3339, in UTC
    #[schema(example = "2027-02-26T12:00:00Z")]
    pub(super) started_at: String,
    /// Whether it sends its connections away to stop
    pub(super) draining: bool,
    /// Open WebSockets
    pub(super) sockets: u64,
    /// Those that are in a room
    pub(super) members: u64,
    /// Messages taken from clients to relay
    pub(super) signals: u64,
    /// Changes, messages and sessions that had to be told again
    pub(super) repairs: u64,
    /// Times that a limit was met
    pub(super) limits: u64,
    /// Sessions told that messages may be lost
    pub(super) gaps: u64,
    /// From a join to its answer
    pub(super) join_seconds: Histogram,
    /// From asking Redis to its answer; null where rooms are in memory
    pub(super) redis_seconds: Option<Histogram>,
    /// Of the process; 0 where the system doesn't tell
    pub(super) memory_bytes: u64,
    /// Why it can't reach the rooms; null while it can
    pub(super) health: Option<String>,
}

/// How long things took, in seconds
#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Histogram {
    pub(super) buckets: Vec<Bucket>,
    /// All, those over the last bound among them
    pub(super) count: u64,
    /// Of their times
    pub(super) sum: f64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Bucket {
    /// An upper bound
    pub(super) le: f64,
    /// How many were not over it, those of the buckets before among them
    pub(super) count: u64,
}

impl From<Distribution> for Histogram {
    fn from(Distribution { buckets, count, sum }: Distribution) -> Self {
        let buckets = buckets.into_iter().map(|(le, count)| Bucket { le, count }).collect();
        Self { buckets, count, sum }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct RoomPage {
    pub(super) rooms: Vec<RoomEntry>,
    /// Asks for the next page; null on the last one
    pub(super) cursor: Option<String>,
    /// How many rooms there are in all; null while a part of Redis can't be asked, whose rooms are on no page
    pub(super) count: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RoomEntry {
    /// Its name
    pub(super) room: String,
    /// How many are in it
    pub(super) members: u64,
}

#[allow(clippy::struct_field_names, reason = "as it is on the wire")]
#[derive(Serialize, ToSchema)]
pub(super) struct Room {
    /// Its name
    pub(super) room: String,
    /// Rises by one with each change
    pub(super) version: u64,
    /// In the order of their joining
    pub(super) members: Vec<Member>,
}

impl Room {
    pub(super) fn new(room: &str, Occupancy { version, members }: Occupancy) -> Self {
        let members = members.into_iter().map(|(id, standing)| Member::new(id, standing)).collect();
        Self { room: room.into(), version, members }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    #[schema(value_type = String, example = "ben6yzr8e4f0j9mk2tap")]
    pub(super) socket_id: SocketId,
    /// The node that it is connected to; null while it is away
    pub(super) node: Option<String>,
    /// Whether its connection is gone, and it may resume
    pub(super) away: bool,
    /// Whether it can come back when its connection is gone
    pub(super) resumable: bool,
    /// What it shows to the others: any JSON
    #[schema(value_type = serde_json::Value)]
    pub(super) info: Info,
}

impl Member {
    fn new(socket_id: SocketId, exchange::Standing { node, resumable, info }: exchange::Standing) -> Self {
        Self { socket_id, away: node.is_none(), node, resumable, info }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Socket {
    #[serde(flatten)]
    pub(super) member: Member,
    /// Its room
    pub(super) room: String,
    /// Since its connection came into the room. This and what follows are there if it has a connection, and its node answers
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) age_seconds: Option<f64>,
    /// The client's, as the last trusted proxy saw it
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "192.0.2.7")]
    pub(super) address: Option<String>,
    /// Text frames to the client since then
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) sent: Option<u64>,
    /// Text and binary frames from the client since then
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) received: Option<u64>,
    /// Events that wait for the client to read
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) waiting: Option<u64>,
    /// The memory that they take
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) waiting_bytes: Option<u64>,
}

impl Socket {
    pub(super) fn new(Place { id, room, standing }: Place, known: Option<&Vitals>) -> Self {
        Self {
            member: Member::new(id, standing),
            room: room.as_str().into(),
            age_seconds: known.map(|vitals| vitals.age_seconds),
            address: known.and_then(|vitals| vitals.address.clone()),
            sent: known.map(|vitals| vitals.sent),
            received: known.map(|vitals| vitals.received),
            waiting: known.map(|vitals| vitals.waiting),
            waiting_bytes: known.map(|vitals| vitals.waiting_bytes),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct Removed {
    /// How many were sent away
    pub(super) removed: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ToldRooms {
    /// How many rooms were told: this one
    pub(super) rooms: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ToldNodes {
    /// How many nodes have told their members
    pub(super) nodes: usize,
}

/// What clients are told, as it is
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Announcement {
    /// A custom event's: 1 to 64 bytes, no name that the protocol uses itself, and none that begins with `_`
    #[schema(example = "notice")]
    pub(super) event_name: String,
    /// Any JSON; an object without `socketId`, which would make it look like a peer's
    #[schema(value_type = serde_json::Value)]
    pub(super) data: Box<RawValue>,
}
