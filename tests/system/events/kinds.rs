//! Which events there are, and what is in them.

use super::{Receiver, as_refs, flags, receiver::Mood, visit};
use crate::harness::{Node, Process, RedisServer, Resumable};
use serde_json::json;

#[tokio::test]
async fn of_rooms_in_memory() {
    let receiver = Receiver::start().await;
    all_kinds(&receiver, &as_refs(&flags(&receiver, &[]))).await;
}

#[tokio::test]
async fn of_rooms_in_redis() {
    let (receiver, redis) = (Receiver::start().await, RedisServer::start().await);
    all_kinds(&receiver, &as_refs(&flags(&receiver, &["--redis", &redis.url()]))).await;
}

/// Who only connects needs no token, and could push all else out of the streams.
#[tokio::test]
async fn of_an_address_that_connects_too_fast_no_more_is_told() {
    const UNTOLD: &str = "switchboard_connections_untold_total";

    let receiver = Receiver::start().await;
    let slow = ["--joins-per-address", "1"];
    let node = Node::with(&as_refs(&flags(&receiver, &slow))).await;
    for _ in 0..12 {
        node.client().await;
    }
    node.until_metric(UNTOLD, 2).await;
    let mut guest = node.client().await;
    guest.join("tea").await;
    let story = receiver.until("the room has been told of", |story| story.in_room("tea").len() == 2).await;
    assert!(story.count("socket.connected") <= 10);

    let quiet = Node::with(&slow).await;
    for _ in 0..12 {
        quiet.client().await;
    }
    assert_eq!(quiet.metric(UNTOLD).await, 0, "nobody wants to hear of them");
}

async fn all_kinds(receiver: &Receiver, flags: &[&str]) {
    let node = Node::with(flags).await;
    let mut ann = node.client().await;
    let peers = ann.join_with(json!({ "room": "tea", "info": { "name": "Ann" } })).await;
    let first = peers["version"].as_u64().expect("a version");
    let mut ben = node.client().await;
    ben.join("tea").await;
    let (ann_id, ben_id) = (ann.id.clone(), ben.id.clone());
    ann.hear_newcomer(&ben).await;
    ann.close().await;
    ben.hear_leaver(&ann_id).await;
    ben.say("leave", json!({})).await;
    ben.hear_event("left").await;
    ben.join("chess").await;
    let story = receiver.until("all is told", |story| story.0.len() == 10).await;
    let tea = [
        ("room.opened", ""),
        ("peer.joined", &*ann_id),
        ("peer.joined", &*ben_id),
        ("peer.left", &*ann_id),
        ("peer.left", &*ben_id),
        ("room.closed", ""),
    ];
    assert_eq!(story.in_room("tea"), tea);
    assert_eq!(story.in_room("chess"), [("room.opened", ""), ("peer.joined", &ben.id)]);
    assert_ne!(ben.id, ben_id);
    story.members();

    let connected: Vec<_> = story.of("socket.connected").map(|event| &event["data"]).collect();
    let node_name = &connected[0]["node"];
    for id in [&ann_id, &ben_id] {
        let expected = json!({ "socketId": id, "node": node_name, "address": "127.0.0.1" });
        assert!(connected.contains(&&expected), "{connected:?}");
    }
    let data = |kind| story.of(kind).map(|event| event["data"].clone()).find(|data| data["room"] == "tea");
    assert_eq!(data("room.opened"), Some(json!({ "room": "tea", "version": first })));
    let joined = json!({ "room": "tea", "socketId": ann_id, "node": node_name, "info": { "name": "Ann" }, "version": first });
    assert_eq!(data("peer.joined"), Some(joined));
    let left = json!({ "room": "tea", "socketId": ann_id, "reason": "left", "version": first + 2 });
    assert_eq!(data("peer.left"), Some(left));
    assert_eq!(data("room.closed"), Some(json!({ "room": "tea" })));
    for event in &story.0 {
        humantime::parse_rfc3339(event["timestamp"].as_str().expect("a time")).expect("as RFC 3339 has it");
    }
    assert_eq!(receiver.hooks()[0].path, "/hook?for=tests");
    node.until_metric(r#"switchboard_webhook_deliveries_total{outcome="delivered"}"#, 10).await;
    node.until_metric("switchboard_webhook_backlog", 0).await;
}

#[tokio::test]
async fn who_goes_away_and_comes_back_never_left() {
    let (receiver, redis) = (Receiver::start().await, RedisServer::start().await);
    let flags = flags(&receiver, &["--redis", &redis.url()]);
    let nodes = [Node::with(&as_refs(&flags)).await, Node::with(&as_refs(&flags)).await];
    let mut ann = Resumable::join(nodes[0].client().await, "tea").await;
    for turn in [1, 0, 1] {
        let other = nodes[turn].client().await;
        ann.take_line(other).vanish();
        let claim = ann.claim();
        ann.line().say("resume", claim).await;
        ann.hear_resumed().await;
    }
    ann.line().say("leave", json!({})).await;
    let story = receiver.until("she has left", |story| story.count("room.closed") == 1).await;
    let all = [("room.opened", ""), ("peer.joined", &ann.id), ("peer.left", &ann.id), ("room.closed", "")];
    assert_eq!(story.in_room("tea"), all);
}

#[tokio::test]
async fn without_streams_or_webhooks_nothing_is_kept() {
    let redis = RedisServer::start().await;
    let node = Node::with(&["--redis", &redis.url()]).await;
    visit(&node, "tea", 3).await;
    assert_eq!(redis.keys("*:events").await, [""; 0]);
    assert_eq!(redis.keys("*:hook").await, [""; 0]);
}

#[tokio::test]
async fn no_secret_is_logged() {
    let receiver = Receiver::start().await;
    let url = receiver
        .url()
        .replace("http://", "http://user:pass-word@")
        .replace("/hook?for=tests", "/hook-token?key=hidden");
    let secret = super::receiver::secret();
    let mut node =
        Process::start(&["--webhook-url", &url, "--webhook-secret", &secret, "--log", "trace"]).await;
    receiver.be(Mood::Ill("500 Internal Server Error"));
    visit(&node, "tea", 1).await;
    while !node.logs().await["message"].as_str().unwrap_or_default().contains("was not taken") {}
    receiver.be(Mood::Well);
    receiver.until("all is told", |story| story.count("room.closed") == 1).await;
    let hook = &receiver.hooks()[0];
    assert_eq!(
        (hook.path.as_str(), hook.headers["authorization"].as_str()),
        ("/hook-token?key=hidden", "Basic dXNlcjpwYXNzLXdvcmQ=")
    );
    let starting = serde_json::to_string(&node.starting).expect("JSON");
    assert!(starting.contains("events are sent as webhooks"), "{starting}");
    let (_, log) = node.stop().await;
    let log = starting + &serde_json::to_string(&log).expect("JSON");
    // Its own crates say what they do with a connection at this level, so of the URL it is only what isn't sent in the clear.
    for hidden in [&secret[6..], "pass-word", "dXNlcjpwYXNzLXdvcmQ="] {
        assert!(!log.contains(hidden), "{hidden} is in the log");
    }
}
