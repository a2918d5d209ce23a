//! Replies that are lost, and what overtakes them.

use super::{Scene, through};
use crate::harness::{Resumable, Way, until};
use std::time::Duration;

const RESUMED: &str = r#"switchboard_resumes_total{outcome="resumed"}"#;

#[tokio::test]
async fn a_client_that_never_hears_its_answer_resumes_with_the_key_that_it_has() {
    let mut scene = Scene::set(&[]).await;
    // Those that it had before stay open, so that it is never away.
    let mut lines = Vec::new();
    for resumed in 1..=3 {
        let line = through(&scene.door).await;
        scene.door.hold_ways(&[Way::Back]);
        lines.push(scene.ben.ask_on(line).await);
        scene.nodes[1].until_metric(RESUMED, resumed).await;
    }
    lines.push(scene.ben.resume_on(scene.nodes[0].client().await).await);
    scene.goes_on().await;
    scene.ben.resume_on(scene.nodes[1].client().await).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_node_that_never_hears_redis_answer_asks_again_and_the_keys_fit() {
    let mut scene = Scene::set(&[]).await;
    let line = through(&scene.door).await;
    let owner = scene.session("a").await;
    scene.links[1].hold_ways(&[Way::Back]);
    let _before = scene.ben.ask_on(line).await;
    until("Redis has done it", async || scene.session("a").await != owner).await;
    scene.links[1].reset().await;
    scene.ben.hear_resumed().await;
    scene.goes_on().await;
    scene.ben.resume_on(scene.nodes[0].client().await).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_message_whose_reply_is_lost_is_posted_again_and_heard_once() {
    let mut scene = Scene::set(&[]).await;
    for _ in 0..3 {
        scene.links[1].hold_ways(&[Way::Back]);
        let first = scene.ben.say(None).await;
        scene.ann.hear_messages(&scene.ben.id, [first]).await;
        scene.links[1].reset().await;
        let second = scene.ben.say(None).await;
        scene.ann.hear_messages(&scene.ben.id, [second]).await;
        scene.ben.hear_ack(second).await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_message_whose_reply_is_lost_with_its_node_is_repeated_elsewhere_and_heard_once() {
    let mut scene = Scene::set(&[]).await;
    scene.links[1].hold_ways(&[Way::Back]);
    let said: Vec<u64> = vec![scene.ben.say(None).await, scene.ben.say(None).await];
    scene.ann.hear_messages(&scene.ben.id, said.clone()).await;
    // Nobody told Ben that they were handled.
    let _before = scene.ben.resume_on(scene.nodes[0].client().await).await;
    for n in said {
        scene.ben.repeat(n, None).await;
    }
    let next = scene.ben.say(None).await;
    scene.ann.hear_messages(&scene.ben.id, [next]).await;
    scene.ben.hear_ack(next).await;
    scene.links[1].reset().await;
    scene.goes_on().await;
}

/// The channel of who resumes is subscribed to before its session is its own: what is said between comes as a push and in
/// the mailbox, and is heard once.
#[tokio::test]
async fn what_is_said_between_the_subscription_and_the_snapshot_is_heard_once() {
    const SAID: u64 = 150;

    for (there, back) in [(60, 0), (0, 60), (30, 30)] {
        let mut scene = Scene::set(&[]).await;
        scene.links[1].delay(Way::There, Duration::from_millis(there));
        scene.links[1].delay(Way::Back, Duration::from_millis(back));
        let Scene { nodes, ann, ben, .. } = &mut scene;
        let line = nodes[1].client().await;
        let _before = ben.ask_on(line).await;
        let talk = async {
            let mut newcomers = Vec::new();
            for n in 1..=SAID {
                ann.say(None).await;
                if n % 50 == 0 {
                    newcomers.push(Resumable::join(nodes[0].client().await, "room").await);
                    ann.hear_of("new_peer", &newcomers.last().expect("one").id).await;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            newcomers
        };
        let (mut newcomers, ()) = tokio::join!(talk, ben.hear_resumed());
        let (mut came, mut heard) = (0, 0);
        while (came, heard) != (newcomers.len(), SAID) {
            let frame = ben.hear().await;
            if frame["eventName"] == "new_peer" {
                assert_eq!(frame["data"]["socketId"], newcomers[came].id);
                came += 1;
            } else {
                heard += 1;
                assert_eq!(frame["n"], heard, "{frame}");
            }
        }
        let n = newcomers[0].say(Some(&ben.id)).await;
        ben.hear_messages(&newcomers[0].id, [n]).await;
    }
}
