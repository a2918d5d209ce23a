//! One clock for all that a worker times.

use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn since_start(self) -> Duration {
        self.0.elapsed()
    }

    /// Microseconds since the worker began.
    pub(crate) fn now_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
