//! What is recorded, and when. How it is sent is for the system tests.

use super::*;
use crate::{metrics::Metrics, protocol::SocketId};
use std::{collections::HashSet, time::Duration};

fn traces(ratio: f64) -> (Traces, Exporter, Arc<TraceMetrics>) {
    let metrics = Metrics::new().unwrap().traces;
    let target = Target::parse("http://localhost:4318/v1/traces").unwrap();
    let (traces, exporter) = Traces::new(Settings { target, ratio, system: "memory" }, metrics.clone());
    (traces, exporter, metrics)
}

fn offer() -> Signal {
    let from = SocketId::from_random([1; SocketId::LEN]);
    Signal { kind: SignalKind::Offer, from, n: 1, frame: "{}".to_owned().into(), trace: None }
}

/// What waits to be sent.
fn spans(exporter: &mut Exporter) -> Vec<Span> {
    std::iter::from_fn(|| exporter.waiting.try_recv().ok()).collect()
}

#[test]
fn each_span_is_a_part_of_the_one_before() {
    let (traces, mut exporter, _) = traces(1.0);
    let mut signal = offer();
    let taken = Instant::now();
    traces.received(&mut signal, taken);
    let trace = signal.trace.as_deref().expect("a trace");
    traces.published(signal.kind, Some(trace), Published::Done);
    traces.delivered(signal.kind, &Trace { parent: None, ..trace.clone() }, None);
    let spans = spans(&mut exporter);
    let [receive, publish, deliver] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(
        [receive, publish, deliver].map(|span| span.operation),
        [Operation::Receive, Operation::Publish, Operation::Deliver]
    );
    assert_eq!([receive.parent, publish.parent], [None, Some(receive.context.span())]);
    assert_eq!(deliver.parent, Some(publish.context.span()));
    assert_eq!(HashSet::from([receive, publish, deliver].map(|span| span.context.trace())).len(), 1);
    assert_eq!(HashSet::from([receive, publish, deliver].map(|span| span.context.span())).len(), 3);
    assert!(
        receive.since <= receive.until && receive.until == publish.since && publish.since <= publish.until
    );
}

#[test]
fn a_span_begins_when_its_part_of_the_way_did() {
    let (traces, mut exporter, _) = traces(1.0);
    let mut signal = offer();
    let before = Instant::now().checked_sub(Duration::from_secs(5)).expect("a machine that is up");
    traces.received(&mut signal, before);
    let mut trace = signal.trace.take().expect("a trace");
    trace.since -= 7_000_000_000;
    traces.published(signal.kind, Some(&trace), Published::Done);
    traces.delivered(signal.kind, &trace, None);
    let took: Vec<_> =
        spans(&mut exporter).iter().map(|span| (span.until - span.since) / 1_000_000_000).collect();
    assert_eq!(took, [5, 7, 7]);
}

#[test]
fn the_ratio_is_the_share_of_messages_and_the_traces_id_decides() {
    const MESSAGES: usize = 10_000;

    for (ratio, least, most) in [(0.0, 0, 0), (0.1, 850, 1150), (1.0, MESSAGES, MESSAGES)] {
        let (traces, mut exporter, _) = traces(ratio);
        let mut sampled = 0;
        for _ in 0..MESSAGES {
            let mut signal = offer();
            traces.received(&mut signal, Instant::now());
            let recorded = spans(&mut exporter);
            assert_eq!(recorded.len(), usize::from(signal.trace.is_some()));
            if let Some(trace) = signal.trace {
                sampled += 1;
                // The rightmost 63 bits, as OpenTelemetry's sampler has it.
                #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a share")]
                let share = (trace.context.trace() as u64 >> 1) as f64 / (1_u64 << 63) as f64;
                assert!(share <= ratio, "{share}");
            }
        }
        assert!((least..=most).contains(&sampled), "{sampled} of {ratio}");
    }
}

#[test]
fn what_others_sampled_is_recorded_whatever_the_own_ratio() {
    let (traces, mut exporter, _) = traces(0.0);
    let text = |flags| format!("00-{:032x}-{:016x}-{flags}", 7, 8);
    let trace = |flags| Trace { context: TraceContext::parse(&text(flags)).unwrap(), parent: None, since: 1 };
    traces.delivered(SignalKind::Offer, &trace("01"), None);
    traces.delivered(SignalKind::Offer, &trace("00"), None);
    // Nor is it this node's to say what became of what another published.
    traces.published(SignalKind::Offer, Some(&trace("01")), Published::Done);
    let spans = spans(&mut exporter);
    let [deliver] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((deliver.context.trace(), deliver.parent), (7, Some(8)));
}

#[test]
fn a_span_tells_why_it_failed() {
    let (traces, mut exporter, _) = traces(1.0);
    let mut signal = offer();
    traces.received(&mut signal, Instant::now());
    let trace = signal.trace.as_deref();
    for published in [Published::Done, Published::Gone, Published::Failed] {
        traces.published(signal.kind, trace, published);
    }
    traces.delivered(signal.kind, trace.expect("a trace"), Some("slow_consumer"));
    let errors: Vec<_> = spans(&mut exporter).iter().map(|span| span.error).collect();
    assert_eq!(errors, [None, None, Some("peer_gone"), Some("unavailable"), Some("slow_consumer")]);
}

#[test]
fn too_many_spans_are_dropped_and_counted() {
    let (traces, mut exporter, metrics) = traces(1.0);
    for _ in 0..MAX_WAITING + 3 {
        traces.received(&mut offer(), Instant::now());
    }
    assert_eq!(metrics.dropped.get(), 3);
    assert_eq!(spans(&mut exporter).len(), MAX_WAITING);
}

#[test]
fn off_there_is_no_trace() {
    let mut signal = offer();
    Traces::default().received(&mut signal, Instant::now());
    assert_eq!(signal, offer());
}
