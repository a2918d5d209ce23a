//! What a client, its address or its room can come up against.

use super::CloseCode;

/// A limit of the node's; its name is the metric's label. `docs/limits.md` is the table of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The size of a frame.
    Frame,
    /// Frames a second from one socket.
    Messages,
    /// Joins and resumes a second from one address.
    Joins,
    /// Connections from one address.
    AddressSockets,
    /// Open WebSockets.
    Sockets,
    /// Members of a room.
    RoomSize,
    /// The length of a room's name.
    RoomName,
    /// The size of what a peer shows.
    Info,
    /// What is kept for a member that can't take it at the moment.
    Mailbox,
    /// What waits for a client to read it.
    Outbox,
    /// The time for joining.
    JoinTimeout,
    /// A client's silence.
    PingTimeout,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 12] = [
        Self::Frame,
        Self::Messages,
        Self::Joins,
        Self::AddressSockets,
        Self::Sockets,
        Self::RoomSize,
        Self::RoomName,
        Self::Info,
        Self::Mailbox,
        Self::Outbox,
        Self::JoinTimeout,
        Self::PingTimeout,
    ];

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Messages => "messages",
            Self::Joins => "joins",
            Self::AddressSockets => "address_sockets",
            Self::Sockets => "sockets",
            Self::RoomSize => "room_size",
            Self::RoomName => "room_name",
            Self::Info => "info",
            Self::Mailbox => "mailbox",
            Self::Outbox => "outbox",
            Self::JoinTimeout => "join_timeout",
            Self::PingTimeout => "ping_timeout",
        }
    }

    /// The limit that this close code tells of. (`rate_limited` tells of several: each is counted where it is met.)
    pub fn behind(code: CloseCode) -> Option<Self> {
        match code {
            CloseCode::TooBig => Some(Self::Frame),
            CloseCode::Overloaded => Some(Self::Sockets),
            CloseCode::JoinTimeout => Some(Self::JoinTimeout),
            CloseCode::PingTimeout => Some(Self::PingTimeout),
            CloseCode::SlowConsumer => Some(Self::Outbox),
            _ => None,
        }
    }
}
