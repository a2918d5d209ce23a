//! Traces: what a collector is told of the messages between nodes, and what the messages carry.

mod collector;
mod faults;
mod wire;

use self::collector::{Collector, Kind, Span};
use crate::harness::{Client, Endpoints, Node, Operator, Process, RedisServer, Resumable, TOKEN};
use serde_json::json;
use std::collections::HashSet;

/// One says something to the other, who hears it.
async fn says(event_name: &str, ann: &mut Client, ben: &mut Client) {
    ann.say(event_name, json!({ "socketId": ben.id, "sdp": "v=0" })).await;
    let mut frame = ben.hear().await;
    assert!(frame.as_object_mut().expect("an object").remove("n").is_some_and(|n| n.is_u64()), "{frame}");
    let data = json!({ "socketId": ann.id, "sdp": "v=0" });
    assert_eq!(frame, json!({ "eventName": event_name, "data": data }), "and nothing of a trace");
}

/// Ann on one node and Ben on the other, in a room.
async fn a_call(one: &Endpoints, other: &Endpoints) -> [Client; 2] {
    let [mut ann, mut ben] = [one.client().await, other.client().await];
    ann.join("secret room").await;
    ben.join("secret room").await;
    ann.hear_newcomer(&ben).await;
    [ann, ben]
}

#[tokio::test]
async fn an_offer_to_another_node_is_one_trace() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    let flags = ["--redis", &redis.url(), "--otlp-endpoint", &collector.url(), "--trace-ratio", "1"];
    let [one, other] = [Process::start(&flags).await, Process::start(&flags).await];
    let [mut ann, mut ben] = a_call(&one, &other).await;
    says("offer", &mut ann, &mut ben).await;

    let [receive, publish, deliver] = collector.trace().await;
    assert_eq!(
        [&receive.name, &publish.name, &deliver.name],
        ["receive offer", "publish offer", "deliver offer"]
    );
    assert_eq!([receive.kind, publish.kind, deliver.kind], [Kind::Server, Kind::Producer, Kind::Consumer]);
    assert_eq!([&receive.parent, &publish.parent, &deliver.parent], ["", &receive.id, &publish.id]);
    assert_eq!(receive.node, publish.node);
    assert_ne!(receive.node, deliver.node);
    assert!(receive.since <= receive.until && receive.until <= publish.since, "{receive:?} {publish:?}");
    assert!(publish.since <= deliver.since && deliver.since <= deliver.until, "{publish:?} {deliver:?}");
    assert!(publish.since <= publish.until);
    for span in [&receive, &publish, &deliver] {
        assert_eq!(span.service, ["switchboard", env!("CARGO_PKG_VERSION")]);
        assert_eq!(span.attribute("switchboard.signal.kind"), "offer");
        assert!(!span.is_error);
        let all = format!("{span:?}");
        for secret in [&ann.id, &ben.id, "secret room", "127.0.0.1"] {
            assert!(!all.contains(secret), "{secret} is in {all}");
        }
    }
    for (span, name, kind) in [(&publish, "publish", "send"), (&deliver, "deliver", "process")] {
        assert_eq!(span.attribute("messaging.system"), "redis");
        assert_eq!(span.attribute("messaging.operation.name"), name);
        assert_eq!(span.attribute("messaging.operation.type"), kind);
    }
    for (node, count) in [(&one, 2), (&other, 1)] {
        node.until_metric(r#"switchboard_trace_spans_total{outcome="exported"}"#, count).await;
    }
}

/// A deployment's operator finds the span's node among its nodes.
#[tokio::test]
async fn a_spans_node_is_the_one_of_the_admin_api() {
    let collector = Collector::start().await;
    let flags = ["--otlp-endpoint", &collector.url(), "--trace-ratio", "1", "--admin-token", TOKEN];
    let node = Node::with(&flags).await;
    let [mut ann, mut ben] = a_call(&node, &node).await;
    says("offer", &mut ann, &mut ben).await;
    let [receive, ..] = collector.trace().await;
    let nodes = Operator::of(&node).read("/api/v1/nodes").await;
    assert!(nodes.to_string().contains(&receive.node), "{nodes}");
}

#[tokio::test]
async fn a_message_within_a_node_is_a_trace_too() {
    let collector = Collector::start().await;
    let node = Node::with(&["--otlp-endpoint", &collector.url(), "--trace-ratio", "1"]).await;
    let [mut ann, mut ben] = a_call(&node, &node).await;
    says("answer", &mut ann, &mut ben).await;
    let [receive, publish, deliver] = collector.trace().await;
    assert_eq!(
        [&receive.name, &publish.name, &deliver.name],
        ["receive answer", "publish answer", "deliver answer"]
    );
    assert_eq!([&receive.parent, &publish.parent, &deliver.parent], ["", &receive.id, &publish.id]);
    assert!(
        receive.since <= publish.since && publish.since <= deliver.since && deliver.since <= deliver.until
    );
    assert_eq!(deliver.attribute("messaging.system"), "memory");
}

#[tokio::test]
async fn a_message_to_the_room_is_delivered_to_each_in_one_trace() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    for flags in [&["--redis", &redis.url()][..], &[]] {
        let tracing = ["--otlp-endpoint", &collector.url(), "--trace-ratio", "1"];
        let node = Node::with(&[flags, &tracing].concat()).await;
        let [mut ann, mut ben, mut cat] = node.room::<3>("room").await;
        ann.say("message", json!({ "body": 1 })).await;
        for other in [&mut ben, &mut cat] {
            other.hear_event("message").await;
        }
        let spans = collector.until(4).await;
        collector.forget();
        let publish = spans.iter().find(|span| span.name == "publish message").expect("published");
        let deliveries: Vec<_> = spans.iter().filter(|span| span.name == "deliver message").collect();
        assert_eq!(deliveries.len(), 2);
        assert!(deliveries.iter().all(|span| span.parent == publish.id));
        assert_eq!(spans.iter().map(|span| &span.trace).collect::<HashSet<_>>().len(), 1);
    }
}

/// What waited in a mailbox is delivered when its receiver is back, by the node that it comes to.
#[tokio::test]
async fn a_message_to_who_is_away_is_traced_to_its_return() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    for flags in [&["--redis", &redis.url()][..], &[]] {
        let tracing = ["--otlp-endpoint", &collector.url(), "--trace-ratio", "1"];
        let flags = [flags, &tracing].concat();
        let one = Node::with(&flags).await;
        let other = Node::with(&flags).await;
        let back_on = if flags.contains(&"--redis") { &other } else { &one };
        let mut ann = Resumable::join(one.client().await, "room").await;
        let mut ben = Resumable::join(one.client().await, "room").await;
        ann.hear_of("new_peer", &ben.id).await;
        ben.take_line(back_on.client().await).vanish();
        ann.hear_of("peer_away", &ben.id).await;
        ann.say(None).await;
        ann.hear_ack(1).await;
        let before = collector.until(2).await;
        assert_eq!(
            before.iter().map(|span| span.name.as_str()).collect::<HashSet<_>>(),
            HashSet::from(["receive message", "publish message"])
        );

        let claim = ben.claim();
        ben.line().say("resume", claim).await;
        ben.hear_resumed().await;
        ben.hear_messages(&ann.id, [1]).await;
        let [_, publish, deliver] = collector.trace().await;
        assert_eq!((deliver.name.as_str(), &deliver.parent), ("deliver message", &publish.id));
        assert!(deliver.since >= publish.until, "it begins when it is heard of: {deliver:?} {publish:?}");
        assert_eq!(deliver.node != publish.node, flags.contains(&"--redis"));
        collector.forget();
    }
}

#[tokio::test]
async fn a_message_to_who_is_gone_tells_so() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    let flags = ["--redis", &redis.url(), "--otlp-endpoint", &collector.url(), "--trace-ratio", "1"];
    let node = Node::with(&flags).await;
    let [mut ann, ben] = a_call(&node, &node).await;
    // Its session is gone from Redis, and nobody was told.
    let mailboxes = redis.keys(&format!("sb:*:q:{}:*", ben.id)).await;
    let mut connection = redis.connection().await;
    redis::cmd("DEL").arg(mailboxes).exec_async(&mut connection).await.expect("a mailbox");
    ann.say("offer", json!({ "socketId": ben.id, "sdp": "v=0" })).await;
    ann.hear_error("peer_gone").await;
    let spans = collector.until(2).await;
    let publish = spans.iter().find(|span| span.name == "publish offer").expect("a span");
    assert!(publish.is_error);
    assert_eq!(publish.attribute("error.type"), "peer_gone");
}

/// What was recorded a moment before it stops, when there is nobody to wait for.
#[tokio::test]
async fn a_node_that_stops_sends_what_is_left() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    let flags = ["--redis", &redis.url(), "--otlp-endpoint", &collector.url(), "--trace-ratio", "1"];
    let node = Node::with(&flags).await;
    let [mut ann, mut ben] = a_call(&node, &node).await;
    says("offer", &mut ann, &mut ben).await;
    for client in [ann, ben] {
        client.close().await;
    }
    node.stop().await;
    assert_eq!(collector.spans().len(), 3, "{:?}", collector.spans());
}

impl Span {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}
