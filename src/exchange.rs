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
//! 6. After `leave` returns, the member may still hear what was under way, and nothing later. A member that is out without
//!    having left is told `Removed`, and nothing later.

pub mod memory;
pub mod redis;

use crate::{
    protocol::{Info, LeaveReason, Signal, SocketId},
    room::{Event, Member},
};
use std::{num::NonZeroUsize, sync::Arc};

/// The shared state of all rooms.
pub trait Exchange: Send + Sync + 'static {
    /// Enters a room that has fewer than `capacity` members. Answered by `Joined` or `Refused`.
    fn join(&self, member: &Member, info: Info, capacity: NonZeroUsize, recipient: Arc<dyn Recipient>);

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

    /// Whether it can serve, or a sentence that says why not.
    fn health(&self) -> Result<(), String>;
}

/// Where a member hears from the exchange.
pub trait Recipient: Send + Sync + 'static {
    /// Takes an event. It may be called under a lock of the exchange's: it must not wait, nor call the exchange.
    fn deliver(&self, event: Event);
}
