//! One span, and how OpenTelemetry writes it.
//!
//! Names, kinds and attributes are those of its [conventions for messaging], as far as they fit. None of them tells of a room,
//! a peer or an address.
//!
//! [conventions for messaging]: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/

use crate::protocol::{SignalKind, TraceContext};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A part of a message's way that is over.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) operation: Operation,
    pub(super) signal: SignalKind,
    pub(super) context: TraceContext,
    /// The span that it is a part of.
    pub(super) parent: Option<u64>,
    /// From when to when, in nanoseconds since 1970.
    pub(super) since: u64,
    pub(super) until: u64,
    /// Why it failed.
    pub(super) error: Option<&'static str>,
}

/// What is done in a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// From taking the client's frame to handing the message to the exchange.
    Receive,
    /// From then until the exchange says what became of it.
    Publish,
    /// From hearing of it for the receiver to its frame being written.
    Deliver,
}

impl Span {
    /// As OpenTelemetry has it, of messages that go through this system.
    pub(super) fn data(self, system: &'static str) -> SpanData {
        let Self { operation, signal, context, parent, since, until, error } = self;
        let (name, kind, messaging) = match operation {
            Operation::Receive => ("receive", SpanKind::Server, None),
            Operation::Publish => ("publish", SpanKind::Producer, Some("send")),
            Operation::Deliver => ("deliver", SpanKind::Consumer, Some("process")),
        };
        let mut attributes = vec![KeyValue::new("switchboard.signal.kind", signal.as_str())];
        if let Some(operation_type) = messaging {
            attributes.extend([
                KeyValue::new("messaging.system", system),
                KeyValue::new("messaging.operation.name", name),
                KeyValue::new("messaging.operation.type", operation_type),
            ]);
        }
        attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
        let (trace, id) = (TraceId::from(context.trace()), SpanId::from(context.span()));
        SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: operation == Operation::Deliver,
            span_kind: kind,
            name: format!("{name} {}", signal.as_str()).into(),
            start_time: time(since),
            // A clock may be set back meanwhile.
            end_time: time(until.max(since)),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: error.map_or(Status::Unset, |_| Status::error("")),
            instrumentation_scope: InstrumentationScope::builder("switchboard")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}
