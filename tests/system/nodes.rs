//! Nodes that die and nodes that stop for a while: what the others are told of their members, and what is left of them.

use crate::harness::{Client, Endpoints, Node, Process, RedisServer};
use redis::AsyncCommands;
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, timeout_at};

/// As `--lease` has it by default.
const LEASE: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_killed_nodes_members_are_lost_once_and_leave_no_trace() {
    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url()];
    let doomed = Process::start(&flags).await;
    let others = [Process::start(&flags).await, Process::start(&flags).await];

    let mut rooms = Vec::new();
    for number in 0..6 {
        rooms.push(Household::of(&format!("room {number}"), &doomed, &others).await);
    }
    let lost: BTreeSet<_> =
        rooms.iter().flat_map(|room| room.doomed.iter().map(|client| client.id.clone())).collect();
    doomed.kill().await;
    let killed = Instant::now();

    for room in &mut rooms {
        room.mourn(&others, killed + LEASE + Duration::from_secs(2)).await;
    }
    for room in &mut rooms {
        room.hears_no_more(&others[0]).await;
    }
    let reaped = [others[0].reaped().await, others[1].reaped().await];
    assert_eq!(reaped.iter().sum::<u64>(), lost.len() as u64, "each once: {reaped:?}");
    let clean = async { while traces(&redis, &lost).await > 0 {} };
    timeout_at(killed + Duration::from_secs(15), clean).await.expect("no trace of them in Redis");
}

#[tokio::test]
async fn eight_nodes_that_reap_at_once_tell_it_once() {
    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url()];
    let doomed = Process::start(&flags).await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(Node::with(&flags).await);
    }
    let mut witnesses = Vec::new();
    for node in &others {
        let mut witness = node.client().await;
        witness.join("room").await;
        for earlier in &mut witnesses {
            Client::hear_event(earlier, "new_peer").await;
        }
        witnesses.push(witness);
    }
    let mut doomed_clients = Vec::new();
    for _ in 0..40 {
        let mut client = doomed.client().await;
        client.join("room").await;
        doomed_clients.push(client);
        for witness in &mut witnesses {
            witness.hear_event("new_peer").await;
        }
    }
    let lost: BTreeSet<_> = doomed_clients.iter().map(|client| client.id.clone()).collect();
    doomed.kill().await;
    for witness in &mut witnesses {
        let mut told = BTreeSet::new();
        for _ in 0..lost.len() {
            let left = witness.hear_event("remove_peer").await;
            assert_eq!(left["reason"], "lost");
            told.insert(left["socketId"].as_str().expect("an id").to_owned());
        }
        assert_eq!(told, lost);
    }
    let mut newcomer = others[0].client().await;
    newcomer.join("room").await;
    for witness in &mut witnesses {
        assert_eq!(
            witness.hear_event("new_peer").await["socketId"],
            json!(newcomer.id),
            "and nothing before"
        );
    }
    let mut reaped = 0;
    for node in &others {
        reaped += node.reaped().await;
    }
    assert_eq!(reaped, lost.len() as u64);
}

#[tokio::test]
async fn a_node_that_was_paused_beyond_its_lease_changes_nothing_it_no_longer_owns() {
    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url()];
    let (paused, other) = (Process::start(&flags).await, Process::start(&flags).await);
    let [mut ann, mut ben] = in_a_room(&other, &paused).await;
    let mut cat = paused.client().await;

    paused.pause().await;
    // All of this waits in the paused node's sockets.
    ben.say("message", json!({ "socketId": ann.id, "body": "late" })).await;
    ben.say("message", json!({ "body": "late" })).await;
    ben.say("info", json!({ "info": "late" })).await;
    cat.say("join", json!({ "room": "room" })).await;
    let left = ann.hear_event("remove_peer").await;
    assert_eq!((&left["socketId"], &left["reason"]), (&json!(ben.id), &json!("lost")));
    assert_eq!(traces(&redis, &BTreeSet::from([ben.id.clone()])).await, 0);

    paused.go_on().await;
    assert_eq!(ben.ended().await.code, 4503, "its place is gone; it may come back as someone new");
    // Cat was never in; she is let in now, by a node that holds a lease again.
    cat.id = cat.hear_event("peers").await["you"].as_str().expect("an id").to_owned();
    assert_eq!(
        ann.hear_event("new_peer").await["socketId"],
        json!(cat.id),
        "of Ben nothing was heard before"
    );
    ann.say("message", json!({ "socketId": cat.id, "body": "hello" })).await;
    assert_eq!(cat.hear_event("message").await["body"], "hello");
    assert_eq!(traces(&redis, &BTreeSet::from([ben.id.clone()])).await, 0);
}

#[tokio::test]
async fn a_short_pause_is_forgiven() {
    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url()];
    let (paused, other) = (Process::start(&flags).await, Process::start(&flags).await);
    let [mut ann, mut ben] = in_a_room(&other, &paused).await;
    let beats = r#"switchboard_redis_command_duration_seconds_count{kind="beat"}"#;
    let before = other.metric(beats).await;
    paused.pause().await;
    ann.say("message", json!({ "socketId": ben.id, "body": 1 })).await;
    // Two rounds of sixteen beats: so long at least.
    while other.metric(beats).await < before + 32 {}
    paused.go_on().await;
    assert_eq!(ben.hear_event("message").await["body"], 1);
    ben.say("message", json!({ "socketId": ann.id, "body": 2 })).await;
    assert_eq!(ann.hear_event("message").await["body"], 2, "and nothing before");
}

#[tokio::test]
async fn a_node_that_stops_leaves_nothing_behind() {
    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url()];
    let (stopping, other) = (Process::start(&flags).await, Process::start(&flags).await);
    let [mut ann, mut ben] = in_a_room(&other, &stopping).await;
    assert_eq!(stopping.stop().await.0, Some(0));
    assert_eq!(ben.ended().await.code, 1012);
    ann.hear_event("remove_peer").await;
    drop(ann);
    assert_eq!(other.stop().await.0, Some(0));
    let keys: Vec<String> = redis.connection().await.keys("*").await.expect("keys");
    let kept = |key: &String| key.ends_with(":rv:room") || key.ends_with(":epoch") || key == "sb:deployment";
    assert!(keys.iter().all(kept), "{keys:?}");
}

/// Two who know of each other, one on either node.
async fn in_a_room(one: &Endpoints, other: &Endpoints) -> [Client; 2] {
    let [mut ann, mut ben] = [one.client().await, other.client().await];
    ann.join("room").await;
    ben.join("room").await;
    ann.hear_event("new_peer").await;
    [ann, ben]
}

/// A room with members of a node that will die, and of those that won't.
struct Household {
    name: String,
    doomed: Vec<Client>,
    survivors: Vec<Client>,
}

impl Household {
    async fn of(name: &str, doomed: &Endpoints, others: &[Process]) -> Self {
        let mut household = Self { name: name.into(), doomed: Vec::new(), survivors: Vec::new() };
        for place in [doomed, &others[0], doomed, &others[1]] {
            let mut client = place.client().await;
            client.join(name).await;
            for earlier in household.doomed.iter_mut().chain(&mut household.survivors) {
                earlier.hear_event("new_peer").await;
            }
            let dies = std::ptr::eq(place, doomed);
            if dies { &mut household.doomed } else { &mut household.survivors }.push(client);
        }
        household
    }

    /// Others come and go until each survivor has heard of each who died; each once, and in time.
    async fn mourn(&mut self, others: &[Process], deadline: Instant) {
        let mut visitor = others[0].client().await;
        visitor.join(&self.name).await;
        let dead: BTreeSet<_> = self.doomed.iter().map(|client| client.id.clone()).collect();
        for survivor in &mut self.survivors {
            let (mut told, mut visited) = (BTreeSet::new(), false);
            while told.len() < dead.len() || !visited {
                let frame = timeout_at(deadline, survivor.hear()).await.expect("told in time");
                match frame["eventName"].as_str().expect("a name") {
                    "new_peer" => {
                        assert_eq!(frame["data"]["socketId"], json!(visitor.id));
                        visited = true;
                    }
                    "remove_peer" => assert!(told.insert(lost(&frame)), "told twice: {frame}"),
                    other => panic!("nobody said {other}"),
                }
            }
            assert_eq!(told, dead);
        }
        visitor.close().await;
        for survivor in &mut self.survivors {
            assert_eq!(survivor.hear_event("remove_peer").await["reason"], "left");
        }
    }

    async fn hears_no_more(&mut self, place: &Endpoints) {
        let mut witness = place.client().await;
        witness.join(&self.name).await;
        for survivor in &mut self.survivors {
            assert_eq!(survivor.hear_event("new_peer").await["socketId"], json!(witness.id));
        }
    }
}

fn lost(frame: &Value) -> String {
    assert_eq!(frame["data"]["reason"], "lost", "{frame}");
    frame["data"]["socketId"].as_str().expect("an id").to_owned()
}

/// How many keys name one of these sockets, or hold one.
async fn traces(redis: &RedisServer, ids: &BTreeSet<String>) -> usize {
    let mut connection = redis.connection().await;
    let keys: Vec<String> = connection.keys("*").await.expect("keys");
    let mut traces = 0;
    for key in keys {
        let named = ids.iter().any(|id| key.contains(id));
        let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut connection).await.expect("a type");
        let members: Vec<String> = match kind.as_str() {
            "set" => connection.smembers(&key).await.expect("members"),
            _ => Vec::new(),
        };
        traces += usize::from(named || members.iter().any(|member| ids.contains(member)));
    }
    traces
}

impl Endpoints {
    /// Sessions of dead nodes that this node removed.
    async fn reaped(&self) -> u64 {
        self.metric("switchboard_reaped_sessions_total").await
    }
}
