//! Tells of rooms in memory, if anybody wants to hear of them.

use super::spool::Queue;
use crate::{
    exchange::{Spool, What},
    protocol::{Info, LeaveReason, RoomName, SocketId},
};
use serde_json::value::RawValue;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    sync::Arc,
};

/// Spools, so that several can be sent at once.
const SPOOLS: u64 = 16;

/// Where what happens is written, by any room.
pub(super) struct Journal {
    node: Arc<str>,
    queues: Vec<Arc<Queue>>,
}

/// What one room writes.
pub(super) struct RoomJournal {
    journal: Arc<Journal>,
    queue: Arc<Queue>,
    room: RoomName,
}

impl Journal {
    /// Of a node, with so many happenings in each of its spools.
    pub(super) fn new(node: &str, length: usize) -> Self {
        let queue = |number| Arc::new(Queue::new(format!("{node}-{number}"), length));
        Self { node: node.into(), queues: (0..SPOOLS).map(queue).collect() }
    }

    pub(super) fn spools(&self) -> Vec<Arc<dyn Spool>> {
        self.queues.iter().map(|queue| queue.clone() as Arc<dyn Spool>).collect()
    }

    pub(super) fn connected(&self, id: SocketId, address: Option<IpAddr>) {
        let what = What::SocketConnected { id, node: self.node.clone(), address };
        self.queue_of(id.as_str()).push(what);
    }

    pub(super) fn of(self: &Arc<Self>, room: &RoomName) -> RoomJournal {
        let queue = self.queue_of(room.as_str()).clone();
        RoomJournal { journal: self.clone(), queue, room: room.clone() }
    }

    fn queue_of(&self, name: &str) -> &Arc<Queue> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let number = usize::try_from(hasher.finish() % SPOOLS).expect("a small number");
        &self.queues[number]
    }
}

impl RoomJournal {
    /// Somebody is in, with so many others.
    pub(super) fn joined(&self, id: SocketId, info: &Info, version: u64, others: usize) {
        let (room, node, restored) = (self.room.clone(), self.journal.node.clone(), false);
        if others == 0 {
            self.queue.push(What::RoomOpened { room: room.clone(), version, restored });
        }
        let info = RawValue::from_string(info.as_str().to_owned()).expect("JSON").into();
        self.queue.push(What::PeerJoined { room, id, node, info, version, restored });
    }

    /// Somebody is out, and so many are left.
    pub(super) fn left(&self, id: SocketId, reason: LeaveReason, version: u64, others: usize) {
        self.queue.push(What::PeerLeft { room: self.room.clone(), id, reason, version });
        if others == 0 {
            self.queue.push(What::RoomClosed { room: self.room.clone() });
        }
    }
}
