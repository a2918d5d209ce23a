//! What a node counts. `docs/metrics.md` is the table for operators; a test keeps it true.

mod auth;
mod events;
mod exchange;
mod readings;
mod traces;

pub use self::{
    auth::{AuthMetrics, KeyRead},
    events::{Backlog, EventMetrics},
    exchange::ExchangeMetrics,
    readings::{Distribution, Readings},
    traces::TraceMetrics,
};

use crate::protocol::{CloseCode, Dialect, Ending, ErrorCode, Limit, SignalKind};
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use std::{sync::Arc, time::Duration};

/// Buckets of what takes a look into Redis, in seconds.
const LATENCIES: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Why a join can be refused: at the door, or by the room.
const JOIN_REFUSALS: [ErrorCode; 5] = [
    ErrorCode::RoomFull,
    ErrorCode::Unauthorized,
    ErrorCode::Forbidden,
    ErrorCode::RateLimited,
    ErrorCode::Unavailable,
];

/// Why a session can't be resumed, likewise.
const RESUME_REFUSALS: [ErrorCode; 5] = [
    ErrorCode::SessionExpired,
    ErrorCode::Unauthorized,
    ErrorCode::Forbidden,
    ErrorCode::RateLimited,
    ErrorCode::Unavailable,
];

/// Classes of HTTP statuses, from 200.
const STATUSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// All of a node's metrics.
pub struct Metrics {
    registry: Registry,
    /// Open WebSockets.
    pub sockets: IntGauge,
    /// How many there may be.
    pub sockets_limit: IntGauge,
    /// Sockets that are in a room.
    pub members: IntGauge,
    /// Whether the node sends its connections away.
    pub draining: IntGauge,
    /// Frames from clients.
    pub frames_received: IntCounter,
    /// Their payloads' bytes.
    pub received_bytes: IntCounter,
    /// Frames to clients.
    pub frames_sent: IntCounter,
    /// Their payloads' bytes.
    pub sent_bytes: IntCounter,
    signals: [IntCounter; SignalKind::ALL.len()],
    /// Snapshots that sessions asked for.
    pub syncs: IntCounter,
    repaired_changes: IntCounter,
    repaired_messages: IntCounter,
    joins: IntCounterVec,
    join_duration: Histogram,
    resumes: IntCounterVec,
    resume_duration: Histogram,
    /// Memberships left without a connection, to be resumed.
    pub detached: IntCounter,
    /// Sessions told that messages may be lost.
    pub gaps: IntCounter,
    errors: IntCounterVec,
    closes: IntCounterVec,
    limits: [IntCounter; Limit::ALL.len()],
    /// The keys of tokens.
    pub auth: AuthMetrics,
    admin_requests: IntCounterVec,
    /// What goes between this node and Redis.
    pub exchange: Arc<ExchangeMetrics>,
    /// The events that this node sends.
    pub events: Arc<EventMetrics>,
    /// The spans that it records.
    pub traces: Arc<TraceMetrics>,
}

/// How a `join` or a `resume` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In.
    In,
    /// Not in, and why.
    Refused(ErrorCode),
}

impl Metrics {
    /// Registers everything, with every series at zero.
    #[allow(clippy::too_many_lines, reason = "a table of what there is")]
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        show_version(&registry)?;
        let signals = counters(
            &registry,
            "switchboard_signals_total",
            "Messages taken from clients to relay",
            &["kind"],
        )?;
        let joins = counters(
            &registry,
            "switchboard_joins_total",
            "Joins, by how they ended",
            &["dialect", "outcome"],
        )?;
        let resumes = counters(
            &registry,
            "switchboard_resumes_total",
            "Attempts to resume a session, by how they ended",
            &["outcome"],
        )?;
        let errors =
            counters(&registry, "switchboard_errors_total", "Errors answered to clients", &["code"])?;
        let repairs = counters(
            &registry,
            "switchboard_sync_repairs_total",
            "Changes and messages that clients were told by a snapshot, not as they happened",
            &["kind"],
        )?;
        let closes =
            counters(&registry, "switchboard_closes_total", "Connections ended, by close code", &["reason"])?;
        let limits = limits(&registry)?;
        let mailbox_full = limits[Limit::Mailbox as usize].clone();
        let metrics = Self {
            sockets: gauge(&registry, "switchboard_sockets", "Open WebSockets")?,
            sockets_limit: gauge(&registry, "switchboard_sockets_limit", "WebSockets that may be open")?,
            members: gauge(&registry, "switchboard_members", "Sockets that are in a room")?,
            draining: gauge(
                &registry,
                "switchboard_draining",
                "1 while the node sends its connections away to stop, else 0",
            )?,
            frames_received: counter(
                &registry,
                "switchboard_frames_received_total",
                "Text and binary frames from clients",
            )?,
            received_bytes: counter(
                &registry,
                "switchboard_received_bytes_total",
                "Bytes of those frames' payloads",
            )?,
            frames_sent: counter(&registry, "switchboard_frames_sent_total", "Text frames to clients")?,
            sent_bytes: counter(
                &registry,
                "switchboard_sent_bytes_total",
                "Bytes of those frames' payloads",
            )?,
            signals: SignalKind::ALL.map(|kind| signals.with_label_values(&[kind.as_str()])),
            syncs: counter(
                &registry,
                "switchboard_syncs_total",
                "Snapshots of a room that sessions asked for, as something may have been missed",
            )?,
            repaired_changes: repairs.with_label_values(&["change"]),
            repaired_messages: repairs.with_label_values(&["message"]),
            joins,
            join_duration: histogram(
                &registry,
                "switchboard_join_duration_seconds",
                "From a join to its answer by the exchange",
                &LATENCIES,
            )?,
            resumes,
            resume_duration: histogram(
                &registry,
                "switchboard_resume_duration_seconds",
                "From a resume to its answer by the exchange",
                &LATENCIES,
            )?,
            detached: counter(
                &registry,
                "switchboard_detached_total",
                "Memberships whose connection ended, and that can be resumed",
            )?,
            gaps: counter(
                &registry,
                "switchboard_gaps_total",
                "Sessions told that messages may be lost, as Redis lost its last writes or may have",
            )?,
            errors,
            closes,
            limits,
            auth: AuthMetrics::new(&registry)?,
            admin_requests: counters(
                &registry,
                "switchboard_admin_requests_total",
                "Requests to the admin API, by the class of their answer's status",
                &["status"],
            )?,
            exchange: Arc::new(ExchangeMetrics::new(&registry, mailbox_full)?),
            events: Arc::new(EventMetrics::new(&registry)?),
            traces: Arc::new(TraceMetrics::new(&registry)?),
            registry,
        };
        #[cfg(target_os = "linux")]
        metrics.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        metrics.show_all_series();
        Ok(metrics)
    }

    /// A series that isn't there yet can't be told from one that never moves.
    fn show_all_series(&self) {
        for dialect in [Dialect::Native, Dialect::SkyRtc] {
            self.joins.with_label_values(&[dialect.as_str(), "joined"]);
            for code in JOIN_REFUSALS {
                self.joins.with_label_values(&[dialect.as_str(), code.as_str()]);
            }
        }
        self.resumes.with_label_values(&["resumed"]);
        for code in RESUME_REFUSALS {
            self.resumes.with_label_values(&[code.as_str()]);
        }
        for code in ErrorCode::ALL {
            self.errors.with_label_values(&[code.as_str()]);
        }
        for status in STATUSES {
            self.admin_requests.with_label_values(&[status]);
        }
        for ending in CloseCode::ALL.map(Ending::Closed).into_iter().chain([Ending::Lost]) {
            self.closes.with_label_values(&[ending.as_str()]);
        }
    }

    /// A message was taken from a client.
    pub fn signal(&self, kind: SignalKind) {
        self.signals[kind as usize].inc();
    }

    /// A client was told what it missed.
    pub fn repaired(&self, changes: usize, messages: usize) {
        self.repaired_changes.inc_by(changes as u64);
        self.repaired_messages.inc_by(messages as u64);
    }

    /// A join was answered.
    pub fn join(&self, dialect: Dialect, outcome: Outcome, took: Duration) {
        self.joins.with_label_values(&[dialect.as_str(), outcome.label("joined")]).inc();
        self.join_duration.observe(took.as_secs_f64());
    }

    /// An attempt to resume was answered.
    pub fn resume(&self, outcome: Outcome, took: Duration) {
        self.resumes.with_label_values(&[outcome.label("resumed")]).inc();
        self.resume_duration.observe(took.as_secs_f64());
    }

    /// A client was told at the door that it may not join.
    pub fn join_denied(&self, dialect: Dialect, code: ErrorCode) {
        self.joins.with_label_values(&[dialect.as_str(), code.as_str()]).inc();
    }

    /// A client was told at the door that it may not come back.
    pub fn resume_denied(&self, code: ErrorCode) {
        self.resumes.with_label_values(&[code.as_str()]).inc();
    }

    /// A client was answered with an error.
    pub fn error(&self, code: ErrorCode) {
        self.errors.with_label_values(&[code.as_str()]).inc();
    }

    /// A limit was met.
    pub fn limit(&self, limit: Limit) {
        self.limits[limit as usize].inc();
    }

    /// A connection ended.
    pub fn closed(&self, ending: Ending) {
        if let Ending::Closed(code) = ending
            && let Some(limit) = Limit::behind(code)
        {
            self.limit(limit);
        }
        self.closes.with_label_values(&[ending.as_str()]).inc();
    }

    /// A request to the admin API was answered with this status.
    pub fn admin_request(&self, status: u16) {
        let class = STATUSES.get(usize::from(status / 100).saturating_sub(2)).unwrap_or(&"5xx");
        self.admin_requests.with_label_values(&[*class]).inc();
    }

    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl Outcome {
    /// The metric's label.
    fn label(self, success: &'static str) -> &'static str {
        match self {
            Self::In => success,
            Self::Refused(code) => code.as_str(),
        }
    }
}

/// One more in a gauge, for as long as it lives.
pub struct Counted(IntGauge);

impl Counted {
    /// Counts one in.
    pub fn into(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn show_version(registry: &Registry) -> Result<(), prometheus::Error> {
    let version = Opts::new("switchboard_build_info", "Always 1; the version is a label")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = IntGauge::with_opts(version)?;
    build.set(1);
    registry.register(Box::new(build))
}

fn limits(registry: &Registry) -> Result<[IntCounter; Limit::ALL.len()], prometheus::Error> {
    let limits = counters(registry, "switchboard_limits_total", "Times that a limit was met", &["limit"])?;
    Ok(Limit::ALL.map(|limit| limits.with_label_values(&[limit.as_str()])))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, prometheus::Error> {
    let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
    registry.register(Box::new(histogram.clone()))?;
    Ok(histogram)
}
