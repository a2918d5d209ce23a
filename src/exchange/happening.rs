//! What happens to sockets and in rooms, as it is told outside of them.

use crate::protocol::{LeaveReason, RoomName, SocketId};
use serde_json::value::RawValue;
use std::{net::IpAddr, sync::Arc, time::SystemTime};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Happening {
    /// When. Of a cluster, by the clock of Redis.
    pub at: SystemTime,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// A client connected. It isn't in a room yet.
    SocketConnected {
        /// The id that it will have in the first room that it joins.
        id: SocketId,
        /// The node that it came to.
        node: Arc<str>,
        /// Whence it came, as far as that is known.
        address: Option<IpAddr>,
    },
    /// Somebody is in a room where nobody was.
    RoomOpened {
        /// The room.
        room: RoomName,
        /// Its version, with its first member.
        version: u64,
        /// Whether this may have been told before, in data that was lost.
        restored: bool,
    },
    /// Somebody came into a room.
    PeerJoined {
        /// The room.
        room: RoomName,
        /// Its id.
        id: SocketId,
        /// The node that it is connected to.
        node: Arc<str>,
        /// What it shows of itself.
        info: Arc<RawValue>,
        /// The room's version, with it.
        version: u64,
        /// Whether this may have been told before, in data that was lost.
        restored: bool,
    },
    /// Somebody left a room.
    PeerLeft {
        /// The room.
        room: RoomName,
        /// Its id.
        id: SocketId,
        /// Why.
        reason: LeaveReason,
        /// The room's version, without it.
        version: u64,
    },
    /// Nobody is in a room any more.
    RoomClosed {
        /// The room.
        room: RoomName,
    },
}

impl What {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SocketConnected { .. } => "socket.connected",
            Self::RoomOpened { .. } => "room.opened",
            Self::PeerJoined { .. } => "peer.joined",
            Self::PeerLeft { .. } => "peer.left",
            Self::RoomClosed { .. } => "room.closed",
        }
    }
}
