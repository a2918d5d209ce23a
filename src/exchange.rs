//! What a gateway asks of the state that its rooms share.
//!
//! A gateway asks without waiting; whatever there is to answer comes to the member's [`Recipient`], in one stream with
//! what its room tells it. So a slow exchange holds no socket up, and each member hears things in one order.
//!
//! What every exchange promises (`tests/system/exchange.rs` is the proof, written against the trait):
//!
//! 1. A member is answered `Joined` or `Refused`. Deliveries may overtake `Joined`; there are none with `Refused`.
//! 2. A member is told every change after its snapshot's version, once, in order.
//! 3. What one member posts to another, or to itself, arrives once, in order, after the `Joined` notice of its sender, and
//!    not after the notice that it left.
//! 4. Where it can't keep 2 or 3, it says `Lapse`, before the first thing that comes after what may be missing. Who then
//!    asks `sync` is told the truth and every message that it may have missed, in the order of their posting: from a
//!    `Lapse` until a question after it is answered, no message is forgotten because it was delivered. The answer may
//!    overtake what was delivered before it, and so tell what the member will hear again.
//! 5. A post to who is not in the room is answered `Gone`. One that can't be handed on is answered `Failed`.
//! 6. After `leave` or `detach` returns, the member may still hear what was under way, and nothing later. A member that is
//!    out without having left is told `Removed`, and nothing later.
//! 7. A member that can come back has its messages kept until it acknowledges them, while it is away, too, and over any
//!    number of connections. Who resumes is answered `Resumed` or `Refused`, like who joins. The connection that the session
//!    had before is soon told `Replaced`, and speaks for it no more: of what it still says, only messages may arrive, which
//!    their receivers know by their numbers.
//! 8. Each message that a member posts is handled by the time that its recipient is told so, or of a later one.

mod directory;
mod happening;
pub mod memory;
pub mod redis;
mod spool;

pub use self::{
    happening::{Happening, What},
    spool::{Sent, Spool, Turn, Waiting},
};

pub use self::directory::{
    Answering, Attendant, Cursor, Directory, Occupancy, Place, Question, RoomPage, Standing, Unreachable,
    Vitals,
};

use crate::{
    protocol::{Had, Info, LeaveReason, Signal, SocketId},
    room::{Claim, Event, Lifeline, Member},
};
use std::{net::IpAddr, num::NonZeroUsize, sync::Arc};

/// The shared state of all rooms.
pub trait Exchange: Send + Sync + 'static {
    /// Enters a room. Answered by `Joined` or `Refused`.
    fn join(&self, member: &Member, entry: Entry, recipient: Arc<dyn Recipient>);

    /// Comes back to a room, from wherever the session was. Answered by `Resumed` or `Refused`.
    fn resume(&self, member: &Member, claim: Claim, recipient: Arc<dyn Recipient>);

    /// Goes away, and stays in the room for as long as the member's lifeline says. One that has none is lost.
    fn detach(&self, member: &Member);

    /// Notes what a member had of its peers: it needn't be kept for it.
    fn acknowledge(&self, member: &Member, had: Had);

    /// Leaves. Doing it twice is the same as once.
    fn leave(&self, member: &Member, reason: LeaveReason);

    /// Sends a message to one member of the sender's room. Answered by `Gone` where there is no such member, by
    /// `Failed` where it can't be handed on, else not.
    fn post(&self, sender: &Member, to: SocketId, signal: Signal);

    /// Sends a message to all the others in the sender's room. Answered by `Failed` for those it can't be handed on to.
    fn broadcast(&self, sender: &Member, signal: Signal);

    /// Changes what the others are shown of a member.
    fn set_info(&self, member: &Member, info: Info);

    /// Asks who is there, and for the messages that were missed. Answered by `Synced`, once,
    /// or by `Removed`.
    fn sync(&self, member: &Member);

    /// Whether anybody wants to hear of those who connect.
    fn tells_of_connections(&self) -> bool {
        false
    }

    /// Notes that a client connected that will have this id, if anybody wants to hear of it.
    fn connected(&self, _id: SocketId, _address: Option<IpAddr>) {}

    /// Whether it can serve, or a sentence that says why not.
    fn health(&self) -> Result<(), String>;
}

/// What a member enters a room with.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the others are shown of it.
    pub info: Info,
    /// Members that the room may have, this one included.
    pub capacity: NonZeroUsize,
    /// How it may come back, if it may.
    pub lifeline: Option<Lifeline>,
}

/// How much is kept for a member that can't take it at the moment. A message more is refused.
#[derive(Clone, Copy, Debug)]
pub struct MailboxLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes of memory.
    pub bytes: usize,
}

impl Default for MailboxLimits {
    fn default() -> Self {
        Self { messages: 1024, bytes: 512 * 1024 }
    }
}

/// Where a member hears from the exchange. All may be called under a lock of the exchange's: they must not wait, nor call
/// the exchange.
pub trait Recipient: Send + Sync + 'static {
    /// Takes an event.
    fn deliver(&self, event: Event);

    /// Every message of the member's up to this number was handed on, or answered `Gone` or `Failed`.
    fn handled(&self, n: u64);

    /// How the connection is that it hears through, if it has one.
    fn vitals(&self) -> Option<Vitals> {
        None
    }
}

/// A name that no node had before.
fn random_name() -> String {
    format!("{:016x}", getrandom::u64().expect("the system has random bytes"))
}
