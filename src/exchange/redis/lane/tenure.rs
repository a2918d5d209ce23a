//! What a node may do in a partition, and since when: its lease, and the life of Redis' data that it knows.

use crate::exchange::redis::request::Pulse;
use std::{
    mem,
    time::{Duration, Instant},
};

#[derive(Default)]
pub(super) struct Tenure {
    leased_until: Option<Instant>,
    /// From when on this node may judge others by their leases.
    steady_from: Option<Instant>,
    /// The life of Redis' data that the members are registered in; empty until the first beat.
    term: String,
    /// Whether the link that there is has told it: until then, what is asked could go to data that knows nobody.
    is_greeted: bool,
    /// While all register their members again.
    gathering_until: Option<Instant>,
}

/// What a beat tells of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    /// The lease had lapsed: others may have taken them for dead.
    Lapsed,
    /// Redis lost its data, or the last of it.
    NewTerm,
}

impl Tenure {
    /// Another link is there. What went on meanwhile isn't known.
    pub(super) fn relink(&mut self) {
        self.steady_from = None;
        self.is_greeted = false;
    }

    /// The lease was renewed by a beat sent at `sent`.
    pub(super) fn renew(&mut self, sent: Instant, lease: Duration, pulse: &Pulse) -> News {
        let lapsed = !pulse.held || self.leased_until.is_some_and(|until| until < sent);
        if lapsed || self.steady_from.is_none() {
            self.steady_from = Some(sent + lease);
        }
        self.leased_until = Some(sent + lease);
        self.gathering_until = (!pulse.gathering.is_zero()).then(|| Instant::now() + pulse.gathering);
        self.is_greeted = true;
        let before = mem::replace(&mut self.term, pulse.term.clone());
        match pulse.held {
            _ if !before.is_empty() && before != self.term => News::NewTerm,
            true => News::Nothing,
            false => News::Lapsed,
        }
    }

    /// Redis says that the lease has lapsed.
    pub(super) fn lapse(&mut self) {
        self.leased_until = None;
    }

    pub(super) fn term(&self) -> &str {
        &self.term
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.is_greeted
    }

    pub(super) fn is_gathering(&self, now: Instant) -> bool {
        self.gathering_until.is_some_and(|until| now < until)
    }

    /// Whether this node may speak for its members here.
    pub(super) fn has_lease(&self, now: Instant) -> bool {
        self.leased_until.is_some_and(|until| now < until)
    }

    /// Whether this node has held its lease for so long that who let theirs lapse is dead. When Redis was away from
    /// everybody, all leases have lapsed, and who comes back first must wait for the others.
    pub(super) fn may_reap(&self, now: Instant) -> bool {
        self.steady_from.is_some_and(|from| now >= from)
    }
}
