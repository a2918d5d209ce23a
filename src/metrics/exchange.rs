//! What a node counts of its exchange with Redis. With rooms in memory all of it stays at zero, but for full mailboxes.

use super::{LATENCIES, counter, counters, gauge, histogram};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What is asked of Redis for members and leases.
const COMMANDS: [&str; 13] = [
    "join",
    "resume",
    "leave",
    "detach",
    "post",
    "broadcast",
    "info",
    "sync",
    "trim",
    "ack",
    "restore",
    "audit",
    "beat",
];

/// Why a link to Redis can end, or not come to be.
const LOSSES: [&str; 7] = ["unreachable", "closed", "silent", "deaf", "moved", "forbidden", "refused"];

/// The exchange's metrics.
pub struct ExchangeMetrics {
    commands: [(&'static str, Histogram); COMMANDS.len()],
    batches: Histogram,
    probes: Histogram,
    /// Links that are up.
    pub links: IntGauge,
    losses: IntCounterVec,
    /// Channels subscribed to again on a new connection.
    pub resubscriptions: IntCounter,
    lease_renewed: IntGauge,
    /// When the lease of each partition was renewed, in seconds since 1970.
    renewals: Mutex<Vec<i64>>,
    /// Sessions of dead nodes that this one took from them.
    pub reaped: IntCounter,
    /// Sessions removed as nobody resumed them in time.
    pub expired: IntCounter,
    /// Sessions registered again, as Redis didn't have them.
    pub restored: IntCounter,
    /// Sessions that only Redis had.
    pub ghosts: IntCounter,
    /// Requests without an answer yet.
    pub waiting: IntGauge,
    /// Requests refused because too many wait.
    pub refused: IntCounter,
    /// Messages refused because their receiver's mailbox is full.
    pub mailbox_full: IntCounter,
    /// Connections that no event tells of.
    pub untold: IntCounter,
}

impl ExchangeMetrics {
    pub(super) fn new(registry: &Registry, mailbox_full: IntCounter) -> Result<Self, prometheus::Error> {
        let commands = HistogramVec::new(
            HistogramOpts::new(
                "switchboard_redis_command_duration_seconds",
                "From sending a command to Redis, in a batch, to its answer",
            )
            .buckets(LATENCIES.to_vec()),
            &["kind"],
        )?;
        registry.register(Box::new(commands.clone()))?;
        let losses = counters(
            registry,
            "switchboard_redis_link_losses_total",
            "Links to Redis that ended or could not be made, by reason",
            &["reason"],
        )?;
        for reason in LOSSES {
            losses.with_label_values(&[reason]);
        }
        let audits = counters(
            registry,
            "switchboard_audit_repairs_total",
            "Sessions of this node that Redis didn't have and was told again, and that only Redis had and gave up",
            &["kind"],
        )?;
        Ok(Self {
            commands: COMMANDS.map(|kind| (kind, commands.with_label_values(&[kind]))),
            batches: histogram(
                registry,
                "switchboard_redis_batch_commands",
                "Commands sent to Redis in one write",
                &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0],
            )?,
            probes: histogram(
                registry,
                "switchboard_redis_probe_duration_seconds",
                "From publishing a probe to hearing it: how late what is published comes",
                &LATENCIES,
            )?,
            links: gauge(registry, "switchboard_redis_links", "Links to Redis servers that are up")?,
            losses,
            resubscriptions: counter(
                registry,
                "switchboard_redis_resubscriptions_total",
                "Channels subscribed to again, on a new link",
            )?,
            lease_renewed: gauge(
                registry,
                "switchboard_redis_lease_renewed_timestamp_seconds",
                "When the lease that was renewed the longest ago was renewed; 0 until each was",
            )?,
            renewals: Mutex::default(),
            reaped: counter(
                registry,
                "switchboard_reaped_sessions_total",
                "Sessions of dead nodes that this node removed, or set aside to be resumed",
            )?,
            expired: counter(
                registry,
                "switchboard_expired_sessions_total",
                "Sessions that this node removed as nobody resumed them in time",
            )?,
            restored: audits.with_label_values(&["restored"]),
            ghosts: audits.with_label_values(&["ghost"]),
            waiting: gauge(
                registry,
                "switchboard_redis_requests_waiting",
                "Requests to Redis without an answer yet",
            )?,
            refused: counter(
                registry,
                "switchboard_redis_requests_refused_total",
                "Requests refused because too many wait for Redis",
            )?,
            mailbox_full,
            untold: counter(
                registry,
                "switchboard_connections_untold_total",
                "Connections that no socket.connected tells of, as their address made too many, Redis was away or too many waited for it",
            )?,
        })
    }

    /// There are so many leases to renew.
    pub fn expect_leases(&self, count: usize) {
        *self.renewals() = vec![0; count];
    }

    /// The lease of a partition was renewed.
    pub fn lease_renewed(&self, partition: usize) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut renewals = self.renewals();
        if let Some(renewal) = renewals.get_mut(partition) {
            *renewal = i64::try_from(now).unwrap_or_default();
        }
        self.lease_renewed.set(renewals.iter().copied().min().unwrap_or_default());
    }

    /// A command was answered.
    pub fn command(&self, kind: &str, took: Duration) {
        if let Some((_, histogram)) = self.commands.iter().find(|(name, _)| *name == kind) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// So many commands were sent at once.
    pub fn batch(&self, commands: usize) {
        self.batches.observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
    }

    /// A probe came back.
    pub fn probed(&self, lag: Duration) {
        self.probes.observe(lag.as_secs_f64());
    }

    /// A link ended, or could not be made.
    pub fn link_lost(&self, reason: &str) {
        self.losses.with_label_values(&[reason]).inc();
    }

    fn renewals(&self) -> std::sync::MutexGuard<'_, Vec<i64>> {
        self.renewals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
