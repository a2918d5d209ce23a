//! A connection's place in a room: taken by joining or by resuming, given back when it is dropped, however that comes.

use super::{Gateway, outbox::Outbox};
use crate::{
    exchange::{Entry, Exchange},
    metrics::Counted,
    protocol::{Info, LeaveReason},
    room::{Claim, Lifeline, Member},
};
use std::{net::IpAddr, num::NonZeroUsize, sync::Arc, time::Instant};

pub(super) struct Membership {
    pub(super) member: Member,
    pub(super) outbox: Arc<Outbox>,
    pub(super) asked_at: Instant,
    /// Counts it among the members once it is in.
    pub(super) counted: Option<Counted>,
    /// Up to which number the session knows that its client's messages were handled.
    handled: u64,
    /// Why it leaves; `None` where it stays for another connection to resume.
    leaving: Option<LeaveReason>,
    exchange: Arc<dyn Exchange>,
}

impl Membership {
    /// Asks the exchange to let a member in. The answer comes to the outbox.
    pub(super) fn join(
        gateway: &Gateway,
        client: Option<IpAddr>,
        member: Member,
        info: Info,
        capacity: Option<NonZeroUsize>,
        lifeline: Option<Lifeline>,
    ) -> Self {
        // One that is merely dropped stays, if it can be resumed.
        let leaving = if lifeline.is_some() { None } else { Some(LeaveReason::Lost) };
        let membership = Self::new(gateway, client, member, leaving);
        // Never more than the node's: its outboxes are made for that.
        let most = gateway.limits.room_capacity;
        let entry = Entry { info, capacity: capacity.map_or(most, |capacity| capacity.min(most)), lifeline };
        gateway.exchange.join(&membership.member, entry, membership.outbox.clone());
        membership
    }

    /// Asks the exchange to let a member come back. The answer comes to the outbox.
    pub(super) fn resume(gateway: &Gateway, client: Option<IpAddr>, member: Member, claim: Claim) -> Self {
        let membership = Self::new(gateway, client, member, None);
        gateway.exchange.resume(&membership.member, claim, membership.outbox.clone());
        membership
    }

    fn new(gateway: &Gateway, client: Option<IpAddr>, member: Member, leaving: Option<LeaveReason>) -> Self {
        Self {
            member,
            outbox: Arc::new(Outbox::new(gateway.limits.outbox, client)),
            asked_at: Instant::now(),
            counted: None,
            handled: 0,
            leaving,
            exchange: gateway.exchange.clone(),
        }
    }

    /// Up to which number the client's messages were handled, if that is news.
    pub(super) fn newly_handled(&mut self) -> Option<u64> {
        let handled = self.outbox.handled();
        (handled > self.handled).then(|| {
            self.handled = handled;
            handled
        })
    }

    /// Leaves for `reason`.
    pub(super) fn leave(mut self, reason: LeaveReason) {
        self.leaving = Some(reason);
    }

    /// Stays in the room without this connection.
    pub(super) fn detach(mut self) {
        self.leaving = None;
    }
}

impl Drop for Membership {
    /// The one place where a connection gives its part in a room up.
    fn drop(&mut self) {
        match self.leaving {
            Some(reason) => self.exchange.leave(&self.member, reason),
            None => self.exchange.detach(&self.member),
        }
    }
}
