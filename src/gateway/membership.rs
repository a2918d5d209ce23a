//! A connection's place in a room: taken by joining, given back when it is dropped, however that comes.

use super::{Gateway, outbox::Outbox};
use crate::{
    exchange::Exchange,
    metrics::Counted,
    protocol::{Info, LeaveReason},
    room::Member,
};
use std::{sync::Arc, time::Instant};

pub(super) struct Membership {
    pub(super) member: Member,
    pub(super) outbox: Arc<Outbox>,
    pub(super) asked_at: Instant,
    /// Counts it among the members once it is in.
    pub(super) counted: Option<Counted>,
    reason: LeaveReason,
    exchange: Arc<dyn Exchange>,
}

impl Membership {
    /// Asks the exchange to let a member in. The answer comes to the outbox.
    pub(super) fn ask(gateway: &Gateway, member: Member, info: Info) -> Self {
        let outbox = Arc::new(Outbox::new(gateway.limits.outbox));
        gateway.exchange.join(&member, info, gateway.limits.room_capacity, outbox.clone());
        Self {
            member,
            outbox,
            reason: LeaveReason::Lost,
            asked_at: Instant::now(),
            counted: None,
            exchange: gateway.exchange.clone(),
        }
    }

    /// Leaves for `reason`. One that is merely dropped was lost.
    pub(super) fn leave(mut self, reason: LeaveReason) {
        self.reason = reason;
    }
}

impl Drop for Membership {
    /// The one place that takes a member out of its room.
    fn drop(&mut self) {
        self.exchange.leave(&self.member, self.reason);
    }
}
