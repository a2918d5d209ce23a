//! Each limit is met, and its metric moves.

use crate::harness::{Ended, Node, RawClient, RedisServer, get, raw::Opcode};
use serde_json::json;
use std::fs;
use switchboard::protocol::Limit;

fn series(limit: Limit) -> String {
    format!(r#"switchboard_limits_total{{limit="{}"}}"#, limit.as_str())
}

/// Counted once, and no other one is.
async fn is_counted(node: &Node, limit: Limit) {
    node.until_metric(&series(limit), 1).await;
    let text = get(node.admin, "/metrics").await.body;
    let moved: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("switchboard_limits_total") && !line.ends_with(" 0"))
        .collect();
    assert_eq!(moved, [format!("{} 1", series(limit))]);
}

#[tokio::test]
async fn all_are_at_zero_at_first() {
    let node = Node::start().await;
    for limit in Limit::ALL {
        assert_eq!(node.metric(&series(limit)).await, 0, "{limit:?}");
    }
}

#[test]
fn the_page_of_limits_has_each_one() {
    let page = fs::read_to_string("docs/limits.md").expect("the page");
    let (_, below) = page.split_once("| limit | default | flag | metric |").expect("the table");
    let rows = below.lines().skip(2).take_while(|line| line.starts_with('|'));
    let labels: Vec<_> = rows
        .filter_map(|row| row.split('|').nth(4))
        .map(|cell| cell.trim().replace('`', ""))
        .filter(|label| !label.is_empty())
        .collect();
    assert_eq!(labels, Limit::ALL.map(Limit::as_str));
}

#[tokio::test]
async fn frame() {
    let node = Node::start().await;
    let mut ann = RawClient::connect(node.address).await;
    ann.send(&[(Opcode::Text, &vec![b' '; 64 * 1024 + 1])]).await;
    is_counted(&node, Limit::Frame).await;
}

#[tokio::test]
async fn messages() {
    let node = Node::with(&["--messages-per-socket", "1"]).await;
    let mut ann = node.client().await;
    for _ in 0..11 {
        ann.say("ping", json!({})).await;
    }
    ann.hear_past("pong", "error").await;
    is_counted(&node, Limit::Messages).await;
    for _ in 0..30 {
        ann.try_say(r#"{"eventName":"ping"}"#.into()).await;
    }
    ann.ended().await;
    node.until_metric(&series(Limit::Messages), 11).await;
}

#[tokio::test]
async fn joins() {
    let node = Node::with(&["--joins-per-address", "1"]).await;
    let mut ann = node.client().await;
    for _ in 0..10 {
        ann.join("room").await;
        ann.say("leave", json!({})).await;
        ann.hear_event("left").await;
    }
    ann.say("join", json!({ "room": "room" })).await;
    ann.hear_error("rate_limited").await;
    is_counted(&node, Limit::Joins).await;
}

#[tokio::test]
async fn address_sockets() {
    let node = Node::with(&["--max-sockets-per-address", "1"]).await;
    let _ann = node.client().await;
    node.until_metric("switchboard_sockets", 1).await;
    node.client().await.ended().await;
    is_counted(&node, Limit::AddressSockets).await;
}

#[tokio::test]
async fn sockets() {
    let node = Node::with(&["--max-sockets", "1"]).await;
    let _ann = node.client().await;
    node.until_metric("switchboard_sockets", 1).await;
    assert_eq!(node.client().await.ended().await, Ended::with(1013, "overloaded"));
    is_counted(&node, Limit::Sockets).await;
}

#[tokio::test]
async fn room_size() {
    let node = Node::with(&["--room-capacity", "1"]).await;
    let [_ann] = node.room("room").await;
    let mut ben = node.client().await;
    ben.say("join", json!({ "room": "room" })).await;
    ben.hear_error("room_full").await;
    is_counted(&node, Limit::RoomSize).await;
}

#[tokio::test]
async fn room_name() {
    let node = Node::with(&["--max-room-name", "3"]).await;
    let mut ann = node.client().await;
    ann.say_text(r#"{"eventName":"join","data":{"room":""}}"#).await;
    ann.hear_error("bad_room").await;
    assert_eq!(node.metric(&series(Limit::RoomName)).await, 0, "it isn't too long");
    ann.say("join", json!({ "room": "four" })).await;
    let error = ann.hear_error("bad_room").await;
    assert!(error["message"].as_str().expect("a sentence").contains("1 to 3 bytes"), "{error}");
    is_counted(&node, Limit::RoomName).await;
    ann.say_text(&json!({ "eventName": "join", "data": { "room": "x".repeat(2000) } }).to_string()).await;
    ann.hear_error("bad_room").await;
    assert_eq!(node.metric(&series(Limit::RoomName)).await, 2);
    ann.join("tea").await;
    let node = Node::with(&["--max-room-name", "1024"]).await;
    node.client().await.join(&"x".repeat(1024)).await;
}

#[tokio::test]
async fn info() {
    let node = Node::with(&["--max-info", "1KiB"]).await;
    let mut ann = node.client().await;
    ann.say("join", json!({ "room": "room", "info": "x".repeat(1023) })).await;
    let error = ann.hear_error("too_large").await;
    assert!(error["message"].as_str().expect("a sentence").contains("1024 bytes"), "{error}");
    is_counted(&node, Limit::Info).await;
    ann.join_with(json!({ "room": "room", "info": "x".repeat(1022) })).await;
    ann.say("info", json!({ "info": "x".repeat(1023) })).await;
    ann.hear_error("too_large").await;
    assert_eq!(node.metric(&series(Limit::Info)).await, 2);
}

#[tokio::test]
async fn mailbox() {
    let redis = RedisServer::start().await;
    for exchange in [&[][..], &["--redis", &redis.url()]] {
        let node = Node::with(&[&["--mailbox-messages", "3"], exchange].concat()).await;
        let mut ann = node.client().await;
        let peers = ann.join_with(json!({ "room": "room", "resume": true })).await;
        assert!(peers["resume"].is_object());
        let mut ben = node.client().await;
        ben.join("room").await;
        for _ in 0..4 {
            ben.say("message", json!({ "socketId": ann.id })).await;
        }
        assert_eq!(ben.hear_error("unavailable").await["n"], 4);
        is_counted(&node, Limit::Mailbox).await;
    }
}

#[tokio::test]
async fn mailbox_bytes() {
    let redis = RedisServer::start().await;
    for exchange in [&[][..], &["--redis", &redis.url()]] {
        let flags = ["--mailbox-bytes", "4KiB", "--max-frame", "2KiB"];
        let node = Node::with(&[&flags[..], exchange].concat()).await;
        let mut ann = node.client().await;
        ann.join_with(json!({ "room": "room", "resume": true })).await;
        let mut ben = node.client().await;
        ben.join("room").await;
        for _ in 0..4 {
            ben.say("message", json!({ "socketId": ann.id, "body": "x".repeat(1500) })).await;
        }
        let error = ben.hear_error("unavailable").await;
        assert!((3..=4).contains(&error["n"].as_u64().expect("a number")), "{error}");
    }
}

#[tokio::test]
async fn outbox() {
    let node = Node::with(&["--outbox-messages", "4"]).await;
    let mut ann = node.client().await;
    ann.join("room").await;
    let _ben = RawClient::entering(node.address, "room").await;
    let ben_id = ann.hear_event("new_peer").await["socketId"].take();
    let message = json!({ "socketId": ben_id, "body": "x".repeat(60_000) });
    while node.metric(&series(Limit::Outbox)).await == 0 {
        ann.say("message", message.clone()).await;
    }
    is_counted(&node, Limit::Outbox).await;
}

#[tokio::test]
async fn join_timeout() {
    let node = Node::with(&["--join-timeout", "20ms"]).await;
    node.client().await.ended().await;
    is_counted(&node, Limit::JoinTimeout).await;
}

#[tokio::test]
async fn ping_timeout() {
    let node = Node::with(&["--ping-interval", "20ms", "--ping-timeout", "20ms"]).await;
    let _silent = RawClient::connect(node.address).await;
    is_counted(&node, Limit::PingTimeout).await;
}
