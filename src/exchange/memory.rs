//! The exchange of a single node: rooms in this process's memory.
//!
//! Rooms are spread over shards by a hash of their names; one lock a shard makes each operation atomic, so that every
//! member hears its room's changes in the order of their versions.

mod mailbox;
mod room;

use self::room::Room;
use super::{Entry, Exchange, Recipient};
use crate::{
    protocol::{Had, Info, LeaveReason, RoomName, Signal, SocketId},
    room::{Claim, Event, Member, Refusal},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// Rooms in memory.
#[derive(Default)]
pub struct Memory(Arc<Rooms>);

#[derive(Default)]
struct Rooms {
    hasher: RandomState,
    shards: [Shard; 32],
}

/// A `std` mutex: held for a map look-up and a few deliveries, never across an await.
type Shard = Mutex<HashMap<RoomName, Room>>;

impl Rooms {
    fn shard(&self, room: &RoomName) -> MutexGuard<'_, HashMap<RoomName, Room>> {
        let shards = self.shards.len() as u64;
        let index = usize::try_from(self.hasher.hash_one(room) % shards).expect("a small number");
        // A panic elsewhere can't leave a room half changed: nothing in `Room` panics between two changes.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to a member's room, if it is there, and forgets the room once it is empty.
    fn with_room<T>(&self, member: &Member, act: impl FnOnce(&mut Room) -> T) -> Option<T> {
        let mut rooms = self.shard(&member.room);
        let room = rooms.get_mut(&member.room)?;
        let done = act(room);
        if room.len() == 0 {
            rooms.remove(&member.room);
        }
        Some(done)
    }
}

impl Exchange for Memory {
    fn join(&self, member: &Member, entry: Entry, recipient: Arc<dyn Recipient>) {
        let mut rooms = self.0.shard(&member.room);
        let room = rooms.entry(member.room.clone()).or_default();
        if room.len() >= entry.capacity.get() {
            recipient.deliver(Event::Refused(Refusal::Full));
        } else {
            room.join(member.id, entry, recipient);
        }
    }

    fn resume(&self, member: &Member, claim: Claim, recipient: Arc<dyn Recipient>) {
        let resumed = self.0.with_room(member, |room| room.resume(member, &claim, &recipient));
        if resumed != Some(true) {
            recipient.deliver(Event::Refused(Refusal::Expired));
        }
    }

    fn detach(&self, member: &Member) {
        self.0.with_room(member, |room| {
            let Some(window) = room.detach(member) else { return };
            let (rooms, late) = (self.0.clone(), member.clone());
            let expiry = async move {
                sleep(window).await;
                rooms.with_room(&late, |room| room.expire(&late));
            };
            room.expire_by(member, AbortOnDropHandle::new(tokio::spawn(expiry)));
        });
    }

    fn acknowledge(&self, member: &Member, had: Had) {
        self.0.with_room(member, |room| room.acknowledge(member, &had));
    }

    fn leave(&self, member: &Member, reason: LeaveReason) {
        self.0.with_room(member, |room| room.leave(member, reason));
    }

    fn post(&self, sender: &Member, to: SocketId, signal: Signal) {
        self.0.with_room(sender, |room| room.post(sender, to, signal));
    }

    fn broadcast(&self, sender: &Member, signal: Signal) {
        self.0.with_room(sender, |room| room.broadcast(sender, &signal));
    }

    fn set_info(&self, member: &Member, info: Info) {
        self.0.with_room(member, |room| room.set_info(member, info));
    }

    fn sync(&self, member: &Member) {
        self.0.with_room(member, |room| room.sync(member));
    }

    fn health(&self) -> Result<(), String> {
        Ok(())
    }
}
