//! What the two halves of a link, and its lanes, know of each other.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::Notify;

/// Calls the halves of a link to work, and tells whether its probes come back.
#[derive(Default)]
pub(super) struct Wake {
    /// Something waits to be asked.
    pub(super) writer: Notify,
    /// A channel is to be subscribed to, or no more.
    pub(super) subscriber: Notify,
    /// When the first probe was sent that hasn't been heard yet, in microseconds since the link was born; 0 for none.
    unheard: AtomicU64,
}

impl Wake {
    /// A probe is sent now: what it says is the time since the link was born, in microseconds.
    pub(super) fn probe(&self, now: Duration) -> String {
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX).max(1);
        // Where an earlier one is still unheard, that one counts.
        let _ = self.unheard.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        now.to_string()
    }

    /// A probe was heard. Says when it was sent.
    pub(super) fn heard(&self, payload: &[u8]) -> Option<Duration> {
        let sent = str::from_utf8(payload).ok()?.strip_prefix('P')?.parse().ok()?;
        self.unheard.store(0, Ordering::Relaxed);
        Some(Duration::from_micros(sent))
    }

    /// When the first probe was sent that hasn't been heard yet.
    pub(super) fn unheard(&self) -> Option<Duration> {
        match self.unheard.load(Ordering::Relaxed) {
            0 => None,
            sent => Some(Duration::from_micros(sent)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_probe_that_is_not_heard_counts() {
        let (wake, second) = (Wake::default(), Duration::from_secs);
        assert_eq!(wake.unheard(), None);
        let first = wake.probe(second(1));
        wake.probe(second(2));
        assert_eq!(wake.unheard(), Some(second(1)));
        assert_eq!(wake.heard(format!("P{first}").as_bytes()), Some(second(1)));
        assert_eq!(wake.unheard(), None);
        wake.probe(second(3));
        assert_eq!(wake.heard(b"else"), None);
        assert_eq!(wake.unheard(), Some(second(3)));
    }
}
