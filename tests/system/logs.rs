//! What nobody may read in a log, at no level: secrets, and what clients say to each other.

use crate::{
    auth,
    harness::{Client, Ended, Process, RedisServer, get, request},
};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// What operators set, by the flag that takes it. A new secret is a line here.
const SETTINGS: [(&str, &str); 4] = [
    ("--turn-secret", "turn-secret-8b1f7c"),
    ("--admin-token", ADMIN_TOKEN),
    ("--auth-key", AUTH_KEY),
    ("--webhook-secret", "whsec_d2ViaG9vay1zZWNyZXQtb2YtdGhlLXRlc3Rz"),
];

const ADMIN_TOKEN: &str = "admin-token-4f6b20";
const AUTH_KEY: &str = "auth-key-1c9d5e7702b34a6f8e0d1c2b3a495867";

/// In the URL of `--webhook-url`, at which nobody listens.
const WEBHOOK_PASSWORD: &str = "webhook-password-77ab31";
const WEBHOOK_PATH: &str = "webhook-path-e04c19";

/// In the URL of `--redis`.
const REDIS_PASSWORD: &str = "redis-password-5e0d2a";

/// What clients say. A new one is a line here, and is said in [`talk`].
mod said {
    pub(super) const DESCRIPTION: &str = "description-1d7a40";
    pub(super) const CANDIDATE: &str = "candidate-93c6e8";
    pub(super) const MESSAGE: &str = "message-b25f01";
    pub(super) const INFO: &str = "info-7e49d3";
    pub(super) const TOKEN: &str = "token-c08e5b";
    pub(super) const ALL: [&str; 5] = [DESCRIPTION, CANDIDATE, MESSAGE, INFO, TOKEN];
}

#[tokio::test]
async fn with_rooms_in_memory() {
    check(&[]).await;
}

#[tokio::test]
async fn with_rooms_in_redis() {
    let redis = RedisServer::with(&["--requirepass", REDIS_PASSWORD]).await;
    let url = redis.url().replace("redis://", &format!("redis://:{REDIS_PASSWORD}@"));
    check(&["--redis", &url]).await;
}

async fn check(flags: &[&str]) {
    let webhook = format!("http://switchboard:{WEBHOOK_PASSWORD}@127.0.0.1:9/{WEBHOOK_PATH}");
    let fixed =
        ["--log", "trace", "--turn-server", "turn:turn.example.org", "--webhook-url", webhook.as_str()];
    let settings = SETTINGS.iter().flat_map(|(flag, secret)| [*flag, *secret]);
    let flags: Vec<_> = fixed.into_iter().chain(settings).chain(flags.iter().copied()).collect();
    let node = Process::start(&flags).await;
    let mut secrets = talk(node.address).await;
    ask(node.admin).await;
    secrets.extend(SETTINGS.map(|(_, secret)| secret.to_owned()));
    secrets.extend(said::ALL.map(str::to_owned));
    secrets.extend([REDIS_PASSWORD, WEBHOOK_PASSWORD, WEBHOOK_PATH].map(str::to_owned));

    let starting = node.starting.clone();
    let (status, log) = node.stop().await;
    assert_eq!(status, Some(0));
    let lines: Vec<_> = starting.iter().chain(&log).collect();
    for level in ["DEBUG", "INFO"] {
        assert!(lines.iter().any(|line| line["level"] == level), "{level} is logged");
    }
    for line in lines {
        let text = line.to_string();
        for secret in &secrets {
            assert!(!text.contains(secret) && !text.contains(&as_numbers(secret)), "{secret}: {text}");
        }
    }
}

/// Two clients' whole life, with what goes wrong in it. Returns the secrets that they were told.
async fn talk(node: SocketAddr) -> Vec<String> {
    let mut told = Vec::new();
    let url = format!("ws://{node}/ws");
    let token = auth::token(AUTH_KEY.as_bytes(), "tea");
    told.push(token.clone());
    let joining = json!({ "room": "tea", "info": { "name": said::INFO }, "token": token, "resume": true });
    let mut eve = Client::connect(&url).await;
    eve.say("join", json!({ "room": "tea", "token": said::TOKEN })).await;
    eve.hear_error("unauthorized").await;
    assert_eq!(eve.ended().await, Ended::with(4401, "unauthorized"));
    let mut ann = Client::connect(&url).await;
    let peers = ann.join_with(joining.clone()).await;
    let key = key(&peers);
    told.extend([key.clone(), credential(&peers)]);
    let mut ben = Client::connect(&url).await;
    let peers = ben.join_with(joining).await;
    told.extend([self::key(&peers), credential(&peers)]);
    ann.hear_newcomer(&ben).await;

    let sdp = format!("v=0\r\na={}\r\n", said::DESCRIPTION);
    let offer = json!({ "socketId": ann.id, "sdp": { "type": "offer", "sdp": sdp } });
    ben.say_frame(json!({ "eventName": "offer", "data": offer, "n": 1 })).await;
    ann.hear_event("offer").await;
    let answer = json!({ "socketId": ben.id, "sdp": { "type": "answer", "sdp": sdp } });
    ann.say_frame(json!({ "eventName": "answer", "data": answer, "n": 1 })).await;
    ben.hear_past("ack", "answer").await;
    let candidate = json!({ "socketId": ann.id, "candidate": said::CANDIDATE, "sdpMLineIndex": 0 });
    ben.say_frame(json!({ "eventName": "ice_candidate", "data": candidate, "n": 2 })).await;
    ann.hear_past("ack", "ice_candidate").await;
    let message = json!({ "body": said::MESSAGE });
    ben.say_frame(json!({ "eventName": "message", "data": message, "n": 3 })).await;
    ann.hear_past("ack", "message").await;
    ben.say("info", json!({ "info": [said::INFO] })).await;
    ann.hear_past("ack", "peer_info").await;

    // What is refused is not logged, either.
    for broken in [
        json!({ "eventName": "offer", "data": offer }).to_string(),
        json!({ "eventName": "offer", "data": { "socketId": "nobody", "sdp": sdp }, "n": 4 }).to_string(),
        json!({ "eventName": "offer", "data": offer, "n": 5 }).to_string().replace('}', said::DESCRIPTION),
        json!({ "eventName": "resume", "data": { "key": key } }).to_string(),
    ] {
        ben.say_text(&broken).await;
        ben.hear_past("ack", "error").await;
    }

    ben.say("ice_servers", json!({})).await;
    told.push(credential(&ben.hear_past("ack", "ice_servers").await));
    ben.say("token", json!({ "token": said::TOKEN })).await;
    ben.hear_past("ack", "error").await;
    ben.say("token", json!({ "token": token })).await;
    ben.hear_past("ack", "token").await;
    let claim = json!({ "room": "tea", "token": token, "socketId": ann.id, "key": key, "attempt": 1,
        "received": { ben.id.clone(): 1 }, "version": 1 });
    ann.vanish();
    let mut ann = Client::connect(&url).await;
    ann.say("resume", claim).await;
    let resumed = ann.hear_event("resumed").await;
    told.extend([self::key(&resumed), credential(&resumed)]);
    ben.vanish();
    ann.say("leave", json!({})).await;
    ann.close().await;
    told
}

/// What an operator asks, and what is asked wrongly.
async fn ask(admin: SocketAddr) {
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(get(admin, path).await.status, 200);
    }
    for (token, status) in [(ADMIN_TOKEN, 200), (said::TOKEN, 401)] {
        let asked = format!("GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n");
        assert_eq!(request(admin, &format!("{asked}Connection: close\r\n\r\n")).await.status, status);
    }
}

fn key(told: &Value) -> String {
    told["resume"]["key"].as_str().expect("a key").to_owned()
}

fn credential(told: &Value) -> String {
    told["iceServers"][0]["credential"].as_str().expect("a password").to_owned()
}

/// Bytes as Rust prints them.
fn as_numbers(text: &str) -> String {
    format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned()
}
