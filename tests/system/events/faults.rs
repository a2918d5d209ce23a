//! Nodes that come and go while there is a lot to tell.

use super::{Receiver, SHORT_LEASE, as_refs, flags, receiver::Mood, visit};
use crate::harness::{Node, Process, RedisServer, Resumable, until};
use futures_util::future::join_all;
use redis::cmd;
use std::collections::HashSet;

#[tokio::test]
async fn each_rooms_events_come_in_their_order_under_load() {
    let (receiver, redis) = (Receiver::start().await, RedisServer::start().await);
    receiver.be(Mood::Moody);
    let flags = flags(&receiver, &["--redis", &redis.url()]);
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Node::with(&as_refs(&flags)).await);
    }
    let visits = (0..24).map(|visitor| {
        let (node, room) = (&nodes[visitor % 3], format!("room {}", visitor % 5));
        async move { visit(node, &room, 5).await }
    });
    join_all(visits).await;
    receiver.be(Mood::Well);
    let story = receiver
        .until("all is told", |story| {
            let counts = ["peer.joined", "peer.left", "socket.connected"].map(|kind| story.count(kind));
            counts == [120; 3] && story.count("room.opened") == story.count("room.closed")
        })
        .await;
    assert_eq!(story.members().len(), 0);
    let mut delivered = 0;
    for node in &nodes {
        delivered += node.metric(r#"switchboard_webhook_deliveries_total{outcome="delivered"}"#).await;
        assert_eq!(node.metric("switchboard_webhook_lost_total").await, 0);
    }
    assert!(delivered >= story.0.len() as u64);
}

#[tokio::test]
async fn a_sender_that_is_killed_is_followed_by_another() {
    let (receiver, redis) = (Receiver::start().await, RedisServer::start().await);
    let url = ["--redis", &redis.url()];
    let flags = flags(&receiver, &[&url[..], &SHORT_LEASE[..], &["--resume-window=3s"]].concat());
    let doomed = Process::start(&as_refs(&flags)).await;
    visit(&doomed, "before", 1).await;
    receiver.until("it is told", |story| story.count("room.closed") == 1).await;
    let other = Process::start(&as_refs(&flags)).await;
    let mut lost = doomed.client().await;
    lost.join("tea").await;
    let resumable = Resumable::join(doomed.client().await, "tea").await;
    let mut witness = other.client().await;
    witness.join("tea").await;
    receiver.until("all are in", |story| story.in_room("tea").len() == 4).await;

    // It dies with a request under way.
    receiver.be(Mood::Silent);
    let known = receiver.hooks().len();
    visit(&other, "meanwhile", 3).await;
    receiver.until_asked(known + 1).await;
    doomed.kill().await;
    receiver.be(Mood::Well);
    visit(&other, "after", 3).await;
    let all = |story: &super::story::Story| {
        story.in_room("tea").len() == 6
            && story.in_room("meanwhile").len() == 12
            && story.in_room("after").len() == 12
    };
    let story = receiver.until("another one tells it all", all).await;
    assert_eq!(story.reasons(&lost.id), ["lost"]);
    assert_eq!(story.reasons(&resumable.id), ["lost"]);
    let place = |id: &str| {
        story.0.iter().position(|event| event["type"] == "peer.left" && event["data"]["socketId"] == id)
    };
    assert!(place(&lost.id) < place(&resumable.id), "it had a window");
    assert_eq!(story.members().keys().collect::<Vec<_>>(), ["tea"]);
    let hooks = receiver.hooks();
    let ids: HashSet<_> = hooks.iter().map(|hook| &hook.id).collect();
    assert!(ids.len() < hooks.len(), "what was under way came again");
    assert_eq!(other.metric("switchboard_webhook_lost_total").await, 0);
    drop(witness);
}

#[tokio::test]
async fn a_node_that_stops_hands_its_spools_over() {
    let (receiver, redis) = (Receiver::start().await, RedisServer::start().await);
    let flags = flags(&receiver, &["--redis", &redis.url(), "--lease=1h"]);
    let stopping = Node::with(&as_refs(&flags)).await;
    visit(&stopping, "tea", 1).await;
    receiver.until("it is told", |story| story.in_room("tea").len() == 4).await;
    until("each spool has its sender", async || redis.keys("*:hook").await.len() == 16).await;
    stopping.stop().await;
    // Its lease would last.
    let next = Node::with(&as_refs(&flags)).await;
    visit(&next, "tea", 1).await;
    let story = receiver.until("the next one tells it", |story| story.in_room("tea").len() == 8).await;
    assert_eq!(story.members().len(), 0);
    // Of a connection is told if it can be, and whenever.
    let hooks = receiver.hooks();
    let of_the_room = hooks.iter().filter(|hook| hook.body.contains(r#""room":"tea""#)).count();
    assert_eq!(of_the_room, 8, "and nothing twice");
}

#[tokio::test]
async fn a_stream_that_was_trimmed_unsent_is_told_as_a_loss() {
    let (receiver, redis) = (Receiver::start().await, RedisServer::start().await);
    let flags = flags(&receiver, &["--redis", &redis.url()]);
    receiver.be(Mood::Ill("503 Service Unavailable"));
    let mut node = Process::start(&as_refs(&flags)).await;
    visit(&node, "tea", 1).await;
    receiver.until_asked(2).await;
    visit(&node, "tea", 20).await;
    // As a shorter --event-stream-length would.
    let connection = &mut redis.connection().await;
    for key in redis.keys("*:events").await {
        let _: usize =
            cmd("XTRIM").arg(key).arg(&["MAXLEN", "1"]).query_async(connection).await.expect("trimmed");
    }
    receiver.be(Mood::Well);
    until("the loss is counted", async || node.metric("switchboard_webhook_lost_total").await > 0).await;
    while !node.logs().await["message"].as_str().unwrap_or_default().contains("dropped before they were sent")
    {
    }
    visit(&node, "later", 1).await;
    receiver.until("what comes later is told", |story| story.in_room("later").len() == 4).await;
}

#[tokio::test]
async fn who_is_registered_again_is_told_of_as_such() {
    let (receiver, redis) = (Receiver::start().await, RedisServer::start().await);
    let flags = flags(&receiver, &[&["--redis", &redis.url()][..], &SHORT_LEASE[..]].concat());
    let node = Node::with(&as_refs(&flags)).await;
    let mut ann = node.client().await;
    ann.join("tea").await;
    receiver.until("she is in", |story| story.count("peer.joined") == 1).await;
    () = cmd("FLUSHALL").query_async(&mut redis.connection().await).await.expect("done");
    let story = receiver.until("she is in again", |story| story.count("peer.joined") == 2).await;
    let joined: Vec<_> = story.of("peer.joined").map(|event| &event["data"]).collect();
    assert_eq!(joined[0]["socketId"], joined[1]["socketId"]);
    assert_eq!((joined[0].get("restored"), &joined[1]["restored"]), (None, &true.into()));
}
