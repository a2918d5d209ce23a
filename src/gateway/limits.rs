//! What bounds one client and one address. `docs/limits.md` is the page of it for operators.
//!
//! What comes in at a rate goes through two buckets, one behind the other. Who finds the first one empty is told when to
//! try again; who empties the second one, too, is sent away. So a client that keeps below its rate never notices, one that
//! bursts waits, and one that goes on at twice the rate is gone.

mod arrivals;
mod block;
mod pace;
mod places;

pub use self::places::{Place, Places};

pub(super) use self::{arrivals::Arrivals, block::Block, pace::Messages};

use governor::Quota;
use std::{num::NonZeroU32, time::Duration};

/// How many seconds' worth may come at once.
const BURST_SECONDS: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

/// How something that comes at a rate is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// It may come.
    Fine,
    /// It is one too many. It may come after this time, if nothing else does before.
    Fast(Duration),
    /// It goes on and on: the second bucket is empty, too, and would take it after this time at the earliest.
    Relentless(Duration),
}

impl Pace {
    /// By the two buckets: how long each wants to wait, asked in this order.
    fn by(first: Result<(), Duration>, second: impl FnOnce() -> Result<(), Duration>) -> Self {
        let Err(after) = first else { return Self::Fine };
        second().map_or_else(Self::Relentless, |()| Self::Fast(after))
    }
}

/// So many a second.
fn quota(rate: NonZeroU32) -> Quota {
    Quota::per_second(rate).allow_burst(rate.saturating_mul(BURST_SECONDS))
}

/// Up to the next whole millisecond: who comes back then isn't too early.
fn round_up(wait: Duration) -> Duration {
    Duration::from_millis(u64::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(u64::MAX).max(1))
}
