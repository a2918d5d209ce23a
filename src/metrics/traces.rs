//! What a node counts of the spans that it records. Without tracing all of it stays at zero.

use super::counters;
use prometheus::{IntCounter, Registry};

/// The spans' metrics.
pub struct TraceMetrics {
    /// Spans that the collector took.
    pub exported: IntCounter,
    /// Spans that it didn't take.
    pub failed: IntCounter,
    /// Spans that were not sent, as too many waited.
    pub dropped: IntCounter,
}

impl TraceMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let spans = counters(
            registry,
            "switchboard_trace_spans_total",
            "Spans of sampled messages: taken by the collector; not taken, and given up; dropped as too many waited",
            &["outcome"],
        )?;
        let outcome = |outcome| spans.with_label_values(&[outcome]);
        Ok(Self { exported: outcome("exported"), failed: outcome("failed"), dropped: outcome("dropped") })
    }
}
