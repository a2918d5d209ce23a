//! The exchange of a single node: rooms in this process's memory.
//!
//! Rooms are spread over shards by a hash of their names; one lock a shard makes each operation atomic, so that every
//! member hears its room's changes in the order of their versions.

mod room;

use self::room::Room;
use super::{Exchange, Recipient};
use crate::{
    protocol::{Info, LeaveReason, Peer, RoomName, Signal, SocketId},
    room::{Event, Member, Refusal},
};
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher, RandomState},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Rooms in memory.
#[derive(Default)]
pub struct Memory {
    hasher: RandomState,
    shards: [Shard; 32],
}

/// A `std` mutex: held for a map look-up and a few deliveries, never across an await.
type Shard = Mutex<HashMap<RoomName, Room>>;

impl Memory {
    fn shard(&self, room: &RoomName) -> MutexGuard<'_, HashMap<RoomName, Room>> {
        let shards = self.shards.len() as u64;
        let index = usize::try_from(self.hasher.hash_one(room) % shards).expect("a small number");
        // A panic elsewhere can't leave a room half changed: nothing in `Room` panics between two changes.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange for Memory {
    fn join(&self, member: &Member, info: Info, capacity: NonZeroUsize, recipient: Arc<dyn Recipient>) {
        let mut rooms = self.shard(&member.room);
        let room = rooms.entry(member.room.clone()).or_default();
        if room.len() >= capacity.get() {
            recipient.deliver(Event::Refused(Refusal::Full));
        } else {
            room.join(Peer { id: member.id, info }, recipient);
        }
    }

    fn leave(&self, member: &Member, reason: LeaveReason) {
        let mut rooms = self.shard(&member.room);
        if let Entry::Occupied(mut room) = rooms.entry(member.room.clone()) {
            room.get_mut().leave(member.id, reason);
            if room.get().len() == 0 {
                room.remove();
            }
        }
    }

    fn post(&self, sender: &Member, to: SocketId, signal: Signal) {
        if let Some(room) = self.shard(&sender.room).get(&sender.room) {
            room.post(sender.id, to, signal);
        }
    }

    fn broadcast(&self, sender: &Member, signal: Signal) {
        if let Some(room) = self.shard(&sender.room).get(&sender.room) {
            room.broadcast(sender.id, &signal);
        }
    }

    fn set_info(&self, member: &Member, info: Info) {
        if let Some(room) = self.shard(&member.room).get_mut(&member.room) {
            room.set_info(member.id, info);
        }
    }

    fn sync(&self, member: &Member) {
        if let Some(room) = self.shard(&member.room).get(&member.room) {
            room.sync(member.id);
        }
    }

    fn health(&self) -> Result<(), String> {
        Ok(())
    }
}
