//! Servers that don't take webhooks as they should.

use super::{Receiver, as_refs, flags, receiver::Mood, visit};
use crate::harness::{Node, Process};
use std::time::Duration;

const DELIVERED: &str = r#"switchboard_webhook_deliveries_total{outcome="delivered"}"#;
const RETRIED: &str = r#"switchboard_webhook_deliveries_total{outcome="retried"}"#;
const DROPPED: &str = r#"switchboard_webhook_deliveries_total{outcome="dropped"}"#;

#[tokio::test]
async fn what_is_not_taken_is_sent_again_with_the_same_id() {
    for mood in [
        Mood::Ill("500 Internal Server Error"),
        Mood::Ill("404 Not Found"),
        Mood::Ill("410 Gone"),
        Mood::Ill("302 Found\r\nLocation: /elsewhere"),
        Mood::Gruff,
        Mood::Silent,
    ] {
        let receiver = Receiver::start().await;
        receiver.be(mood);
        let node = Node::with(&as_refs(&flags(&receiver, &["--webhook-timeout=200ms"]))).await;
        visit(&node, "tea", 1).await;
        // Of the room, and of the socket.
        receiver.until_asked(4).await;
        assert!(
            receiver.hooks().iter().all(|hook| hook.path == "/hook?for=tests"),
            "no redirect is followed"
        );
        receiver.be(Mood::Well);
        let story = receiver.until("all is told", |story| story.0.len() == 5).await;
        assert_eq!(story.members().len(), 0);
        let hooks = receiver.hooks();
        let repeats = hooks.iter().filter(|hook| hook.id == hooks[0].id).count();
        assert!(repeats > 1, "{repeats}");
        node.until_metric(DELIVERED, 5).await;
        assert!(node.metric(RETRIED).await >= 2);
        assert_eq!(node.metric(DROPPED).await, 0);
    }
}

#[tokio::test]
async fn who_wants_to_be_asked_later_is_asked_later() {
    let receiver = Receiver::start().await;
    receiver.be(Mood::Ill("429 Too Many Requests\r\nRetry-After: 2"));
    let node = Node::with(&as_refs(&flags(&receiver, &[]))).await;
    visit(&node, "tea", 1).await;
    receiver.until_asked(1).await;
    receiver.be(Mood::Well);
    receiver.until("all is told", |story| story.count("room.closed") == 1).await;
    let hooks = receiver.hooks();
    let again = hooks.iter().find(|hook| hook.id == hooks[0].id && hook.taken).expect("sent again");
    assert!(again.at - hooks[0].at >= Duration::from_secs(2), "{:?}", again.at - hooks[0].at);
}

#[tokio::test]
async fn what_is_too_old_is_given_up_and_told_once() {
    let receiver = Receiver::start().await;
    receiver.be(Mood::Ill("500 Internal Server Error"));
    let mut node = Process::start(&as_refs(&flags(&receiver, &["--webhook-retry=300ms"]))).await;
    visit(&node, "tea", 1).await;
    node.until_metric(DROPPED, 5).await;
    receiver.be(Mood::Well);
    visit(&node, "tea", 1).await;
    let story = receiver.until("what comes later is told", |story| story.0.len() == 5).await;
    assert_eq!(story.members().len(), 0);
    let mut given_up = Vec::new();
    while given_up.len() < 5 {
        let line = node.logs().await;
        if line["message"].as_str().is_some_and(|message| message.contains("was given up")) {
            given_up.push(line["id"].to_string());
        }
    }
    let (_, rest) = node.stop().await;
    assert!(!rest.iter().any(|line| line["message"].as_str().unwrap_or_default().contains("given up")));
    given_up.dedup();
    assert_eq!(given_up.len(), 5);
}

#[tokio::test]
async fn a_queue_that_is_full_loses_the_oldest_and_says_so() {
    let receiver = Receiver::start().await;
    receiver.be(Mood::Ill("500 Internal Server Error"));
    let node = Node::with(&as_refs(&flags(&receiver, &["--event-stream-length=10"]))).await;
    visit(&node, "tea", 1).await;
    receiver.until_asked(2).await;
    visit(&node, "tea", 50).await;
    receiver.be(Mood::Well);
    let story = receiver
        .until("the last is told", |story| {
            story.count("socket.connected") > 0 && story.in_room("tea").len() >= 10
        })
        .await;
    assert!(story.0.len() < 51 * 5);
    let lost = async || node.metric("switchboard_webhook_lost_total").await;
    crate::harness::until("the loss is counted", async || lost().await > 0).await;
    // Of the room's 204 events the first were in its sender's hands, and ten were kept.
    assert!(lost().await >= 204 - 64 - 10, "{}", lost().await);
}

#[tokio::test]
async fn a_node_that_stops_sends_what_waits_in_its_memory() {
    let receiver = Receiver::start().await;
    receiver.be(Mood::Slow);
    let node = Node::with(&as_refs(&flags(&receiver, &[]))).await;
    visit(&node, "tea", 5).await;
    node.stop().await;
    assert_eq!(receiver.story().in_room("tea").len(), 20);
}

#[tokio::test]
async fn a_receiver_may_be_away() {
    let mut receiver = Receiver::start().await;
    let node = Node::with(&as_refs(&flags(&receiver, &[]))).await;
    visit(&node, "tea", 1).await;
    receiver.until("all is told", |story| story.count("room.closed") == 1).await;
    receiver.shut().await;
    visit(&node, "tea", 1).await;
    crate::harness::until("it is missed", async || node.metric(RETRIED).await > 0).await;
    receiver.open().await;
    let story = receiver.until("all is told", |story| story.0.len() == 10).await;
    assert_eq!(story.members().len(), 0);
}
