//! What comes too fast: told at first, and then sent away.

use crate::harness::{Client, Ended, Node, RawClient, raw::Opcode};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

const PING: &str = r#"{"eventName":"ping"}"#;

/// One frame a second, ten at once.
const SLOW: [&str; 2] = ["--messages-per-socket", "1"];

#[tokio::test]
async fn a_frame_too_many_has_no_effect_and_its_sender_hears_when_to_send_it_again() {
    let node = Node::with(&SLOW).await;
    let [mut ann, mut ben] = node.room("room").await;
    for n in 1..=10 {
        ben.say_frame(json!({ "eventName": "message", "data": { "socketId": ann.id, "body": n }, "n": n }))
            .await;
    }
    // Joining was the first of the ten.
    let error = ben.hear_error("rate_limited").await;
    assert_eq!(
        (&error["n"], &error["socketId"], &error["retryable"]),
        (&json!(10), &json!(ann.id), &json!(true))
    );
    let wait = error["retryAfterMs"].as_u64().expect("milliseconds");
    assert!((1..=1000).contains(&wait), "{wait}");
    for n in 1..=9 {
        assert_eq!(ann.hear_event("message").await["body"], n);
    }
    tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    ben.say_frame(
        json!({ "eventName": "message", "data": { "socketId": ann.id, "body": "again" }, "n": 11 }),
    )
    .await;
    assert_eq!(ann.hear_event("message").await["body"], "again", "what was refused never comes");
}

/// To a resumable session the number of what was refused is used up: it is acknowledged with those around it.
#[tokio::test]
async fn what_was_refused_is_not_waited_for() {
    let node = Node::with(&SLOW).await;
    let [ann] = node.room("room").await;
    let mut ben = node.client().await;
    ben.join_with(json!({ "room": "room", "resume": true })).await;
    for n in 1..=10 {
        ben.say_frame(json!({ "eventName": "message", "data": { "socketId": ann.id }, "n": n })).await;
    }
    assert_eq!(ben.hear_error("rate_limited").await["n"], 10);
    assert_eq!(ben.hear_event("ack").await["n"], 10);
}

#[tokio::test]
async fn a_flood_of_any_frames_ends_with_4529_and_nobody_else_notices() {
    let node = Node::with(&SLOW).await;
    let mut ann = node.client().await;
    ann.join("room").await;
    for flood in [
        Message::text(PING),
        Message::Ping("hello".into()),
        Message::Pong("hello".into()),
        Message::text(r#"{"eventName":"ack","data":{"received":{}}}"#),
        Message::text(r#"{"eventName":"leave"}"#),
    ] {
        let mut eve = node.client().await;
        for _ in 0..30 {
            eve.try_say(flood.clone()).await;
        }
        assert_eq!(eve.ended().await, Ended::with(4529, "rate_limited"), "{flood:?}");
    }
    ann.hears_nothing().await;
}

#[tokio::test]
async fn a_message_that_never_ends_is_a_flood_too() {
    let node = Node::with(&SLOW).await;
    let mut eve = RawClient::connect(node.address).await;
    eve.send_empty_fragments(30).await;
    let (ended, told) = eve.ended().await;
    assert_eq!((ended, told), (Ended::with(4529, "rate_limited"), 10), "ten were fine, ten too fast");
}

#[tokio::test]
async fn a_burst_within_ten_seconds_worth_is_fine() {
    let node = Node::start().await;
    let mut ann = RawClient::connect(node.address).await;
    ann.send(&vec![(Opcode::Text, PING.as_bytes()); 1000]).await;
    for _ in 0..1000 {
        let (_, answer) = ann.receive().await.expect("an answer");
        assert!(answer.starts_with(br#"{"eventName":"pong""#));
    }
}

#[tokio::test]
async fn a_skyrtc_client_hears_nothing_of_what_was_refused() {
    let node = Node::with(&SLOW).await;
    let mut old = node.skyrtc_client().await;
    old.join("room").await;
    for _ in 0..9 {
        old.say_text(r#"{"eventName":"__offer","data":{"socketId":"nobody"}}"#).await;
    }
    old.hears_nothing().await;
    assert_eq!(
        node.metric(r#"switchboard_errors_total{code="rate_limited"}"#).await,
        1,
        "the question itself"
    );
}

/// One join a second from an address, ten at once.
#[tokio::test]
async fn joins_from_one_address_are_slowed_down_and_then_refused() {
    let node = Node::with(&["--joins-per-address", "1"]).await;
    let mut guests: Vec<Client> = Vec::new();
    for _ in 0..10 {
        let mut guest = node.client().await;
        guest.join(&format!("room {}", guests.len())).await;
        guests.push(guest);
    }
    let join = json!({ "room": "room" });
    let id = guests[0].id.clone();
    let resume =
        json!({ "room": "room 0", "socketId": id, "key": "0".repeat(32), "attempt": 1, "received": {} });
    let (mut eve, mut old) = (node.client().await, node.skyrtc_client().await);
    for (event, data) in [("join", &join), ("resume", &resume)].into_iter().cycle().take(10) {
        eve.say(event, data.clone()).await;
        let error = eve.hear_error("rate_limited").await;
        assert!((1..=1000).contains(&error["retryAfterMs"].as_u64().expect("milliseconds")), "{error}");
    }
    eve.say("join", join.clone()).await;
    eve.hear_error("rate_limited").await;
    // It has no word for errors, and would wait for ever.
    old.say("__join", join).await;
    assert_eq!(eve.ended().await, Ended::with(4529, "rate_limited"));
    assert_eq!(old.ended().await, Ended::with(4529, "rate_limited"));
    for guest in &mut guests {
        guest.hears_nothing().await;
    }
}

#[tokio::test]
async fn tokens_are_renewed_no_faster_than_rooms_are_joined() {
    let node = Node::with(&["--joins-per-address", "1"]).await;
    let mut eve = node.client().await;
    eve.join("room").await;
    let renewal = json!({ "token": "anything" });
    for _ in 0..9 {
        eve.say("token", renewal.clone()).await;
        eve.hear_event("token").await;
    }
    for _ in 0..10 {
        eve.say("token", renewal.clone()).await;
        eve.hear_error("rate_limited").await;
    }
    eve.say("token", renewal).await;
    eve.hear_error("rate_limited").await;
    assert_eq!(eve.ended().await, Ended::with(4529, "rate_limited"));
}

#[tokio::test]
async fn an_address_takes_no_more_than_its_connections() {
    let node = Node::with(&["--max-sockets-per-address", "2"]).await;
    let [ann, _ben]: [Client; 2] = node.room("room").await;
    assert_eq!(node.client().await.ended().await, Ended::with(4529, "rate_limited"));
    let elsewhere = [127, 0, 0, 2].into();
    Client::connect_from(elsewhere, node.address, &[]).await.join("room").await;
    ann.close().await;
    node.until_metric("switchboard_sockets", 1).await;
    node.client().await.join("room").await;
}

/// Half a request takes a connection, and is no WebSocket yet.
#[tokio::test]
async fn an_address_that_never_finishes_its_requests_leaves_room_for_others() {
    let node = Node::with(&["--max-sockets-per-address", "10", "--handshake-timeout", "1m"]).await;
    let mut halves = Vec::new();
    for _ in 0..10 + 32 {
        halves.push(RawClient::dial(node.address).await);
    }
    let refused = r#"switchboard_limits_total{limit="address_sockets"}"#;
    assert_eq!(node.metric(refused).await, 0);
    for count in 1..=500 {
        drop(tokio::net::TcpStream::connect(node.address).await.expect("a listening node"));
        node.until_metric(refused, count).await;
    }
    Client::connect_from([127, 0, 0, 2].into(), node.address, &[]).await.join("room").await;
}
