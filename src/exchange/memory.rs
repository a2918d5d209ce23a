//! The exchange of a single node: rooms in this process's memory.
//!
//! Rooms are spread over shards by a hash of their names; one lock a shard makes each operation atomic, so that every
//! member hears its room's changes in the order of their versions.

mod directory;
mod journal;
mod mailbox;
mod room;
mod spool;

use self::{journal::Journal, room::Room};
use super::{Entry, Exchange, MailboxLimits, Recipient, Spool, directory::Desk, random_name};
use crate::{
    metrics::ExchangeMetrics,
    protocol::{Had, Info, LeaveReason, RoomName, Signal, SocketId},
    room::{Claim, Event, Member, Refusal},
    traces::{Published, Traces},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// Rooms in memory.
pub struct Memory {
    /// The node's id, new at each start.
    node: String,
    rooms: Arc<Rooms>,
    desk: Desk,
    traces: Traces,
}

struct Rooms {
    hasher: RandomState,
    shards: [Shard; 32],
    /// What each member's mailbox holds at most.
    mailbox: MailboxLimits,
    metrics: Arc<ExchangeMetrics>,
    /// Where it is told what happens, if anybody wants to hear of it.
    journal: Option<Arc<Journal>>,
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

    /// All of them, one after the other.
    fn all(&self) -> impl Iterator<Item = MutexGuard<'_, HashMap<RoomName, Room>>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
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

    /// So many mailboxes were full.
    fn count_full(&self, mailboxes: u64) {
        self.metrics.mailbox_full.inc_by(mailboxes);
    }
}

impl Memory {
    /// No rooms yet. Each spool of what happens in them keeps so many happenings; with 0, nobody wants to hear of them.
    pub fn new(
        mailbox: MailboxLimits,
        spool_length: usize,
        metrics: Arc<ExchangeMetrics>,
        traces: Traces,
    ) -> Self {
        let node = random_name();
        let journal = (spool_length > 0).then(|| Arc::new(Journal::new(&node, spool_length)));
        let rooms =
            Rooms { hasher: RandomState::new(), shards: Default::default(), mailbox, metrics, journal };
        Self { node, rooms: Arc::new(rooms), desk: Desk::default(), traces }
    }

    /// Where what happens waits to be sent on.
    pub fn spools(&self) -> Vec<Arc<dyn Spool>> {
        self.rooms.journal.as_ref().map(|journal| journal.spools()).unwrap_or_default()
    }
}

impl Exchange for Memory {
    fn join(&self, member: &Member, entry: Entry, recipient: Arc<dyn Recipient>) {
        let mut rooms = self.rooms.shard(&member.room);
        let journal = || self.rooms.journal.as_ref().map(|journal| journal.of(&member.room));
        let room = rooms.entry(member.room.clone()).or_insert_with(|| Room::new(journal()));
        if room.len() >= entry.capacity.get() {
            recipient.deliver(Event::Refused(Refusal::Full));
        } else {
            room.join(member.id, entry, self.rooms.mailbox, recipient);
        }
    }

    fn resume(&self, member: &Member, claim: Claim, recipient: Arc<dyn Recipient>) {
        let resumed = self.rooms.with_room(member, |room| room.resume(member, &claim, &recipient));
        if resumed != Some(true) {
            recipient.deliver(Event::Refused(Refusal::Expired));
        }
    }

    fn detach(&self, member: &Member) {
        self.rooms.with_room(member, |room| {
            let Some(window) = room.detach(member) else { return };
            let (rooms, late) = (self.rooms.clone(), member.clone());
            let expiry = async move {
                sleep(window).await;
                rooms.with_room(&late, |room| room.expire(&late));
            };
            room.expire_by(member, AbortOnDropHandle::new(tokio::spawn(expiry)));
        });
    }

    fn acknowledge(&self, member: &Member, had: Had) {
        self.rooms.with_room(member, |room| room.acknowledge(member, &had));
    }

    fn leave(&self, member: &Member, reason: LeaveReason) {
        self.rooms.with_room(member, |room| room.leave(member, reason));
    }

    fn post(&self, sender: &Member, to: SocketId, signal: Signal) {
        let (kind, trace) = (signal.kind, signal.trace.clone());
        let posted = self.rooms.with_room(sender, |room| room.post(sender, to, signal)).flatten();
        let Some(published) = posted else { return };
        self.rooms.count_full(u64::from(published == Published::Failed));
        self.traces.published(kind, trace.as_deref(), published);
    }

    fn broadcast(&self, sender: &Member, signal: Signal) {
        let posted = self.rooms.with_room(sender, |room| room.broadcast(sender, &signal)).flatten();
        let Some(full) = posted else { return };
        self.rooms.count_full(full);
        let published = if full == 0 { Published::Done } else { Published::Failed };
        self.traces.published(signal.kind, signal.trace.as_deref(), published);
    }

    fn set_info(&self, member: &Member, info: Info) {
        self.rooms.with_room(member, |room| room.set_info(member, info));
    }

    fn sync(&self, member: &Member) {
        self.rooms.with_room(member, |room| room.sync(member));
    }

    fn tells_of_connections(&self) -> bool {
        self.rooms.journal.is_some()
    }

    fn connected(&self, id: SocketId, address: Option<IpAddr>) {
        if let Some(journal) = &self.rooms.journal {
            journal.connected(id, address);
        }
    }

    fn health(&self) -> Result<(), String> {
        Ok(())
    }
}
