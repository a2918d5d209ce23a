//! One room: who is in it, and telling them of each other.

use crate::{
    exchange::Recipient,
    protocol::{Info, LeaveReason, Peer, Signal, SocketId},
    room::{Change, Event, Notice, Snapshot},
};
use std::sync::Arc;

/// A room's members, in the order of their joining: few enough that a scan beats a map.
#[derive(Default)]
pub(super) struct Room {
    version: u64,
    occupants: Vec<Occupant>,
}

struct Occupant {
    peer: Peer,
    recipient: Arc<dyn Recipient>,
}

impl Room {
    pub(super) fn len(&self) -> usize {
        self.occupants.len()
    }

    pub(super) fn join(&mut self, peer: Peer, recipient: Arc<dyn Recipient>) {
        self.version += 1;
        self.announce(&Change::Joined(peer.clone()));
        recipient.deliver(Event::Joined(self.snapshot_for(peer.id)));
        self.occupants.push(Occupant { peer, recipient });
    }

    pub(super) fn leave(&mut self, id: SocketId, reason: LeaveReason) {
        if let Some(index) = self.occupants.iter().position(|occupant| occupant.peer.id == id) {
            self.occupants.remove(index);
            self.version += 1;
            self.announce(&Change::Left(id, reason));
        }
    }

    pub(super) fn set_info(&mut self, id: SocketId, info: Info) {
        if let Some(occupant) = self.occupants.iter_mut().find(|occupant| occupant.peer.id == id) {
            occupant.peer.info = info;
            let changed = occupant.peer.clone();
            self.version += 1;
            self.announce(&Change::Info(changed));
        }
    }

    pub(super) fn post(&self, from: SocketId, to: SocketId, signal: Signal) {
        let Some(sender) = self.find(from) else { return };
        match self.find(to) {
            Some(receiver) => receiver.recipient.deliver(Event::Signal(signal)),
            None => sender.recipient.deliver(Event::Gone { to, n: signal.n }),
        }
    }

    pub(super) fn broadcast(&self, from: SocketId, signal: &Signal) {
        if self.find(from).is_none() {
            return;
        }
        for occupant in self.occupants.iter().filter(|occupant| occupant.peer.id != from) {
            occupant.recipient.deliver(Event::Signal(signal.clone()));
        }
    }

    pub(super) fn sync(&self, id: SocketId) {
        if let Some(occupant) = self.find(id) {
            // Nothing is ever missed here.
            occupant
                .recipient
                .deliver(Event::Synced { snapshot: self.snapshot_for(id), mailbox: Vec::new() });
        }
    }

    fn find(&self, id: SocketId) -> Option<&Occupant> {
        self.occupants.iter().find(|occupant| occupant.peer.id == id)
    }

    fn snapshot_for(&self, id: SocketId) -> Snapshot {
        let peers = self.occupants.iter().map(|occupant| &occupant.peer);
        Snapshot { version: self.version, peers: peers.filter(|peer| peer.id != id).cloned().collect() }
    }

    /// Tells everyone who is in at this moment: a peer that comes isn't yet, one that goes isn't any more.
    fn announce(&self, change: &Change) {
        for occupant in &self.occupants {
            let notice = Notice { version: self.version, change: change.clone() };
            occupant.recipient.deliver(Event::Notice(notice));
        }
    }
}
