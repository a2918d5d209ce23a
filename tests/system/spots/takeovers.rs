//! A session that is taken over while the node that had it still thinks that it has it.

use super::Scene;
use crate::harness::{Ended, Node, Process, RedisServer, Resumable};

/// The old node reads what its client said there only after the client has said it again, and more, elsewhere.
#[tokio::test]
async fn a_node_that_was_paused_comes_too_late() {
    let redis = RedisServer::start().await;
    let flags = ["--redis", &redis.url(), "--lease", "1m"];
    let old = Process::start(&flags).await;
    let others = [Node::with(&flags).await, Node::with(&flags).await];
    let mut ann = Resumable::join(others[0].client().await, "room").await;
    let mut ben = Resumable::join(old.client().await, "room").await;
    ann.hear_of("new_peer", &ben.id).await;
    let handled = ben.say(None).await;
    ann.hear_messages(&ben.id, [handled]).await;

    old.pause().await;
    let unread: Vec<u64> = vec![ben.say(None).await, ben.say(Some(&ann.id)).await];
    let for_ben: Vec<u64> = vec![ann.say(None).await, ann.say(Some(&ben.id)).await];
    let mut line = ben.resume_on(others[1].client().await).await;
    ben.hear_messages(&ann.id, for_ben).await;
    for n in [vec![handled], unread.clone()].concat() {
        ben.repeat(n, if n == unread[1] { Some(&ann.id) } else { None }).await;
    }
    let next = ben.say(None).await;
    ann.hear_messages(&ben.id, unread.into_iter().chain([next])).await;
    ben.hear_ack(next).await;

    old.go_on().await;
    assert_eq!(line.ended().await, Ended::with(4409, "replaced"));
    for _ in 0..2 {
        let n = ben.say(None).await;
        ann.hear_messages(&ben.id, [n]).await;
        let n = ann.say(None).await;
        ben.hear_messages(&ann.id, [n]).await;
    }
}

/// The old node has posted what its client said, but that is held up, and arrives after the client has gone on elsewhere.
#[tokio::test]
async fn what_the_old_node_posted_comes_too_late() {
    let mut scene = Scene::set(&["--redis-timeout", "20s", "--lease", "1m"]).await;
    scene.links[1].hold();
    let late: Vec<u64> = vec![scene.ben.say(None).await, scene.ben.say(None).await];
    // The old node has read both: it answers what was asked after them.
    scene.ben.line().hears_nothing().await;
    let mut line = scene.ben.resume_on(scene.nodes[0].client().await).await;
    for n in late.clone() {
        scene.ben.repeat(n, None).await;
    }
    let next = scene.ben.say(None).await;
    let Scene { ann, ben, .. } = &mut scene;
    ann.hear_messages(&ben.id, late.into_iter().chain([next])).await;
    ben.hear_ack(next).await;
    scene.links[1].release();
    assert_eq!(line.ended().await, Ended::with(4409, "replaced"));
    scene.goes_on().await;
}

/// What the old node heard for its client, and didn't tell it yet, is told by the new one; and what it told, isn't.
#[tokio::test]
async fn each_message_is_told_by_one_of_both() {
    let mut scene = Scene::set(&[]).await;
    for _ in 0..3 {
        let told = scene.ann.say(None).await;
        scene.ben.hear_messages(&scene.ann.id, [told]).await;
        scene.door.hold();
        let untold: Vec<u64> = vec![scene.ann.say(None).await, scene.ann.say(Some(&scene.ben.id)).await];
        scene.ann.hear_ack(untold[1]).await;
        scene.ben.resume_on(scene.nodes[0].client().await).await.vanish();
        scene.ben.hear_messages(&scene.ann.id, untold).await;
        scene.door.release();
        scene.goes_on().await;
        let line = super::through(&scene.door).await;
        scene.ben.resume_on(line).await;
        scene.goes_on().await;
    }
}
