//! What a node counts of the events that it sends. Without webhooks all of it stays at zero.

use super::{counter, counters, gauge, histogram};
use prometheus::{Histogram, IntCounter, IntGauge, Registry};
use std::time::Duration;

/// How long servers elsewhere take, in seconds.
const TIMES: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

/// The events' metrics.
pub struct EventMetrics {
    /// Requests that were answered with success.
    pub delivered: IntCounter,
    /// Requests that failed, and will be tried again.
    pub retried: IntCounter,
    /// Events that were given up.
    pub dropped: IntCounter,
    duration: Histogram,
    backlog: IntGauge,
    /// Events that were dropped before they were sent.
    pub lost: IntCounter,
}

impl EventMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let deliveries = counters(
            registry,
            "switchboard_webhook_deliveries_total",
            "Webhooks delivered; requests that failed and are tried again; webhooks given up",
            &["outcome"],
        )?;
        let outcome = |outcome| deliveries.with_label_values(&[outcome]);
        Ok(Self {
            delivered: outcome("delivered"),
            retried: outcome("retried"),
            dropped: outcome("dropped"),
            duration: histogram(
                registry,
                "switchboard_webhook_duration_seconds",
                "From sending a webhook to its answer, whatever that is",
                &TIMES,
            )?,
            backlog: gauge(
                registry,
                "switchboard_webhook_backlog",
                "Events that wait to be sent, of the partitions whose webhooks this node sends",
            )?,
            lost: counter(
                registry,
                "switchboard_webhook_lost_total",
                "Events that were never sent, as newer ones pushed them out of their stream or queue",
            )?,
        })
    }

    /// A request took so long.
    pub fn took(&self, time: Duration) {
        self.duration.observe(time.as_secs_f64());
    }

    /// One spool's part in the backlog.
    pub fn backlog(&self) -> Backlog {
        Backlog { all: self.backlog.clone(), part: 0 }
    }
}

/// A part of the backlog, for as long as it lives.
pub struct Backlog {
    all: IntGauge,
    part: i64,
}

impl Backlog {
    /// So many wait.
    pub fn set(&mut self, waiting: u64) {
        let part = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.all.add(part - self.part);
        self.part = part;
    }

    /// One of them is done with.
    pub fn count_down(&mut self) {
        self.set(u64::try_from(self.part - 1).unwrap_or_default());
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.set(0);
    }
}
