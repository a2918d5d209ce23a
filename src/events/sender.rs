//! Sends the events of one spool, one after the other, while it is its turn.

use super::{
    endpoint::{Endpoint, Refused},
    message::Message,
    pace,
};
use crate::{
    exchange::{Sent, Spool, Turn, Waiting},
    metrics::{Backlog, EventMetrics},
};
use std::{
    collections::VecDeque,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    select,
    time::{sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Events that are read at once.
const BATCH: usize = 64;

/// When to note what was sent: to do it after each would cost a round trip more. Whoever takes over from a sender that died
/// repeats what it had not noted.
const NOTE_AFTER: Duration = Duration::from_millis(50);

/// Before the spool is asked again that didn't answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long a request may take that is under way when the node stops.
const GRACE: Duration = Duration::from_secs(3);

pub(super) struct Sender {
    spool: Arc<dyn Spool>,
    endpoint: Arc<Endpoint>,
    retry: Duration,
    metrics: Arc<EventMetrics>,
    stopping: CancellationToken,
    /// What to send, the next one first; nothing unless it is its turn.
    queue: VecDeque<Waiting>,
    /// What was sent and isn't noted.
    sent: Option<Sent>,
    /// How many were passed before that.
    passed: u64,
    /// When to note it, and to go on with the turn.
    due: Instant,
    /// When the turn ends, if it doesn't go on.
    ours_until: Instant,
    /// Whether the spool may have it that the turn is ours: it said so, or its answer was lost.
    may_be_ours: bool,
    /// Requests that failed in a row.
    failures: u32,
    backlog: Backlog,
}

impl Sender {
    pub(super) fn new(
        spool: Arc<dyn Spool>,
        endpoint: Arc<Endpoint>,
        retry: Duration,
        metrics: Arc<EventMetrics>,
        stopping: CancellationToken,
    ) -> Self {
        let (now, backlog) = (Instant::now(), metrics.backlog());
        Self {
            spool,
            endpoint,
            retry,
            metrics,
            stopping,
            queue: VecDeque::new(),
            sent: None,
            passed: 0,
            due: now,
            ours_until: now,
            may_be_ours: false,
            failures: 0,
            backlog,
        }
    }

    /// Works until the node stops.
    pub(super) async fn run(mut self) {
        while let Some(waiting) = self.next().await {
            self.send(&waiting).await;
        }
        if self.may_be_ours
            && let Err(error) = self.spool.give_back(self.sent.as_ref()).await
        {
            debug!("can't give a turn back: {error:#}");
        }
    }

    /// The next event, which stays in the queue until it is [done](Self::done); `None` once the node stops.
    async fn next(&mut self) -> Option<Waiting> {
        loop {
            let is_stopping = self.stopping.is_cancelled();
            if is_stopping && (self.spool.is_shared() || self.failures > 0) {
                return None;
            }
            if let Some(next) = self.queue.front()
                && Instant::now() < self.due
            {
                return Some(next.clone());
            }
            let wanted = if self.queue.is_empty() { BATCH } else { 0 };
            let standing = self.take_turn(wanted).await;
            if self.queue.is_empty() && wanted > 0 {
                if is_stopping {
                    return None;
                }
                self.rest(standing).await;
            }
        }
    }

    /// Waits until there may be something to do.
    async fn rest(&self, standing: Result<(), Duration>) {
        let more = async {
            match standing {
                Ok(()) => select! {
                    () = self.spool.more() => {}
                    () = sleep_until(self.due.into()) => {}
                },
                Err(wait) => sleep(wait).await,
            }
        };
        let _ = self.stopping.run_until_cancelled(more).await;
    }

    /// Takes a turn or goes on with it, notes what was sent, and reads so many events. `Err` says when to ask again: it is
    /// another's turn, or nobody knows whose.
    async fn take_turn(&mut self, most: usize) -> Result<(), Duration> {
        let (asked, lease) = (Instant::now(), self.spool.lease());
        let answer = self.spool.turn(self.sent.as_ref(), most).await;
        self.may_be_ours = !matches!(answer, Ok(Turn::Others(_)));
        match answer {
            Ok(Turn::Ours { again, next, waiting, lost, passed }) => {
                if !again {
                    // Somebody else may have sent these.
                    self.queue.clear();
                }
                self.queue.extend(next);
                (self.sent, self.passed) = (None, passed);
                self.due = asked + lease / 3;
                self.ours_until = asked + lease;
                if let Some(waiting) = waiting {
                    self.backlog.set(waiting);
                }
                if lost > 0 {
                    self.metrics.lost.inc_by(lost);
                    warn!(lost, "events were dropped before they were sent: too many waited");
                }
                Ok(())
            }
            Ok(Turn::Others(wait)) => {
                self.forget();
                Err(wait.min(lease / 3).mul_f64(0.5 + random() / 2.0) + Duration::from_millis(10))
            }
            Err(error) => {
                debug!("can't read the events to send: {error:#}");
                if Instant::now() >= self.ours_until {
                    self.forget();
                }
                self.due = Instant::now() + ASK_AGAIN;
                Err(ASK_AGAIN)
            }
        }
    }

    /// It isn't its turn any more.
    fn forget(&mut self) {
        self.queue.clear();
        self.sent = None;
        self.ours_until = Instant::now();
        self.backlog.set(0);
    }

    /// Sends an event, once. If that fails, it waits for when to try again.
    async fn send(&mut self, waiting: &Waiting) {
        let Some(happening) = &waiting.happening else {
            debug!(id = waiting.id, "this node doesn't know this kind of event; it isn't sent");
            return self.done(waiting);
        };
        let message = Message::new(self.spool.name(), &waiting.id, happening);
        let (endpoint, begun) = (self.endpoint.clone(), Instant::now());
        let Some(outcome) = self.keeping_the_turn(endpoint.deliver(&message), GRACE).await else { return };
        self.metrics.took(begun.elapsed());
        let Err(Refused { why, retry_after }) = outcome else {
            self.metrics.delivered.inc();
            if self.failures > 0 {
                info!("webhooks are taken again");
            }
            self.failures = 0;
            return self.done(waiting);
        };
        let kind = happening.what.kind();
        if waiting.since.elapsed() >= self.retry {
            warn!(id = message.id, kind, "a webhook was given up: {why}");
            self.metrics.dropped.inc();
            self.done(waiting);
        } else {
            if self.failures == 0 {
                warn!(id = message.id, kind, "a webhook was not taken, and will be tried again: {why}");
            }
            self.metrics.retried.inc();
        }
        self.failures = self.failures.saturating_add(1);
        let pause = pace::pause(self.failures, random(), retry_after, self.retry);
        self.keeping_the_turn(sleep(pause), Duration::ZERO).await;
    }

    /// The first of the queue needs no more.
    fn done(&mut self, waiting: &Waiting) {
        self.queue.pop_front();
        let passed = self.sent.as_ref().map_or(self.passed, |sent| sent.passed) + 1;
        self.sent = Some(Sent { last: waiting.id.clone(), passed });
        self.due = self.due.min(Instant::now() + NOTE_AFTER);
        self.backlog.count_down();
    }

    /// Does something for as long as it takes, and goes on with the turn meanwhile. `None` where that was lost, or when the
    /// node stops and has waited so long.
    async fn keeping_the_turn<T>(&mut self, doing: impl Future<Output = T>, grace: Duration) -> Option<T> {
        let stopping = self.stopping.clone();
        let mut doing = pin!(doing);
        let mut over = pin!(async {
            stopping.cancelled().await;
            sleep(grace).await;
        });
        loop {
            select! {
                biased;
                done = &mut doing => return Some(done),
                () = &mut over => return None,
                () = sleep_until(self.due.into()) => {
                    // It may have been asked for in vain; what is under way goes on until the turn is lost.
                    let _ = self.take_turn(0).await;
                    if Instant::now() >= self.ours_until {
                        return None;
                    }
                }
            }
        }
    }
}

/// From 0 to 1.
fn random() -> f64 {
    f64::from(getrandom::u32().expect("the system has random bytes")) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        events::{Settings, SigningKey},
        metrics::Metrics,
        outbound::Target,
        secret::Secret,
    };
    use futures_util::future::{BoxFuture, FutureExt, pending, ready};
    use std::sync::Mutex;

    /// Answers once, by when the node stops, and remembers whether its turn was given back.
    struct Spy {
        answer: Mutex<Option<anyhow::Result<Turn>>>,
        stopping: CancellationToken,
        was_given_back: Mutex<bool>,
    }

    impl Spool for Spy {
        fn name(&self) -> &'static str {
            "spy"
        }

        fn lease(&self) -> Duration {
            Duration::from_hours(1)
        }

        fn turn<'a>(&'a self, _: Option<&'a Sent>, _: usize) -> BoxFuture<'a, anyhow::Result<Turn>> {
            self.stopping.cancel();
            ready(self.answer.lock().expect("unpoisoned").take().expect("asked once")).boxed()
        }

        fn give_back<'a>(&'a self, _: Option<&'a Sent>) -> BoxFuture<'a, anyhow::Result<()>> {
            *self.was_given_back.lock().expect("unpoisoned") = true;
            ready(Ok(())).boxed()
        }

        fn more(&self) -> BoxFuture<'_, ()> {
            pending().boxed()
        }

        fn is_shared(&self) -> bool {
            true
        }
    }

    async fn gives_back_after(answer: anyhow::Result<Turn>) -> bool {
        let stopping = CancellationToken::new();
        let spy = Arc::new(Spy {
            answer: Mutex::new(Some(answer)),
            stopping: stopping.clone(),
            was_given_back: Mutex::new(false),
        });
        let settings = Settings {
            target: Target::parse("http://127.0.0.1:1").expect("an address"),
            key: SigningKey::parse(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".as_bytes()))
                .expect("a key"),
            timeout: Duration::from_secs(1),
            retry: Duration::from_secs(1),
        };
        let endpoint = Arc::new(Endpoint::new(settings).expect("an endpoint"));
        let metrics = Metrics::new().expect("metrics").events;
        Sender::new(spy.clone(), endpoint, Duration::from_secs(1), metrics, stopping).run().await;
        *spy.was_given_back.lock().expect("unpoisoned")
    }

    /// Nobody else would have the turn for a lease.
    #[tokio::test]
    async fn a_turn_is_given_back_also_where_the_answer_that_it_is_ours_was_lost() {
        let ours = Turn::Ours { again: false, next: Vec::new(), waiting: Some(0), lost: 0, passed: 0 };
        assert!(gives_back_after(Ok(ours)).await);
        assert!(gives_back_after(Err(anyhow::anyhow!("timed out"))).await);
        assert!(!gives_back_after(Ok(Turn::Others(Duration::from_hours(1)))).await);
    }
}
