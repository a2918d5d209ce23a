//! Each metric is caused, and seen to move.

use crate::harness::{Client, Node, RawClient, RedisServer, get, raw::Opcode};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

#[tokio::test]
async fn sockets_and_members_are_counted_while_they_are_there() {
    let node = Node::start().await;
    let [ann, ben]: [Client; 2] = node.room("room").await;
    let outside = node.client().await;
    node.until_metric("switchboard_sockets", 3).await;
    assert_eq!(node.metric("switchboard_members").await, 2);
    ann.close().await;
    ben.vanish();
    outside.vanish();
    node.until_metric("switchboard_sockets", 0).await;
    assert_eq!(node.metric("switchboard_members").await, 0);
    assert_eq!(node.metric(r#"switchboard_closes_total{reason="bye"}"#).await, 1);
    assert_eq!(node.metric(r#"switchboard_closes_total{reason="lost"}"#).await, 2);
}

#[tokio::test]
async fn how_many_sockets_may_be_open_is_told() {
    let node = Node::with(&["--max-sockets", "4711"]).await;
    assert_eq!(node.metric("switchboard_sockets_limit").await, 4711);
}

#[tokio::test]
async fn who_says_goodbye_with_the_last_question_has_said_goodbye() {
    let node = Node::start().await;
    let mut ann = RawClient::connect(node.address).await;
    ann.send(&[(Opcode::Text, br#"{"eventName":"ping"}"#), (Opcode::Close, b"\x03\xe8")]).await;
    assert_eq!(ann.receive().await, Some((Opcode::Close as u8, b"\x03\xe8".to_vec())));
    node.until_metric(r#"switchboard_closes_total{reason="bye"}"#, 1).await;
}

#[tokio::test]
async fn frames_are_counted_with_their_bytes() {
    let node = Node::start().await;
    let mut ann = node.client().await;
    let (ping, pong) = (r#"{"eventName":"ping"}"#, r#"{"eventName":"pong","data":{}}"#);
    for _ in 0..3 {
        ann.say_text(ping).await;
        assert_eq!(ann.hear_text().await, pong);
    }
    assert_eq!(node.metric("switchboard_frames_received_total").await, 3);
    assert_eq!(node.metric("switchboard_received_bytes_total").await, 3 * ping.len() as u64);
    assert_eq!(node.metric("switchboard_frames_sent_total").await, 3);
    assert_eq!(node.metric("switchboard_sent_bytes_total").await, 3 * pong.len() as u64);
}

#[tokio::test]
async fn signals_are_counted_by_kind() {
    let node = Node::start().await;
    let [ann, mut ben] = node.room("room").await;
    let to = json!({ "socketId": ann.id, "sdp": "" });
    for event in ["offer", "answer", "answer", "ice_candidate", "message", "wave"] {
        ben.say(event, to.clone()).await;
    }
    ben.hears_nothing().await;
    for (kind, count) in [("offer", 1), ("answer", 2), ("ice_candidate", 1), ("message", 1), ("custom", 1)] {
        let series = format!(r#"switchboard_signals_total{{kind="{kind}"}}"#);
        assert_eq!(node.metric(&series).await, count, "{kind}");
    }
}

#[tokio::test]
async fn joins_are_counted_by_how_they_ended() {
    let node = Node::with(&["--room-capacity", "1"]).await;
    let mut ann = node.skyrtc_client().await;
    ann.join("room").await;
    let mut ben = node.client().await;
    ben.say("join", json!({ "room": "room" })).await;
    ben.hear_error("room_full").await;
    ben.join("another room").await;
    for (dialect, outcome, count) in [
        ("skyrtc", "joined", 1),
        ("native", "joined", 1),
        ("native", "room_full", 1),
        ("skyrtc", "room_full", 0),
    ] {
        let series = format!(r#"switchboard_joins_total{{dialect="{dialect}",outcome="{outcome}"}}"#);
        assert_eq!(node.metric(&series).await, count, "{series}");
    }
    assert_eq!(node.metric("switchboard_join_duration_seconds_count").await, 3);
}

#[tokio::test]
async fn errors_are_counted_by_code() {
    let node = Node::start().await;
    let mut ann = node.client().await;
    ann.say_text("nonsense").await;
    ann.hear_error("bad_message").await;
    ann.say("message", json!({})).await;
    ann.hear_error("not_joined").await;
    assert_eq!(node.metric(r#"switchboard_errors_total{code="bad_message"}"#).await, 1);
    assert_eq!(node.metric(r#"switchboard_errors_total{code="not_joined"}"#).await, 1);
    assert_eq!(node.metric(r#"switchboard_errors_total{code="peer_gone"}"#).await, 0);
}

#[tokio::test]
async fn a_node_is_alive_and_ready() {
    let node = Node::start().await;
    for (path, body) in [("/livez", "alive\n"), ("/readyz", "ready\n")] {
        let answer = get(node.admin, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
    }
    assert_eq!(
        node.metric(&format!(r#"switchboard_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"))).await,
        1
    );
}

#[tokio::test]
async fn what_goes_to_redis_is_counted_by_kind() {
    let redis = RedisServer::start().await;
    let node = Node::with(&["--redis", &redis.url()]).await;
    assert_eq!(node.metric("switchboard_redis_links").await, 1);
    let [mut ann, mut ben] = node.room("room").await;
    ben.say("message", json!({ "socketId": ann.id })).await;
    ben.say("message", json!({})).await;
    ben.say("info", json!({ "info": 1 })).await;
    ben.say("leave", json!({})).await;
    for event in ["message", "message", "peer_info", "remove_peer"] {
        ann.hear_event(event).await;
    }
    let commands = |kind| format!(r#"switchboard_redis_command_duration_seconds_count{{kind="{kind}"}}"#);
    for (kind, count) in [("join", 2), ("post", 1), ("broadcast", 1), ("info", 1), ("leave", 1)] {
        node.until_metric(&commands(kind), count).await;
    }
    // Some beat brings it, as few messages came.
    node.until_metric(&commands("trim"), 1).await;
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("pubsub");
    () = kill.query_async(&mut redis.connection().await).await.expect("killed");
    node.until_metric(&commands("sync"), 1).await;
    node.until_metric(r#"switchboard_redis_link_losses_total{reason="closed"}"#, 1).await;
    node.until_metric("switchboard_redis_links", 1).await;
    assert_eq!(node.metric("switchboard_redis_resubscriptions_total").await, 1);
    node.until_metric("switchboard_redis_requests_waiting", 0).await;
    let partitions = 16;
    assert!(node.metric(&commands("beat")).await >= 2 * partitions, "each link begins with a beat");
    let batches = node.metric("switchboard_redis_batch_commands_count").await;
    assert!(
        node.metric("switchboard_redis_batch_commands_sum").await > batches,
        "a beat is a batch of sixteen"
    );
}

#[tokio::test]
async fn probes_and_leases_are_timed() {
    let redis = RedisServer::start().await;
    let node = Node::with(&["--redis", &redis.url()]).await;
    let renewed = "switchboard_redis_lease_renewed_timestamp_seconds";
    let first = node.metric(renewed).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    assert!((now - 1..=now).contains(&first), "{first} at {now}");
    while node.metric(renewed).await == first {}
    let text = get(node.admin, "/metrics").await.body;
    let lag =
        text.lines().find_map(|line| line.strip_prefix("switchboard_redis_probe_duration_seconds_sum "));
    let lag: f64 = lag.expect("a probe").parse().expect("a number");
    assert!(lag > 0.0 && node.metric("switchboard_redis_probe_duration_seconds_count").await > 0);
}
