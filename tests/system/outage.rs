//! Redis goes away, in each of the ways that it has, and comes back: nobody's socket ends, nobody is thought gone, and
//! nothing is lost but what Redis alone held, which is told.

use crate::harness::{Client, Node, RedisServer, until};
use serde_json::{Value, json};

/// Short, so that leases lapse while Redis is away.
const FLAGS: [&str; 2] = ["--redis-timeout=300ms", "--lease=1s"];

/// Ann on one node and Ben on another, both resumable, and Cat, who isn't.
struct Scene {
    redis: RedisServer,
    near: Node,
    far: Node,
    ann: Client,
    ben: Client,
    cat: Client,
    said: u64,
}

impl Scene {
    async fn on(redis: RedisServer) -> Self {
        let url = redis.url();
        let flags = [&["--redis", &url], &FLAGS[..]].concat();
        let (near, far) = (Node::with(&flags).await, Node::with(&flags).await);
        let [mut ann, mut ben, mut cat] = [near.client().await, far.client().await, far.client().await];
        ann.join_with(json!({ "room": "room", "resume": true })).await;
        ben.join_with(json!({ "room": "room", "resume": true })).await;
        ann.hear_newcomer(&ben).await;
        cat.join("room").await;
        for earlier in [&mut ann, &mut ben] {
            earlier.hear_newcomer(&cat).await;
        }
        Self { redis, near, far, ann, ben, cat, said: 0 }
    }

    /// Ann and Ben each say the next thing to all.
    async fn speak(&mut self) {
        self.said += 1;
        for speaker in [&mut self.ann, &mut self.ben] {
            speaker
                .say_frame(json!({ "eventName": "message", "data": { "body": self.said }, "n": self.said }))
                .await;
        }
    }

    /// All that was said since is heard by all, in order and once, and nothing else is, but `gap` where there is one.
    async fn hear(&mut self, from: u64, gap: bool) {
        let Self { ann, ben, cat, said, .. } = self;
        let (of_ann, of_ben) = (ann.id.clone(), ben.id.clone());
        for (listener, speakers) in [
            (&mut *ann, vec![of_ben.clone()]),
            (&mut *ben, vec![of_ann.clone()]),
            (&mut *cat, vec![of_ann, of_ben]),
        ] {
            let mut expected: Vec<(String, u64)> = (from..=*said)
                .flat_map(|n| speakers.iter().map(move |speaker| (speaker.clone(), n)))
                .collect();
            let mut gaps = 0;
            while !expected.is_empty() || gaps < u64::from(gap) {
                let frame = listener.hear().await;
                match frame["eventName"].as_str().expect("a name") {
                    "ack" => {}
                    "gap" => gaps += 1,
                    "message" => take(&mut expected, &frame),
                    _ => panic!("nothing else happened: {frame}"),
                }
            }
            assert_eq!(gaps, u64::from(gap));
        }
    }

    /// Redis can be used again: somebody comes, whom all hear of and who sees all.
    async fn is_well(&mut self) {
        let mut dan = self.near.client().await;
        dan.join("room").await;
        let Self { ann, ben, cat, .. } = self;
        for member in [ann, ben, cat] {
            assert_eq!(member.hear_past("ack", "new_peer").await["socketId"], json!(dan.id));
        }
        dan.say("leave", json!({})).await;
        dan.hear_event("left").await;
        for member in [&mut self.ann, &mut self.ben, &mut self.cat] {
            assert_eq!(member.hear_past("ack", "remove_peer").await["socketId"], json!(dan.id));
        }
    }

    async fn until_both_know(&self, wrong: bool) {
        for node in [&self.near, &self.far] {
            until("a node knows", async || (node.is_ready().await) != wrong).await;
        }
    }
}

/// The first thing that its speaker is expected to say.
fn take(expected: &mut Vec<(String, u64)>, frame: &Value) {
    let from = frame["data"]["socketId"].as_str().expect("a speaker");
    let next = expected.iter().position(|(speaker, _)| speaker == from).expect("something expected");
    let (_, n) = expected.remove(next);
    assert_eq!((&frame["n"], &frame["data"]["body"]), (&json!(n), &json!(n)), "{frame}");
}

/// What is said while Redis is away waits; nobody hears that anybody went.
async fn outage(
    redis: RedisServer,
    gap: bool,
    begin: impl AsyncFn(&mut RedisServer),
    end: impl AsyncFn(&mut RedisServer),
) -> Scene {
    let mut scene = Scene::on(redis).await;
    for _ in 0..3 {
        scene.speak().await;
    }
    scene.hear(1, false).await;
    begin(&mut scene.redis).await;
    for _ in 0..3 {
        scene.speak().await;
    }
    scene.until_both_know(true).await;
    scene.speak().await;
    end(&mut scene.redis).await;
    scene.hear(4, gap).await;
    scene.is_well().await;
    scene
}

#[tokio::test]
async fn it_is_frozen_for_longer_than_a_lease() {
    outage(
        RedisServer::start().await,
        false,
        async |redis| redis.pause().await,
        async |redis| {
            redis.go_on().await;
        },
    )
    .await;
}

#[tokio::test]
async fn it_comes_back_with_its_data() {
    let redis = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let scene =
        outage(redis, true, async |redis| redis.kill().await, async |redis| redis.restart().await).await;
    assert_eq!(scene.restored().await, 0, "all were there");
}

#[tokio::test]
async fn it_comes_back_empty() {
    let redis = RedisServer::start().await;
    let scene =
        outage(redis, true, async |redis| redis.kill().await, async |redis| redis.restart().await).await;
    assert_eq!(scene.restored().await, 3, "each once");
}

#[tokio::test]
async fn it_becomes_a_read_only_replica_for_a_while() {
    let follow = async |redis: &mut RedisServer, whom: [&str; 2]| {
        let mut follow = redis::cmd("REPLICAOF");
        () = follow.arg(&whom).query_async(&mut redis.connection().await).await.expect("follows");
    };
    let begin = async |redis: &mut RedisServer| follow(redis, ["127.0.0.1", "1"]).await;
    let end = async |redis: &mut RedisServer| follow(redis, ["NO", "ONE"]).await;
    outage(RedisServer::start().await, false, begin, end).await;
}

impl Scene {
    /// How many sessions were registered again.
    async fn restored(&self) -> u64 {
        let series = r#"switchboard_audit_repairs_total{kind="restored"}"#;
        self.near.metric(series).await + self.far.metric(series).await
    }
}

#[tokio::test]
async fn what_only_redis_knows_is_repaired_by_the_audit() {
    let mut scene = Scene::on(RedisServer::start().await).await;
    let mut connection = scene.redis.connection().await;
    let key = scene.redis.keys("sb:*:n:*").await.into_iter().next().expect("a node's sessions");
    let at = key.split_inclusive('}').next().expect("a tag").to_owned() + ":";
    // As if a script had broken off: an id that is nobody's, and one that has a session.
    let ghost = "gh0st000000000000000";
    () = redis::pipe()
        .sadd(&key, "n0b0dy00000000000000")
        .sadd(&key, ghost)
        .sadd(format!("{at}r:room"), ghost)
        .hset_multiple(
            format!("{at}s:{ghost}"),
            &[("room", "room"), ("node", key.rsplit(':').next().expect("a node")), ("info", "null")],
        )
        .query_async(&mut connection)
        .await
        .expect("done");
    for member in [&mut scene.ann, &mut scene.ben, &mut scene.cat] {
        // Its coming was told to nobody; its going tells all that there was something, who look and see nothing.
        member.hears_nothing().await;
    }
    let series = r#"switchboard_audit_repairs_total{kind="ghost"}"#;
    until("the ghost is found", async || {
        scene.near.metric(series).await + scene.far.metric(series).await == 1
    })
    .await;
    until("nothing of it is left", async || {
        let members: Vec<String> = redis::cmd("SMEMBERS")
            .arg(format!("{at}r:room"))
            .query_async(&mut connection.clone())
            .await
            .expect("members");
        members.len() == 3
    })
    .await;
    scene.is_well().await;
}
