//! What is due later. Pure.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Things with a time, the earliest first; of those with the same time, the lesser.
pub(crate) struct Timers<T>(BinaryHeap<Reverse<(u64, T)>>);

impl<T: Ord> Default for Timers<T> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<T: Ord> Timers<T> {
    pub(crate) fn set(&mut self, due_us: u64, what: T) {
        self.0.push(Reverse((due_us, what)));
    }

    pub(crate) fn due_us(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// The first that is due by now, and when it was.
    pub(crate) fn take(&mut self, now_us: u64) -> Option<(u64, T)> {
        self.due_us().filter(|due| *due <= now_us)?;
        self.0.pop().map(|Reverse(first)| first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_first_comes_first_and_nothing_too_soon() {
        let mut timers = Timers::default();
        timers.set(20, 'b');
        timers.set(10, 'a');
        assert_eq!(timers.take(9), None);
        assert_eq!(timers.take(30), Some((10, 'a')));
        assert_eq!(timers.take(15), None);
        assert_eq!(timers.due_us(), Some(20));
        assert_eq!(timers.take(20), Some((20, 'b')));
        assert_eq!(timers.due_us(), None);
    }
}
