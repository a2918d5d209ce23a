//! Masters that die: the rooms go on at whoever takes over, and nobody is seen to leave.

use crate::harness::{Client, Cluster, Node, Sentinel};
use serde_json::json;

#[tokio::test]
async fn sentinels_name_another_master() {
    let mut redis = Sentinel::start().await;
    let mut calls = Call::several(&redis.url(), 1).await;
    redis.kill_master().await;
    for call in &mut calls {
        call.goes_on().await;
    }
}

#[tokio::test]
async fn a_cluster_puts_a_replica_in_its_masters_place() {
    let mut redis = Cluster::start().await;
    let mut calls = Call::several(&redis.url(), 12).await;
    // Some of the rooms are there, by whatever name.
    redis.kill_master_of("any key").await;
    for call in &mut calls {
        call.goes_on().await;
    }
}

#[tokio::test]
async fn a_slot_that_moves_takes_its_rooms_along() {
    let mut redis = Cluster::start().await;
    let mut calls = Call::several(&redis.url(), 1).await;
    let keys = redis.keys("*:r:room 0").await;
    redis.begin_to_move_slot_of(keys.first().expect("the room")).await.finish().await;
    calls[0].goes_on().await;
}

#[tokio::test]
async fn a_slot_that_is_long_on_the_move_holds_up_no_other_room() {
    let mut redis = Cluster::start().await;
    let mut calls = Call::several(&redis.url(), 24).await;
    let key = redis.keys("*:r:room 0").await.remove(0);
    let partition = key.strip_suffix("r:room 0").expect("its prefix").to_owned();
    let moving = redis.begin_to_move_slot_of(&key).await;
    moving.move_keys().await;
    let (mut held_up, mut others) = (Vec::new(), 0);
    for mut call in calls.drain(..) {
        if redis.keys(&format!("{partition}r:{}", call.room)).await.is_empty() {
            call.goes_on().await;
            others += 1;
        } else {
            held_up.push(call);
        }
    }
    assert!(others > 12, "rooms of one partition of sixteen are held up: {}", held_up.len());
    for node in &*held_up[0].nodes {
        // Three rounds: the beat of the partition is refused in each.
        let enough = node.metric(BEATS).await + 3 * 16;
        while node.metric(BEATS).await < enough {}
        let lost = node.metric(r#"switchboard_redis_link_losses_total{reason="moved"}"#).await;
        assert_eq!(lost, 0, "no link ends for a slot on the move");
    }
    moving.finish().await;
    for call in &mut held_up {
        call.goes_on().await;
    }
}

const BEATS: &str = r#"switchboard_redis_command_duration_seconds_count{kind="beat"}"#;

/// Ann on one node and Ben on another.
struct Call {
    room: String,
    nodes: std::rc::Rc<[Node; 2]>,
    ann: Client,
    ben: Client,
}

impl Call {
    async fn several(url: &str, count: usize) -> Vec<Self> {
        let flags = ["--redis", url];
        let nodes = std::rc::Rc::new([Node::with(&flags).await, Node::with(&flags).await]);
        let mut calls = Vec::new();
        for number in 0..count {
            let room = format!("room {number}");
            let [mut ann, mut ben] = [nodes[0].client().await, nodes[1].client().await];
            ann.join(&room).await;
            ben.join(&room).await;
            ann.hear_event("new_peer").await;
            calls.push(Self { room, nodes: nodes.clone(), ann, ben });
        }
        calls
    }

    /// What both say now arrives, all of it and in order, and nobody is told of anybody's leaving.
    async fn goes_on(&mut self) {
        const SAID: u64 = 50;

        for body in 0..SAID {
            self.ann.say("message", json!({ "socketId": self.ben.id, "body": body })).await;
            self.ben.say("message", json!({ "body": body })).await;
        }
        for body in 0..SAID {
            for client in [&mut self.ben, &mut self.ann] {
                assert_eq!(client.hear_past("gap", "message").await["body"], body);
            }
        }
        let mut cat = self.nodes[0].client().await;
        let peers = cat.join(&self.room).await;
        assert_eq!(peers["connections"], json!([self.ann.id, self.ben.id]));
        for earlier in [&mut self.ann, &mut self.ben] {
            assert_eq!(earlier.hear_past("gap", "new_peer").await["socketId"], json!(cat.id));
        }
    }
}
