//! Frames that no client should send: each gets its error or close code, and nobody else notices.

use crate::harness::{Client, Ended, Endpoints, Node, Process};
use fastrand::Rng;
use serde_json::{Value, json, value::RawValue};
use tokio_tungstenite::tungstenite::Message;

/// Like an id, but nobody's.
const NOBODY: &str = "zzzzzzzzzzzzzzzzzzzz";

#[tokio::test]
async fn each_mistake_has_its_error() {
    let node = Node::with(&["--room-capacity", "2"]).await;
    let [ann, mut ben]: [Client; 2] = node.room("room").await;
    let mut elsewhere = node.client().await;
    elsewhere.join("another room").await;
    let own = ben.id.clone();
    for (code, frame) in [
        ("already_joined", json!({ "eventName": "join", "data": { "room": "room" } })),
        ("unknown_event", json!({ "eventName": "peers", "data": {} })),
        ("unknown_event", json!({ "eventName": "__offer", "data": { "socketId": ann.id } })),
        ("peer_gone", json!({ "eventName": "offer", "data": { "socketId": "a stranger", "sdp": "" } })),
        ("peer_gone", json!({ "eventName": "offer", "data": { "socketId": elsewhere.id, "sdp": "" } })),
        ("bad_message", json!({ "eventName": "offer", "data": { "socketId": own, "sdp": "" } })),
        ("bad_message", json!({ "eventName": "offer", "data": { "sdp": "" } })),
        ("bad_message", json!({ "eventName": "message", "data": "text" })),
        ("bad_message", json!({ "eventName": "message", "data": {}, "n": -1 })),
        ("too_large", json!({ "eventName": "info", "data": { "info": "x".repeat(5000) } })),
    ] {
        ben.say_text(&frame.to_string()).await;
        let error = ben.hear_error(code).await;
        assert_eq!(error["retryable"], false, "{error}");
        assert!(error["message"].as_str().expect("a sentence").len() > 10, "{error}");
    }
    ben.say_message(Message::binary(b"\x00".as_slice())).await;
    ben.hear_error("bad_message").await;
    for client in &mut [ann, elsewhere] {
        client.hears_nothing().await;
    }
}

#[tokio::test]
async fn an_error_names_the_message_and_the_peer_that_it_is_about() {
    let node = Node::start().await;
    let [mut ann] = node.room("room").await;
    ann.say_frame(json!({ "eventName": "offer", "data": { "socketId": NOBODY, "sdp": "" }, "n": 41 })).await;
    let error = ann.hear_error("peer_gone").await;
    assert_eq!((&error["socketId"], &error["n"]), (&json!(NOBODY), &json!(41)));
    ann.say("message", json!({ "socketId": NOBODY })).await;
    assert_eq!(ann.hear_error("peer_gone").await["n"], 42, "the gateway counts on");
}

#[tokio::test]
async fn before_joining_there_is_nobody_to_talk_to() {
    let node = Node::start().await;
    let mut ann = node.client().await;
    for frame in [
        json!({ "eventName": "offer", "data": { "socketId": NOBODY, "sdp": "" } }),
        json!({ "eventName": "message", "data": {} }),
        json!({ "eventName": "wave", "data": {} }),
        json!({ "eventName": "info", "data": { "info": 1 } }),
    ] {
        ann.say_frame(frame).await;
        ann.hear_error("not_joined").await;
    }
    for room in [json!(""), json!("x".repeat(129)), json!("a\u{7}b"), Value::Null] {
        ann.say_text(&json!({ "eventName": "join", "data": { "room": room } }).to_string()).await;
        ann.hear_error("bad_room").await;
    }
    ann.join("room").await;
}

#[tokio::test]
async fn depth_is_no_danger() {
    let node = Node::start().await;
    let [mut ann, mut ben] = node.room("room").await;
    for depth in [10, 10_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let data = |id: &str| format!(r#"{{"socketId":"{id}","body":{nested}}}"#);
        ben.say_text(&format!(r#"{{"eventName":"wave","data":{}}}"#, data(&ann.id))).await;
        assert!(ann.hear_deep().await.contains(&data(&ben.id)), "a payload passes as it is");
        for text in [
            nested.clone(),
            format!(r#"{{"eventName":{nested}}}"#),
            "[".repeat(depth),
            "{\"a\":".repeat(depth),
        ] {
            let mut client = node.client().await;
            client.say_text(&text).await;
            client.hear_error("bad_message").await;
        }
    }
}

#[tokio::test]
async fn a_storm_of_nonsense_leaves_no_trace() {
    const FRAMES: usize = 10_000;

    let fast = ["--joins-per-address", "1000000", "--messages-per-socket", "1000000"];
    let node = Process::start(&[&["--join-timeout", "1m"], &fast[..]].concat()).await;
    let [mut ann, mut ben] = node.room("bystanders").await;
    let mut nonsense = Nonsense::seeded(20_141_128);
    nonsense.storm(&node, FRAMES).await;
    let memory = node.memory();
    for wave in 0..2 {
        nonsense.storm(&node, FRAMES).await;
        ann.say("message", json!({ "body": wave })).await;
        assert_eq!(ben.hear_event("message").await["body"], wave);
    }
    ann.hears_nothing().await;
    ben.hears_nothing().await;
    node.until_metric("switchboard_sockets", 2).await;
    assert_eq!(node.metric("switchboard_members").await, 2);
    let grown = node.memory().saturating_sub(memory);
    assert!(grown < 2048, "{grown} KiB more after 20,000 frames more");
    let (status, log) = node.stop().await;
    assert_eq!(status, Some(0));
    assert!(log.iter().all(|line| line["level"] == "INFO"), "{log:?}");
}

/// Random and mutated frames.
struct Nonsense(Rng);

impl Nonsense {
    fn seeded(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Sends frames, one connection after the other, and sees that each is answered as it should be.
    async fn storm(&mut self, node: &Endpoints, frames: usize) {
        let mut client = Client::of_either_dialect(node, &mut self.0).await;
        for _ in 0..frames {
            let text = self.frame(&client.id);
            let malformed = serde_json::from_str::<&RawValue>(&text).is_err();
            match client.answers_to(&text).await {
                Ok(codes) if !client.hears_errors() => assert_eq!(codes, [""; 0], "{text}"),
                Ok(codes) if malformed => assert_eq!(codes, ["bad_message"], "{text}"),
                Ok(codes) => assert!(codes.len() <= 1, "{codes:?} for {text}"),
                Err(ended) => {
                    assert!([4400, 4403].contains(&ended.code), "{ended:?} after {text}");
                    client = Client::of_either_dialect(node, &mut self.0).await;
                }
            }
        }
    }

    fn frame(&mut self, own_id: &str) -> String {
        let mut bytes = match self.0.usize(..8) {
            0 => (0..self.0.usize(..200)).map(|_| self.0.u8(..)).collect(),
            1 => (0..self.0.usize(..200)).map(|_| self.one_of(b"{}[]\",:\\ue1-. \"eventNamedata")).collect(),
            _ => self.seed_frame(own_id).into_bytes(),
        };
        for _ in 0..self.0.usize(..4) {
            self.mutate(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn seed_frame(&mut self, own_id: &str) -> String {
        let seeds = [
            json!({ "eventName": "join", "data": { "room": "storm", "info": { "name": "x" }, "resume": true } }),
            json!({ "eventName": "__join", "data": { "room": "storm" } }),
            json!({ "eventName": "offer", "data": { "socketId": own_id, "sdp": "v=0\r\n" }, "n": 1 }),
            json!({ "eventName": "ice_candidate", "data": { "socketId": "0123456789abcdefghjk", "candidate": "" } }),
            json!({ "eventName": "message", "data": { "body": [1, 2.5, null, true, "é"] }, "n": 9 }),
            json!({ "eventName": "wave", "data": {} }),
            json!({ "eventName": "info", "data": { "info": "x".repeat(100) } }),
            json!({ "eventName": "resume", "data": { "room": "storm", "socketId": own_id, "key": "0".repeat(32),
                "attempt": 1, "received": { "0123456789abcdefghjk": 7 } } }),
            json!({ "eventName": "ack", "data": { "received": { "0123456789abcdefghjk": 7 } } }),
            json!({ "eventName": "leave", "data": {} }),
            json!({ "eventName": "ice_servers" }),
        ];
        seeds[self.0.usize(..seeds.len())].to_string()
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.0.usize(..bytes.len());
        match self.0.usize(..6) {
            0 => bytes[at] = self.0.u8(..),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, self.one_of(b"{}[]\",:\\0-")),
            3 => drop(bytes.remove(at)),
            4 => bytes.extend_from_within(at..),
            _ => {
                let with: &[u8] =
                    [b"null", b"1e999".as_slice(), b"\"socketId\"", b"\\ud800", b"{}"][self.0.usize(..5)];
                bytes.splice(at..at, with.iter().copied());
            }
        }
    }

    fn one_of(&mut self, bytes: &[u8]) -> u8 {
        bytes[self.0.usize(..bytes.len())]
    }
}

impl Client {
    /// A client whose dialect is settled, so that no nonsense of its own can settle it.
    async fn of_either_dialect(node: &Endpoints, rng: &mut Rng) -> Self {
        if rng.bool() {
            let mut client = node.client().await;
            client.hears_nothing().await;
            client
        } else {
            let mut client = node.skyrtc_client().await;
            client.say_text(r#"{"eventName":"__invite"}"#).await;
            client
        }
    }

    /// The codes of the errors that answer a frame, or how the connection ended.
    async fn answers_to(&mut self, text: &str) -> Result<Vec<String>, Ended> {
        self.try_say(Message::text(text)).await;
        // A WebSocket pong may overtake text frames; but a SkyRTC client hears none that matter here.
        let last = if self.hears_errors() {
            Message::text(r#"{"eventName":"ping"}"#)
        } else {
            Message::Ping("that was all".into())
        };
        self.try_say(last).await;
        let mut codes = Vec::new();
        while let Some(frame) = self.hear_anything().await? {
            let data = &frame["data"];
            match frame["eventName"].as_str() {
                Some("pong") => break,
                Some("error") => codes.push(data["code"].as_str().expect("a code").to_owned()),
                Some("peers" | "_peers") => self.id = data["you"].as_str().expect("an id").to_owned(),
                _ => {}
            }
        }
        Ok(codes)
    }
}
