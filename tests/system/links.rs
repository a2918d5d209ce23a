//! Links between a node and Redis that break, each in its way: what was said meanwhile arrives, once and in order, and
//! every view is true again.

use crate::harness::{Client, Node, Proxy, RedisServer};
use serde_json::json;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::timeout;

/// From the fault to a link that is whole again.
const MENDED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_link_that_is_closed() {
    let mut scene = Scene::set().await;
    scene.play(async |proxy, _| proxy.cut().await).await;
}

#[tokio::test]
async fn a_link_that_is_reset() {
    let mut scene = Scene::set().await;
    scene.play(async |proxy, _| proxy.reset().await).await;
}

#[tokio::test]
async fn a_writer_that_redis_kills() {
    let mut scene = Scene::set().await;
    scene.play(async |_, redis| kill_clients(redis, "normal").await).await;
}

#[tokio::test]
async fn a_subscriber_that_redis_kills() {
    let mut scene = Scene::set().await;
    scene.play(async |_, redis| kill_clients(redis, "pubsub").await).await;
}

#[tokio::test]
async fn a_link_that_holds_everything_back() {
    let mut scene = Scene::set().await;
    scene.play(async |proxy, _| proxy.hold()).await;
    // What the link held back comes late, after all was said again on the next one.
    scene.proxy.release();
    scene.hear_nothing_new().await;
}

/// One of a link's two connections brings nothing any more: the one that asks, or the one that hears what is published.
#[tokio::test]
async fn a_link_that_is_mute_or_deaf() {
    let mut reasons = BTreeSet::new();
    for held in 0..2 {
        let mut scene = Scene::set().await;
        let open = RefCell::new(0..);
        scene.play(async |proxy, _| proxy.hold_some(|| open.borrow_mut().next() == Some(held))).await;
        for reason in ["silent", "deaf"] {
            let series = format!("switchboard_redis_link_losses_total{{reason=\"{reason}\"}}");
            if scene.near.metric(&series).await > 0 {
                reasons.insert(reason);
            }
        }
    }
    assert_eq!(reasons, BTreeSet::from(["deaf", "silent"]));
}

/// Both nodes' connections of one kind.
async fn kill_clients(redis: &RedisServer, kind: &str) {
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg(kind);
    let killed: u64 = kill.query_async(&mut redis.connection().await).await.expect("killed");
    assert!(killed >= 2, "{killed}");
}

/// So many messages go each way.
const SAID: u64 = 200;

#[tokio::test]
async fn large_messages_that_were_missed_are_told_or_refused() {
    let mut scene = Scene::set().await;
    let Scene { proxy, ann, ben, .. } = &mut scene;
    proxy.hold();
    let text = "x".repeat(16 * 1024);
    let sent = 100;
    for body in 0..sent {
        let data = json!({ "socketId": ann.id, "body": body, "text": text });
        ben.say_text(&json!({ "eventName": "message", "data": data }).to_string()).await;
    }
    let mut refused = Vec::new();
    let mut heard = Vec::new();
    while heard.len() + refused.len() < sent {
        tokio::select! {
            frame = ann.hear() => heard.push(frame["n"].as_u64().expect("a number")),
            frame = ben.hear() => refused.push(frame["data"]["n"].as_u64().expect("a number")),
        }
    }
    assert!(!refused.is_empty() && heard.is_sorted(), "{heard:?}");
    let mut all = [heard, refused].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=sent as u64).collect::<Vec<_>>(), "each once");
}

#[tokio::test]
async fn a_full_redis_refuses_what_takes_memory_and_nothing_else() {
    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url(), "--redis-timeout", "300ms", "--lease", "1s"];
    let (near, far) = (Node::with(&flags).await, Node::with(&flags).await);
    let [mut ann, mut ben, mut cat] = [near.client().await, far.client().await, far.client().await];
    ann.join("room").await;
    ben.join("room").await;
    ann.hear_event("new_peer").await;

    let limit = async |bytes: &str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        () = set.query_async(&mut redis.connection().await).await.expect("set");
    };
    limit("1").await;
    ann.say("message", json!({ "socketId": ben.id, "body": 1 })).await;
    assert_eq!(ann.hear_error("unavailable").await["n"], 1);
    ann.say("message", json!({ "body": 2 })).await;
    assert_eq!(ann.hear_error("unavailable").await["n"], 2);
    ann.say("info", json!({ "info": 3 })).await;
    assert_eq!(ann.hear_error("unavailable").await.get("n"), None);
    cat.say("join", json!({ "room": "room" })).await;
    cat.hear_error("unavailable").await;
    // For longer than a lease: a dozen rounds of beats.
    let beats = r#"switchboard_redis_command_duration_seconds_count{kind="beat"}"#;
    let enough = near.metric(beats).await + 12 * 16;
    while near.metric(beats).await < enough {}
    assert_eq!(near.metric("switchboard_redis_link_losses_total{reason=\"refused\"}").await, 0);
    ben.say("leave", json!({})).await;
    ben.hear_event("left").await;
    assert_eq!(ann.hear_event("remove_peer").await["reason"], "left", "to leave takes no memory");

    limit("0").await;
    cat.join("room").await;
    ann.hear_event("new_peer").await;
    ann.say("message", json!({ "socketId": cat.id, "body": 4 })).await;
    assert_eq!(cat.hear_event("message").await["body"], 4);
}

/// Ann's node reaches Redis through a proxy; Ben's and Cat's doesn't.
struct Scene {
    proxy: Proxy,
    redis: RedisServer,
    near: Node,
    far: Node,
    ann: Client,
    ben: Client,
    cat: Client,
}

impl Scene {
    async fn set() -> Self {
        let redis = RedisServer::start().await;
        let proxy = Proxy::before(redis.address()).await;
        let near = Node::with(&["--redis", &format!("redis://{}", proxy.address())]).await;
        let far = Node::with(&["--redis", &redis.url(), "--messages-per-socket", "1000"]).await;
        let [mut ann, mut ben, mut cat] = [near.client().await, far.client().await, far.client().await];
        ann.join("room").await;
        ben.join("room").await;
        ann.hear_event("new_peer").await;
        cat.join("room").await;
        for earlier in [&mut ann, &mut ben] {
            earlier.hear_event("new_peer").await;
        }
        Self { proxy, redis, near, far, ann, ben, cat }
    }

    /// Breaks Ann's link while she and Ben talk, Cat goes, and Dan comes.
    async fn play(&mut self, fault: impl AsyncFn(&Proxy, &RedisServer)) {
        for body in 0..SAID {
            if body == SAID / 4 {
                fault(&self.proxy, &self.redis).await;
            }
            self.ben.say("message", json!({ "socketId": self.ann.id, "body": body })).await;
            self.ann.say("message", json!({ "socketId": self.ben.id, "body": body })).await;
        }
        let cat = self.cat.id.clone();
        self.cat.say("leave", json!({})).await;
        self.cat.hear_event("left").await;
        let mut dan = self.far.client().await;
        dan.join("room").await;
        dan.say("message", json!({ "socketId": self.ann.id, "body": 0 })).await;
        let mended = self.near.until_metric("switchboard_redis_resubscriptions_total", 1);
        timeout(MENDED_WITHIN, mended).await.expect("subscribed again in time");

        let expected = Told { came: vec![dan.id.clone()], gone: vec![cat], said: BTreeMap::new() };
        let of = |peer: &Client, count| (peer.id.clone(), (0..count).collect());
        let ann = Told { said: BTreeMap::from([of(&self.ben, SAID), of(&dan, 1)]), ..expected.clone() };
        let ben = Told { said: BTreeMap::from([of(&self.ann, SAID)]), ..expected };
        assert_eq!(Told::by(&mut self.ann, ann.count()).await, ann);
        assert_eq!(Told::by(&mut self.ben, ben.count()).await, ben);
        self.cat = dan;
        self.hear_nothing_new().await;
    }

    /// The next thing that everybody hears is somebody who comes now.
    async fn hear_nothing_new(&mut self) {
        let mut witness = self.far.client().await;
        witness.join("room").await;
        for client in [&mut self.ann, &mut self.ben, &mut self.cat] {
            assert_eq!(client.hear_event("new_peer").await["socketId"], json!(witness.id));
        }
        witness.close().await;
        for client in [&mut self.ann, &mut self.ben, &mut self.cat] {
            client.hear_event("remove_peer").await;
        }
    }
}

/// What a client was told: who came and who went, and what each said, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    came: Vec<String>,
    gone: Vec<String>,
    said: BTreeMap<String, Vec<u64>>,
}

impl Told {
    async fn by(client: &mut Client, count: usize) -> Self {
        let mut told = Self::default();
        for _ in 0..count {
            let frame = client.hear().await;
            let peer = frame["data"]["socketId"].as_str().expect("a peer").to_owned();
            match frame["eventName"].as_str().expect("a name") {
                "new_peer" => told.came.push(peer),
                "remove_peer" => told.gone.push(peer),
                "message" => {
                    told.said
                        .entry(peer)
                        .or_default()
                        .push(frame["data"]["body"].as_u64().expect("a number"));
                }
                _ => panic!("nobody said {frame}"),
            }
        }
        told
    }

    fn count(&self) -> usize {
        self.came.len() + self.gone.len() + self.said.values().map(Vec::len).sum::<usize>()
    }
}

#[tokio::test]
async fn a_mailbox_that_fills_meanwhile_refuses_the_rest_and_loses_nothing() {
    const MAILBOX: u64 = 1024;

    let mut scene = Scene::set().await;
    let Scene { proxy, near, far, ann, ben, .. } = &mut scene;
    proxy.hold();
    for body in 0..MAILBOX + 2 {
        // At once, before the link is given up: to check each frame would take longer.
        let message = json!({ "eventName": "message", "data": { "socketId": ann.id, "body": body } });
        ben.say_text(&message.to_string()).await;
    }
    for n in [MAILBOX + 1, MAILBOX + 2] {
        let error = ben.hear_error("unavailable").await;
        assert_eq!((&error["n"], &error["socketId"]), (&json!(n), &json!(ann.id)));
        assert_eq!(error["retryable"], true);
    }
    assert_eq!(far.metric(r#"switchboard_limits_total{limit="mailbox"}"#).await, 2);
    near.until_metric("switchboard_redis_resubscriptions_total", 1).await;
    for body in 0..MAILBOX {
        assert_eq!(ann.hear_event("message").await["body"], body);
    }
    near.until_metric(r#"switchboard_redis_command_duration_seconds_count{kind="trim"}"#, 1).await;
    ben.say("message", json!({ "socketId": ann.id, "body": "again" })).await;
    assert_eq!(ann.hear_event("message").await["body"], "again", "there is room again");
}
