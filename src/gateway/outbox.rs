//! What waits for one client: the only queue between a room and a socket.
//!
//! It is bounded in count and in bytes. A client that lets it fill has lost its place: what waited is dropped at once,
//! and its connection ends with `slow_consumer`. To drop single messages instead would leave it with a room that isn't.

use crate::{
    exchange::{Recipient, Vitals},
    room::Event,
    traces,
};
use futures_util::task::AtomicWaker;
use std::{
    collections::VecDeque,
    future::poll_fn,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Instant,
};

/// How much may wait for one client.
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Events.
    pub messages: usize,
    /// Bytes of memory.
    pub bytes: usize,
}

pub(super) struct Outbox {
    limits: OutboxLimits,
    /// A `std` mutex: held to push or to take, never across an await.
    queue: Mutex<Queue>,
    /// The one connection that waits.
    waker: AtomicWaker,
    /// Up to which number its own messages were handled: read when there is time, as nobody waits for it.
    handled: AtomicU64,
    /// What an operator may ask: where the client is, since when, and how many frames went each way.
    client: Option<IpAddr>,
    since: Instant,
    sent: AtomicU64,
    received: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    bytes: usize,
    full: bool,
}

/// It filled up.
#[derive(Debug)]
pub(super) struct Full;

impl Outbox {
    pub(super) fn new(limits: OutboxLimits, client: Option<IpAddr>) -> Self {
        Self {
            limits,
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            handled: AtomicU64::new(0),
            client,
            since: Instant::now(),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    /// So many frames go to the client.
    pub(super) fn note_sent(&self, frames: u64) {
        add(&self.sent, frames);
    }

    /// A frame came from the client.
    pub(super) fn note_received(&self) {
        add(&self.received, 1);
    }

    /// Takes everything that waits.
    pub(super) fn take(&self) -> Result<VecDeque<Event>, Full> {
        let mut queue = self.queue();
        if queue.full {
            return Err(Full);
        }
        queue.bytes = 0;
        Ok(std::mem::take(&mut queue.events))
    }

    /// Waits until there is something to take.
    pub(super) async fn ready(&self) {
        self.until(|queue| queue.full || !queue.events.is_empty()).await;
    }

    /// Waits until it is full.
    pub(super) async fn full(&self) {
        self.until(|queue| queue.full).await;
    }

    /// Up to which number its own messages were handled.
    pub(super) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    async fn until(&self, condition: impl Fn(&Queue) -> bool) {
        poll_fn(|cx| {
            // Before the look, so that a change after the look wakes it.
            self.waker.register(cx.waker());
            if condition(&self.queue()) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recipient for Outbox {
    fn deliver(&self, mut event: Event) {
        for trace in event.signals_mut().iter_mut().filter_map(|signal| signal.trace.as_mut()) {
            trace.since = traces::now();
        }
        let mut queue = self.queue();
        if queue.full {
            return;
        }
        queue.bytes += event.weight();
        queue.events.push_back(event);
        if queue.events.len() > self.limits.messages || queue.bytes > self.limits.bytes {
            *queue = Queue { full: true, ..Queue::default() };
        }
        drop(queue);
        self.waker.wake();
    }

    fn handled(&self, n: u64) {
        self.handled.fetch_max(n, Ordering::Relaxed);
    }

    fn vitals(&self) -> Option<Vitals> {
        let queue = self.queue();
        Some(Vitals {
            age_seconds: self.since.elapsed().as_secs_f64(),
            address: self.client.map(|client| client.to_string()),
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            waiting: queue.events.len() as u64,
            waiting_bytes: queue.bytes as u64,
        })
    }
}

/// Its connection alone counts, so that it needs no bus lock for it.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn outbox(messages: usize, bytes: usize) -> Outbox {
        Outbox::new(OutboxLimits { messages, bytes }, None)
    }

    #[tokio::test]
    async fn it_holds_as_many_as_it_may_and_gives_them_in_order() {
        let outbox = outbox(2, 10_000);
        outbox.deliver(Event::Lapse);
        outbox.deliver(Event::Refused(crate::room::Refusal::Full));
        outbox.ready().await;
        let events = outbox.take().expect("not full");
        assert_eq!(events, [Event::Lapse, Event::Refused(crate::room::Refusal::Full)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken() {
        let outbox = outbox(1, 10_000);
        let waiting = async {
            outbox.ready().await;
            outbox.full().await;
        };
        let delivering = async {
            for _ in 0..2 {
                // The waiting one is asleep by then.
                tokio::task::yield_now().await;
                outbox.deliver(Event::Lapse);
            }
        };
        timeout(Duration::from_secs(1), async { tokio::join!(waiting, delivering) }).await.expect("woken");
    }

    #[tokio::test(start_paused = true)]
    async fn one_too_many_fills_it_for_good() {
        let outbox = outbox(2, 10_000);
        for _ in 0..2 {
            outbox.deliver(Event::Lapse);
        }
        assert!(timeout(Duration::from_secs(1), outbox.full()).await.is_err());
        outbox.deliver(Event::Lapse);
        outbox.full().await;
        outbox.ready().await;
        assert!(outbox.take().is_err());
        outbox.deliver(Event::Lapse);
        assert_eq!(outbox.queue().events.capacity(), 0);
    }

    #[test]
    fn bytes_count_too() {
        let outbox = outbox(10, Event::Lapse.weight());
        outbox.deliver(Event::Lapse);
        assert!(outbox.take().is_ok(), "taking makes room");
        outbox.deliver(Event::Lapse);
        outbox.deliver(Event::Lapse);
        assert!(outbox.take().is_err());
    }
}
