//! Who comes back to a node that is about to go.

use crate::harness::{Node, RedisServer, Resumable};
use std::time::Duration;
use tokio::time::sleep;

/// Each resumes on a node that begins to drain just then, a little earlier or later than the others, and then where it is
/// sent: nothing is lost, and nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn who_resumes_as_a_node_begins_to_drain_goes_on_elsewhere() {
    const CLIENTS: u64 = 16;

    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url(), "--drain", "1s"];
    let (before, draining, after) =
        (Node::with(&flags).await, Node::with(&flags).await, Node::with(&flags).await);
    let mut calls = Vec::new();
    for number in 0..CLIENTS {
        let room = format!("room {number}");
        let mut ann = Resumable::join(after.client().await, &room).await;
        let ben = Resumable::join(before.client().await, &room).await;
        ann.hear_of("new_peer", &ben.id).await;
        calls.push((ann, ben, draining.client().await));
    }
    let mut moving = Vec::new();
    for ((mut ann, mut ben, line), number) in calls.into_iter().zip(0..) {
        let next = after.client().await;
        moving.push(tokio::spawn(async move {
            sleep(Duration::from_millis(number)).await;
            let said = ann.say(None).await;
            let mut lines = vec![ben.ask_on(line).await];
            ben.hear_until_sent_away().await;
            lines.push(ben.resume_on(next).await);
            if ben.had(&ann.id) < said {
                ben.hear_messages(&ann.id, [said]).await;
            }
            for _ in 0..2 {
                let n = ann.say(None).await;
                ben.hear_messages(&ann.id, [n]).await;
                let n = ben.say(None).await;
                ann.hear_messages(&ben.id, [n]).await;
            }
        }));
    }
    sleep(Duration::from_millis(CLIENTS / 2)).await;
    draining.stop().await;
    for moved in moving {
        moved.await.expect("it goes on");
    }
}
