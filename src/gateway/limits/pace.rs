//! How fast one client sends.

use super::{Pace, quota, round_up};
use governor::{
    NotUntil, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use std::{cell::Cell, num::NonZeroU32, time::Duration};

/// The buckets of one connection. The second one is made when the first one was empty: a connection costs no more than it
/// has to.
pub(in crate::gateway) struct Messages {
    allowed: Bucket,
    excess: Option<Box<Bucket>>,
    rate: NonZeroU32,
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Turn, NoOpMiddleware<Nanos>>;

/// When this turn of the connection's loop began, so that no frame asks the system for the time.
#[derive(Debug, Default)]
struct Turn(Cell<Nanos>);

impl Clock for Turn {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}

impl Messages {
    /// So many a second.
    pub(in crate::gateway) fn new(rate: NonZeroU32) -> Self {
        Self { allowed: bucket(rate), excess: None, rate }
    }

    /// One more, so long after a time that stays the same.
    pub(in crate::gateway) fn take(&mut self, now: Duration) -> Pace {
        let now = Nanos::from(now);
        let rate = self.rate;
        Pace::by(check(&self.allowed, now), || {
            check(self.excess.get_or_insert_with(|| Box::new(bucket(rate))), now)
        })
    }
}

fn bucket(rate: NonZeroU32) -> Bucket {
    RateLimiter::direct_with_clock(quota(rate), Turn::default())
}

fn check(bucket: &Bucket, now: Nanos) -> Result<(), Duration> {
    bucket.clock().0.set(now);
    bucket.check().map_err(|until: NotUntil<Nanos>| round_up(until.wait_time_from(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_then_the_end() {
        let mut messages = Messages::new(NonZeroU32::new(100).expect("not zero"));
        let second = Duration::from_secs(1);
        for _ in 0..1000 {
            assert_eq!(messages.take(second), Pace::Fine);
        }
        assert!(messages.excess.is_none());
        let wait = Duration::from_millis(10);
        assert_eq!(messages.take(second), Pace::Fast(wait));
        assert_eq!(messages.take(second + wait), Pace::Fine, "as it was told");
        // The second bucket lost one, and is full again by now.
        for _ in 0..1000 {
            assert_eq!(messages.take(second + wait), Pace::Fast(wait));
        }
        assert_eq!(messages.take(second + wait), Pace::Relentless(wait));
        assert_eq!(messages.take(12 * second), Pace::Fine, "both are full again");
    }

    #[test]
    fn a_very_large_rate_is_no_limit() {
        let mut messages = Messages::new(NonZeroU32::MAX);
        for _ in 0..1_000_000 {
            assert_eq!(messages.take(Duration::ZERO), Pace::Fine);
        }
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Messages>() <= 56, "{} bytes", size_of::<Messages>());
    }
}
