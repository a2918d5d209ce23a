//! TURN credentials, held against a real TURN server.

use crate::harness::{Coturn, Node, Refused, Resumable, Site, TurnClient, command, until};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "the secret of nodes and coturn";

#[tokio::test]
async fn a_client_gets_a_relay_with_what_it_was_told() {
    let coturn = Coturn::with_secrets(&[SECRET]).await;
    let site = Site::cluster(2, &flags(&coturn.url())).await;
    let mut ann = site.client().await;
    let told = ann.join("room").await;
    assert_eq!(told["ttl"], 3600);
    let [stun, turn] = &told["iceServers"].as_array().expect("servers")[..] else { panic!("{told}") };
    assert_eq!(stun, &json!({ "urls": ["stun:stun.example.org"] }));
    assert_eq!(turn["urls"], json!([coturn.url()]));
    assert!(turn["username"].as_str().expect("a name").ends_with(&format!(":{}", ann.id)), "{turn}");
    assert_eq!(relay(&coturn, &told).await.allocate().await, Ok(()));

    ann.say("ice_servers", json!({})).await;
    let again = ann.hear_event("ice_servers").await;
    assert_eq!(again["ttl"], 3600);
    assert_eq!(relay(&coturn, &again).await.allocate().await, Ok(()));
}

#[tokio::test]
async fn who_resumes_gets_fresh_credentials() {
    let coturn = Coturn::with_secrets(&[SECRET]).await;
    let site = Site::cluster(2, &flags(&coturn.url())).await;
    let mut ann = Resumable::join(site.client().await, "room").await;
    let mut elsewhere = site.client().await;
    elsewhere.say("resume", ann.claim()).await;
    let told = elsewhere.hear_event("resumed").await;
    assert_eq!(told["ttl"], 3600);
    assert_eq!(relay(&coturn, &told).await.allocate().await, Ok(()));
}

#[tokio::test]
async fn other_credentials_are_refused() {
    let coturn = Coturn::with_secrets(&[SECRET]).await;
    let stranger =
        Node::with(&["--turn-server", &coturn.url(), "--turn-secret", "a secret that coturn does not know"])
            .await;
    let told = stranger.client().await.join("room").await;
    assert_eq!(relay(&coturn, &told).await.allocate().await, Err(Refused(401)));

    let node = Node::with(&flags(&coturn.url())).await;
    let (username, password) = credentials(&node.client().await.join("room").await);
    let later = format!("1{username}");
    let mut longer = TurnClient::connect(coturn.address(), &later, &password).await;
    assert_eq!(longer.allocate().await, Err(Refused(401)), "nobody makes its credentials last longer");
}

#[tokio::test]
async fn they_end_but_a_relay_goes_on() {
    let coturn = Coturn::with_secrets(&[SECRET]).await;
    let node = Node::with(&[&flags(&coturn.url())[..], &["--turn-ttl", "4s"]].concat()).await;
    let mut ann = node.client().await;
    let told = ann.join("room").await;
    assert_eq!(told["ttl"], 4);
    let (mut early, mut late) = (relay(&coturn, &told).await, relay(&coturn, &told).await);
    assert_eq!(early.allocate().await, Ok(()));

    let (username, _) = credentials(&told);
    let end: u64 = username.split(':').next().expect("a time").parse().expect("seconds");
    until("the credentials end", async || unix_seconds() > end + 1).await;
    assert_eq!(late.allocate().await, Err(Refused(401)));
    assert_eq!(early.refresh().await, Ok(()));
    ann.say("ice_servers", json!({})).await;
    let fresh = ann.hear_event("ice_servers").await;
    assert_eq!(relay(&coturn, &fresh).await.allocate().await, Ok(()));
}

/// How an operator takes another secret.
#[tokio::test]
async fn a_server_may_know_two_secrets() {
    let coturn = Coturn::with_secrets(&["the secret to come, as long as one", SECRET]).await;
    for secret in ["the secret to come, as long as one", SECRET] {
        let node = Node::with(&["--turn-server", &coturn.url(), "--turn-secret", secret]).await;
        let told = node.client().await.join("room").await;
        assert_eq!(relay(&coturn, &told).await.allocate().await, Ok(()), "{secret}");
    }
}

#[tokio::test]
async fn outside_a_room_nobody_is_told() {
    let node = Node::with(&flags("turn:turn.example.org")).await;
    let mut ann = node.client().await;
    ann.say("ice_servers", json!({})).await;
    ann.hear_error("not_joined").await;
    ann.join("room").await;
    ann.say("leave", json!({})).await;
    ann.hear_event("left").await;
    ann.say("ice_servers", json!({})).await;
    ann.hear_error("not_joined").await;
}

#[tokio::test]
async fn settings_that_make_no_credentials_are_refused() {
    for (flags, told) in [
        (&["--turn-server", "turn:a"][..], "--turn-server needs --turn-secret"),
        (&["--turn-secret", "hunter2-hunter2-hunter2"], "--turn-secret needs a --turn-server"),
        (
            &["--turn-server", "turn:a", "--turn-secret", "hunter2"],
            "--turn-secret is too short: it takes at least 16",
        ),
        (
            &["--turn-server", "turn:a", "--turn-secret", "file:/nowhere"],
            "--turn-secret names /nowhere, which can't",
        ),
        (&["--turn-ttl", "500ms"], "takes a time from 1s"),
    ] {
        let output = command(flags).output().await.expect("the binary");
        let refusal = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{refusal}");
        assert!(refusal.contains(told) && !refusal.contains("hunter2"), "{flags:?}: {refusal}");
    }
}

fn flags(turn: &str) -> [&str; 6] {
    ["--ice-server", "stun:stun.example.org", "--turn-server", turn, "--turn-secret", SECRET]
}

/// A client of coturn with the credentials in the answer to a join.
async fn relay(coturn: &Coturn, told: &Value) -> TurnClient {
    let (username, password) = credentials(told);
    TurnClient::connect(coturn.address(), &username, &password).await
}

fn credentials(told: &Value) -> (String, String) {
    let server = told["iceServers"].as_array().expect("servers").last().expect("a TURN server");
    let text = |key: &str| server[key].as_str().expect(key).to_owned();
    (text("username"), text("credential"))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
