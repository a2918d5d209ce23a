//! Which of a client's messages were handled, and what it was told of that.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Of one connection of a resumable session.
#[derive(Debug, Default)]
pub(super) struct Acks {
    /// The number of the last message.
    last: u64,
    /// The numbers of those that the exchange has not handled yet.
    outstanding: VecDeque<u64>,
    /// Up to which message the client was told.
    told: u64,
    due: Option<Instant>,
}

impl Acks {
    /// Between two acknowledgements: well within the second that the protocol promises.
    pub(super) const PERIOD: Duration = Duration::from_millis(500);

    /// The client's message `n` came.
    pub(super) fn came(&mut self, n: u64, now: Instant) {
        self.last = n;
        self.due.get_or_insert(now + Self::PERIOD);
    }

    /// Message `n` was handed to the exchange.
    pub(super) fn posted(&mut self, n: u64) {
        self.outstanding.push_back(n);
    }

    /// Everything up to `n` was handled.
    pub(super) fn handled(&mut self, n: u64) {
        while self.outstanding.front().is_some_and(|&first| first <= n) {
            self.outstanding.pop_front();
        }
    }

    /// The client was told that `n` wasn't handed on.
    pub(super) fn refused(&mut self, n: u64) {
        self.outstanding.retain(|&other| other != n);
    }

    /// When the client wants to hear.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What to tell the client now, if it is time and there is something new.
    pub(super) fn take(&mut self, now: Instant) -> Option<u64> {
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        let handled = self.outstanding.front().map_or(self.last, |first| first - 1);
        self.due = (handled < self.last).then(|| now + Self::PERIOD);
        (handled > self.told).then(|| {
            self.told = handled;
            handled
        })
    }
}
