//! What messages carry in Redis, and nodes that differ.

use super::{a_call, collector::Collector, says};
use crate::harness::{Node, RedisServer, Resumable, until};
use redis::cmd;
use std::collections::HashSet;

/// The messages that a member's mailbox keeps.
async fn mailbox(redis: &RedisServer, id: &str) -> Vec<String> {
    let keys = redis.keys(&format!("sb:*:q:{id}:*")).await;
    let [key] = &keys[..] else { panic!("{keys:?}") };
    let mut connection = redis.connection().await;
    cmd("LRANGE").arg(key).arg(1).arg(-1).query_async(&mut connection).await.expect("a list")
}

/// The trace that a message in Redis carries, and the message without it.
fn untraced(message: &str) -> (Option<&str>, String) {
    match message.split_once(r#","traceparent":""#) {
        None => (None, message.to_owned()),
        Some((message, trace)) => (trace.strip_suffix("\"}"), format!("{message}}}")),
    }
}

#[tokio::test]
async fn a_share_of_the_messages_carries_a_trace_and_the_others_nothing() {
    const MESSAGES: u64 = 400;

    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    let flags = ["--redis", &redis.url(), "--otlp-endpoint", &collector.url(), "--trace-ratio", "0.25"];
    let [one, other] = [Node::with(&flags).await, Node::with(&flags).await];
    let mut ann = Resumable::join(one.client().await, "room").await;
    let mut ben = Resumable::join(other.client().await, "room").await;
    ann.hear_of("new_peer", &ben.id).await;
    for _ in 0..MESSAGES {
        ann.say(Some(&ben.id)).await;
    }
    ben.hear_messages(&ann.id, 1..=MESSAGES).await;
    // Its client acknowledges nothing, so that all of them are there.
    let kept = mailbox(&redis, &ben.id).await;
    assert_eq!(kept.len() as u64, MESSAGES);
    let mut sampled = HashSet::new();
    for (n, message) in (1..=MESSAGES).zip(&kept) {
        let (trace, message) = untraced(message);
        let frame =
            format!(r#"{{"eventName":"message","data":{{"body":{n},"socketId":"{}"}},"n":{n}}}"#, ann.id);
        assert_eq!(message, format!("Mm{}{n} {frame}", ann.id));
        if let Some(trace) = trace {
            let parts: Vec<_> = trace.split('-').collect();
            let ["00", trace, span, "01"] = parts[..] else { panic!("{trace}") };
            sampled.insert((trace.to_owned(), span.to_owned()));
        }
    }
    // Five standard deviations from 100 are 43.
    assert!((57..=143).contains(&sampled.len()), "{}", sampled.len());
    let spans = collector.until(3 * sampled.len()).await;
    let publishing = spans.iter().filter(|span| span.name == "publish message");
    let published: HashSet<_> = publishing.map(|span| (span.trace.clone(), span.id.clone())).collect();
    assert_eq!(published, sampled);
    let delivering = spans.iter().filter(|span| span.name == "deliver message");
    assert_eq!(
        delivering.map(|span| (span.trace.clone(), span.parent.clone())).collect::<HashSet<_>>(),
        sampled
    );
}

#[tokio::test]
async fn off_the_wire_is_as_it_was() {
    let redis = RedisServer::start().await;
    let node = Node::with(&["--redis", &redis.url()]).await;
    let mut ann = Resumable::join(node.client().await, "room").await;
    let ben = Resumable::join(node.client().await, "room").await;
    ann.hear_of("new_peer", &ben.id).await;
    ann.say(Some(&ben.id)).await;
    ann.hear_ack(1).await;
    let frame = format!(r#"{{"eventName":"message","data":{{"body":1,"socketId":"{}"}},"n":1}}"#, ann.id);
    assert_eq!(mailbox(&redis, &ben.id).await, [format!("Mm{}1 {frame}", ann.id)]);
    for outcome in ["exported", "failed", "dropped"] {
        assert_eq!(node.metric(&format!(r#"switchboard_trace_spans_total{{outcome="{outcome}"}}"#)).await, 0);
    }
}

#[tokio::test]
async fn a_node_that_traces_and_one_that_does_not_understand_each_other() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    let flags = ["--redis", &redis.url(), "--otlp-endpoint", &collector.url(), "--trace-ratio", "1"];
    let [tracing, other] = [Node::with(&flags).await, Node::with(&flags[..2]).await];
    let [mut ann, mut ben] = a_call(&tracing, &other).await;
    says("offer", &mut ann, &mut ben).await;
    says("answer", &mut ben, &mut ann).await;
    let spans = collector.until(2).await;
    let names: HashSet<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, HashSet::from(["receive offer", "publish offer"]));
    // It finds what it was told among what is kept, to take that out.
    for _ in 0..64 {
        says("offer", &mut ann, &mut ben).await;
    }
    until("the mailbox is trimmed", async || mailbox(&redis, &ben.id).await.len() < 10).await;
}
