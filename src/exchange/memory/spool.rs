//! What happened in this process, until it is sent on. It is lost with the process.

use crate::exchange::{Happening, Sent, Spool, Turn, Waiting, What};
use futures_util::future::{BoxFuture, FutureExt, ready};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::Notify;

/// What waits in a queue at most, in bytes of memory, roughly. `docs/events.md` says so.
const LARGEST: usize = 4 * 1024 * 1024;

/// A queue of a length, and of a size. When it is full, the oldest are dropped.
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
    /// How much memory they take.
    size: usize,
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
        state.push(Waiting { id, since: Instant::now(), happening });
        while state.waiting.len() > self.length || state.size > LARGEST {
            state.pop();
            state.lost += 1;
        }
        drop(state);
        self.pushed.notify_one();
    }

    fn take(&self, most: usize) -> Turn {
        let mut state = self.state();
        let waiting = (most > 0).then_some(state.waiting.len() as u64);
        let most = most.min(state.waiting.len());
        let next = (0..most).filter_map(|_| state.pop()).collect();
        // What is taken is passed; nobody counts it again.
        Turn::Ours { again: true, next, waiting, lost: std::mem::take(&mut state.lost), passed: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, waiting: Waiting) {
        self.size += weight(&waiting);
        self.waiting.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        self.size -= weight(&waiting);
        Some(waiting)
    }
}

/// Roughly how much memory it takes while it waits, in bytes.
fn weight(Waiting { id, happening, .. }: &Waiting) -> usize {
    let carried = happening.as_ref().map_or(0, |Happening { what, .. }| match what {
        What::SocketConnected { .. } => 0,
        What::PeerJoined { room, info, .. } => room.as_str().len() + info.get().len(),
        What::RoomOpened { room, .. } | What::PeerLeft { room, .. } | What::RoomClosed { room } => {
            room.as_str().len()
        }
    });
    size_of::<Waiting>() + id.len() + carried
}

impl Spool for Queue {
    fn name(&self) -> &str {
        &self.name
    }

    fn lease(&self) -> Duration {
        // Nobody else takes it.
        Duration::from_mins(1)
    }

    /// Who takes events from here has to send them: they aren't kept.
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
    use crate::protocol::{RoomName, SocketId};
    use serde_json::value::RawValue;

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
    fn the_oldest_are_dropped_too_where_they_are_large() {
        let queue = Queue::new("name".into(), 10_000);
        let joined = |length: usize| What::PeerJoined {
            room: RoomName::parse("room").expect("a name"),
            id: SocketId::from_random([1; SocketId::LEN]),
            node: "node".into(),
            info: RawValue::from_string(format!("\"{}\"", "x".repeat(length))).expect("JSON").into(),
            version: 1,
            restored: false,
        };
        for _ in 0..3000 {
            queue.push(joined(4096));
        }
        let (kept, waiting, lost) = taken(&queue, 3000);
        assert!((900..1024).contains(&kept.len()), "{}", kept.len());
        assert_eq!((kept.last().map(String::as_str), waiting), (Some("3000"), Some(kept.len() as u64)));
        assert_eq!(lost, 3000 - kept.len() as u64);
        // What was taken has made room.
        for _ in 0..900 {
            queue.push(joined(4096));
        }
        assert_eq!(taken(&queue, 0).2, 0);
        queue.push(joined(LARGEST));
        assert_eq!(taken(&queue, 1).2, 901, "what never fits is lost");
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
