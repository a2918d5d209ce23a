//! What a gateway asks of the state that its rooms share.
//!
//! A gateway asks without waiting; whatever there is to answer comes to the member's [`Recipient`], in one stream with
//! what its room tells it. So a slow exchange holds no socket up, and each member hears things in one order.
//!
//! What every exchange promises (`tests/system/exchange.rs` is the proof, written against the trait):
//!
//! 1. The first event of a member is `Joined` or `Refused`. After `Refused` there is nothing more.
//! 2. A member is told every change after its snapshot's version, once, in order; or else `Lapse`.
//! 3. What one member posts to another arrives in order, after the `Joined` notice of its sender, and not after the
//!    notice that it left.
//! 4. A post to who is not in the room is answered `Gone`.
//! 5. After `leave` returns, the member may still hear what was under way, and nothing later.

pub mod memory;

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

    /// Sends a message to one member of the sender's room. Answered by `Gone` where there is no such member.
    fn post(&self, sender: &Member, to: SocketId, signal: Signal);

    /// Sends a message to all the others in the sender's room.
    fn broadcast(&self, sender: &Member, signal: Signal);

    /// Changes what the others are shown of a member.
    fn set_info(&self, member: &Member, info: Info);

    /// Asks who is there. Answered by `Synced`.
    fn sync(&self, member: &Member);

    /// Whether it can serve, or a sentence that says why not.
    fn health(&self) -> Result<(), String>;
}

/// Where a member hears from the exchange.
pub trait Recipient: Send + Sync + 'static {
    /// Takes an event. It may be called under a lock of the exchange's: it must not wait, nor call the exchange.
    fn deliver(&self, event: Event);
}
