//! Collectors that are away, hang or refuse: no message notices, and the node stops in time.

use super::{
    a_call,
    collector::{Collector, Mood},
    says,
};
use crate::harness::{Node, Process, free_port};
use serde_json::json;
use std::time::{Duration, Instant};

/// Nobody is left, and there is nothing to wait for but the collector.
const SOON: Duration = Duration::from_millis(2500);

fn spans(outcome: &str) -> String {
    format!(r#"switchboard_trace_spans_total{{outcome="{outcome}"}}"#)
}

#[tokio::test]
async fn a_collector_that_is_away_costs_a_line_and_its_spans() {
    let url = format!("http://user:hunter2@127.0.0.1:{}", free_port());
    let node = Process::start(&["--otlp-endpoint", &url, "--trace-ratio", "1"]).await;
    let [mut ann, mut ben] = a_call(&node, &node).await;
    says("offer", &mut ann, &mut ben).await;
    node.until_metric(&spans("failed"), 3).await;
    says("offer", &mut ann, &mut ben).await;
    node.until_metric(&spans("failed"), 6).await;
    for client in [ann, ben] {
        client.close().await;
    }
    node.until_metric("switchboard_sockets", 0).await;
    let began = Instant::now();
    let (status, log) = node.stop().await;
    assert_eq!(status, Some(0));
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let warnings: Vec<_> = log.iter().filter(|line| line["level"] == "WARN").collect();
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    let message = warning["message"].as_str().expect("a message");
    assert!(message.contains("the collector doesn't take spans") && message.contains("refused"), "{message}");
    assert!(log.iter().all(|line| !line.to_string().contains("hunter2")));
}

#[tokio::test]
async fn a_collector_that_hangs_holds_nothing_up() {
    let collector = Collector::start().await;
    collector.be(&[Mood::Silent]);
    let flags =
        ["--otlp-endpoint", &collector.url(), "--trace-ratio", "1", "--messages-per-socket", "1000000"];
    let node = Node::with(&flags).await;
    let [mut ann, mut ben] = a_call(&node, &node).await;
    // More than may wait, three spans each, and a batch on its way.
    for n in 0..2000 {
        ann.say("message", json!({ "socketId": ben.id, "body": n })).await;
        assert_eq!(ben.hear_event("message").await["body"], n);
    }
    assert!(node.metric(&spans("dropped")).await > 0);
    assert_eq!(node.metric(&spans("exported")).await, 0);
    for client in [ann, ben] {
        client.close().await;
    }
    node.until_metric("switchboard_sockets", 0).await;
    let began = Instant::now();
    node.stop().await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_batch_that_may_be_taken_later_is_sent_again() {
    let collector = Collector::start().await;
    collector.be(&[Mood::Ill("503 Service Unavailable"), Mood::Ill("502 Bad Gateway")]);
    let node = Node::with(&["--otlp-endpoint", &collector.url(), "--trace-ratio", "1"]).await;
    let [mut ann, mut ben] = a_call(&node, &node).await;
    says("offer", &mut ann, &mut ben).await;
    node.until_metric(&spans("exported"), 3).await;
    assert_eq!((node.metric(&spans("failed")).await, collector.requests().len()), (0, 3));
    for request in collector.requests() {
        assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert_eq!(request.headers["authorization"], "Basic YW5uOnBAc3M=");
        assert_eq!(request.headers["user-agent"], concat!("switchboard/", env!("CARGO_PKG_VERSION")));
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_is_given_up() {
    let collector = Collector::start().await;
    collector.be(&[Mood::Ill("400 Bad Request")]);
    let node = Node::with(&["--otlp-endpoint", &collector.url(), "--trace-ratio", "1"]).await;
    let [mut ann, mut ben] = a_call(&node, &node).await;
    says("offer", &mut ann, &mut ben).await;
    node.until_metric(&spans("failed"), 3).await;
    says("answer", &mut ann, &mut ben).await;
    node.until_metric(&spans("exported"), 3).await;
    assert_eq!((node.metric(&spans("failed")).await, collector.requests().len()), (3, 2));
}
