//! What happened in this process, until it is sent on. It is lost with the process.

use crate::exchange::{Happening, Sent, Spool, Turn, Waiting, What};
use futures_util::future::{BoxFuture, FutureExt, ready};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::Notify;

/// A queue of a length. When it is full, the oldest is dropped.
pub(super) struct Queue {
    name: String,
    length: usize,
    /// A `std` mutex: held to push or to take, never across an await.
    state: Mutex<State>,
    pushed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// How many there were.
    count: u64,
    /// How many were dropped since that was told.
    lost: u64,
}

impl Queue {
    pub(super) fn new(name: String, length: usize) -> Self {
        Self { name, length, state: Mutex::default(), pushed: Notify::new() }
    }

    pub(super) fn push(&self, what: What) {
        let happening = Some(Happening { at: SystemTime::now(), what });
        let mut state = self.state();
        state.count += 1;
        let id = state.count.to_string();
        state.waiting.push_back(Waiting { id, since: Instant::now(), happening });
        if state.waiting.len() > self.length {
            state.waiting.pop_front();
            state.lost += 1;
        }
        drop(state);
        self.pushed.notify_one();
    }

    fn take(&self, most: usize) -> Turn {
        let mut state = self.state();
        let waiting = (most > 0).then_some(state.waiting.len() as u64);
        let most = most.min(state.waiting.len());
        let next = state.waiting.drain(..most).collect();
        // What is taken is passed; nobody counts it again.
        Turn::Ours { again: true, next, waiting, lost: std::mem::take(&mut state.lost), passed: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spool for Queue {
    fn name(&self) -> &str {
        &self.name
    }

    fn lease(&self) -> Duration {
        // Nobody else takes it.
        Duration::from_mins(1)
    }

    /// What it gives is its sender's alone.
    fn turn<'a>(&'a self, _: Option<&'a Sent>, most: usize) -> BoxFuture<'a, anyhow::Result<Turn>> {
        ready(Ok(self.take(most))).boxed()
    }

    fn give_back<'a>(&'a self, _: Option<&'a Sent>) -> BoxFuture<'a, anyhow::Result<()>> {
        ready(Ok(())).boxed()
    }

    fn more(&self) -> BoxFuture<'_, ()> {
        self.pushed.notified().boxed()
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RoomName;

    fn closed(room: &str) -> What {
        What::RoomClosed { room: RoomName::parse(room).expect("a name") }
    }

    fn taken(queue: &Queue, most: usize) -> (Vec<String>, Option<u64>, u64) {
        let Turn::Ours { next, waiting, lost, .. } = queue.take(most) else { panic!("nobody else's") };
        (next.into_iter().map(|waiting| waiting.id).collect(), waiting, lost)
    }

    #[test]
    fn the_oldest_are_dropped_and_counted_once() {
        let queue = Queue::new("name".into(), 3);
        for room in ["a", "b", "c", "d", "e"] {
            queue.push(closed(room));
        }
        assert_eq!(taken(&queue, 2), (vec!["3".into(), "4".into()], Some(3), 2));
        assert_eq!(taken(&queue, 2), (vec!["5".into()], Some(1), 0));
        assert_eq!(taken(&queue, 2), (vec![], Some(0), 0));
    }

    #[test]
    fn what_was_given_is_dropped_no_more() {
        let queue = Queue::new("name".into(), 1);
        queue.push(closed("a"));
        assert_eq!(taken(&queue, 1).0, ["1"]);
        queue.push(closed("b"));
        assert_eq!(taken(&queue, 0), (vec![], None, 0));
        assert_eq!(taken(&queue, 1), (vec!["2".into()], Some(1), 0));
    }
}
