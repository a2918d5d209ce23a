//! Traces: how long a sampled message takes, and where.
//!
//! ```text
//! sender's node                    receiver's node
//! received ─▶ receive offer
//!               └ publish offer ◀─ published
//!                   │
//!                   └─ traceparent, with the message ─▶ deliver offer ◀─ delivered        all ─▶ queue ─▶ Exporter ─▶ collector
//! ```
//!
//! A message is sampled when its node takes it from its client; what it carries from then on is a [`Trace`], which has no hold
//! on anything here. A span is recorded when it is over, in one piece: nothing has to be found again for it, and one that never
//! ends costs nothing.

mod client;
mod exporter;
mod span;

pub use self::exporter::{Exporter, Exporting, STOP_TIMEOUT};

use self::span::{Operation, Span};
use crate::{
    metrics::TraceMetrics,
    outbound::Target,
    protocol::{Signal, SignalKind, Trace, TraceContext},
};
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample};
use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;

/// Spans that may wait to be sent; a further one is dropped.
const MAX_WAITING: usize = 4096;

/// What traces go by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the collector takes spans.
    pub target: Target,
    /// The share of messages that are sampled, from 0 to 1.
    pub ratio: f64,
    /// What messages go through (`messaging.system`).
    pub system: &'static str,
}

/// Where spans are recorded; as it comes, nowhere.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Recorder>>);

struct Recorder {
    sampler: Sampler,
    ids: RandomIdGenerator,
    spans: mpsc::Sender<Span>,
    metrics: Arc<TraceMetrics>,
}

/// What became of a message that was handed to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It was handed on.
    Done,
    /// Its receiver isn't there.
    Gone,
    /// It wasn't handed on, or not to everybody.
    Failed,
}

impl Traces {
    /// Records spans, which are sent once the exporter is started.
    pub fn new(settings: Settings, metrics: Arc<TraceMetrics>) -> (Self, Exporter) {
        let (spans, waiting) = mpsc::channel(MAX_WAITING);
        let sampler = Sampler::TraceIdRatioBased(settings.ratio);
        let exporter = Exporter::new(settings, waiting, metrics.clone());
        let recorder = Recorder { sampler, ids: RandomIdGenerator::default(), spans, metrics };
        (Self(Some(Arc::new(recorder))), exporter)
    }

    /// A message that was taken from its client `at` this time is about to be handed to the exchange. If it is sampled, it has
    /// a trace from now on.
    pub fn received(&self, signal: &mut Signal, at: Instant) {
        let Some(recorder) = &self.0 else { return };
        let trace = recorder.ids.new_trace_id();
        if !recorder.samples(trace) {
            return;
        }
        let trace = u128::from_be_bytes(trace.to_bytes());
        let [receiving, publishing] = [recorder.new_span(), recorder.new_span()];
        let took = u64::try_from(at.elapsed().as_nanos()).unwrap_or_default();
        let now = now();
        recorder.record(Span {
            operation: Operation::Receive,
            signal: signal.kind,
            context: TraceContext::sampled(trace, receiving),
            parent: None,
            since: now.saturating_sub(took),
            until: now,
            error: None,
        });
        let context = TraceContext::sampled(trace, publishing);
        signal.trace = Some(Box::new(Trace { context, parent: Some(receiving), since: now }));
    }

    /// A message that this node took is handled by the exchange.
    pub fn published(&self, kind: SignalKind, trace: Option<&Trace>, published: Published) {
        let (Some(recorder), Some(trace)) = (&self.0, trace) else { return };
        // Another node's needn't be recorded here.
        if trace.parent.is_none() {
            return;
        }
        recorder.record(Span {
            operation: Operation::Publish,
            signal: kind,
            context: trace.context,
            parent: trace.parent,
            since: trace.since,
            until: now(),
            error: match published {
                Published::Done => None,
                Published::Gone => Some("peer_gone"),
                Published::Failed => Some("unavailable"),
            },
        });
    }

    /// A message was written to its receiver's socket, or couldn't be, as the connection ended so.
    pub fn delivered(&self, kind: SignalKind, trace: &Trace, error: Option<&'static str>) {
        let Some(recorder) = &self.0 else { return };
        if !trace.context.is_sampled() {
            return;
        }
        recorder.record(Span {
            operation: Operation::Deliver,
            signal: kind,
            context: TraceContext::sampled(trace.context.trace(), recorder.new_span()),
            parent: Some(trace.context.span()),
            since: trace.since,
            until: now(),
            error,
        });
    }
}

impl Recorder {
    /// The trace's id decides, as everywhere in OpenTelemetry.
    fn samples(&self, trace: TraceId) -> bool {
        let sampled = self.sampler.should_sample(None, trace, "receive", &SpanKind::Server, &[], &[]);
        sampled.decision == SamplingDecision::RecordAndSample
    }

    fn new_span(&self) -> u64 {
        u64::from_be_bytes(self.ids.new_span_id().to_bytes())
    }

    /// Never waits.
    fn record(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.metrics.dropped.inc();
        }
    }
}

/// Nanoseconds since 1970, as spans are timed.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
