//! A deadline that moves with each message, on a timer that doesn't.
//!
//! Setting a timer wakes the runtime's driver through a system call when no other is due before. So the timer is left where it
//! is when the deadline moves on, and set anew when it goes off too early: once in the time that is waited, not once a message.

use std::{pin::Pin, time::Instant};
use tokio::time::{Sleep, sleep_until};

pub(super) struct Deadline {
    at: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(super) fn new(at: Instant) -> Self {
        Self { at, timer: Box::pin(sleep_until(at.into())) }
    }

    /// Moves it.
    pub(super) fn set(&mut self, at: Instant) {
        self.at = at;
        if self.timer.deadline().into_std() > at {
            self.timer.as_mut().reset(at.into());
        }
    }

    /// Waits until it has passed. Safe to cancel.
    pub(super) async fn passed(&mut self) {
        loop {
            self.timer.as_mut().await;
            if self.timer.deadline().into_std() >= self.at {
                return;
            }
            self.timer.as_mut().reset(self.at.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::{self, timeout};

    const SECOND: Duration = Duration::from_secs(1);

    fn now() -> Instant {
        time::Instant::now().into_std()
    }

    /// How long it takes to pass.
    async fn wait(deadline: &mut Deadline) -> Duration {
        let begun = now();
        deadline.passed().await;
        // A timer goes off up to a millisecond late.
        Duration::from_secs((now() - begun).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn it_passes_where_it_was_set_last() {
        for (sets, passes) in [(&[][..], 5), (&[9], 9), (&[2], 2), (&[9, 3], 3), (&[2, 7], 7)] {
            let start = now();
            let mut deadline = Deadline::new(start + 5 * SECOND);
            for set in sets {
                deadline.set(start + *set * SECOND);
            }
            assert_eq!(wait(&mut deadline).await, passes * SECOND, "{sets:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_moves_while_it_is_waited_for_and_once_it_has_passed() {
        let start = now();
        let mut deadline = Deadline::new(start + 2 * SECOND);
        assert!(timeout(SECOND, deadline.passed()).await.is_err());
        deadline.set(start + 4 * SECOND);
        assert_eq!(wait(&mut deadline).await, 3 * SECOND);
        deadline.set(start + 6 * SECOND);
        assert_eq!(wait(&mut deadline).await, 2 * SECOND);
        assert_eq!(wait(&mut deadline).await, Duration::ZERO, "it has passed");
    }
}
