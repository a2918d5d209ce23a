//! The end of a window, and who comes back just then.

use crate::harness::{Node, Process, RedisServer, Resumable, Site, on_each_site};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

#[tokio::test]
async fn a_window_ends_and_with_it_the_session() {
    const WINDOW: Duration = Duration::from_millis(700);

    on_each_site(&["--resume-window", "700ms"], async |site: &Site| {
        let mut ann = Resumable::join(site.client().await, "room").await;
        let mut ben = Resumable::join(site.client().await, "room").await;
        ann.hear_of("new_peer", &ben.id).await;
        let line = site.client().await;
        ben.take_line(site.client().await).vanish();
        ann.hear_of("peer_away", &ben.id).await;
        let away = Instant::now();
        let kept = ann.say(Some(&ben.id)).await;
        let removed = ann.hear_of("remove_peer", &ben.id).await;
        assert_eq!(removed["reason"], "lost");
        // The gateway noticed that Ben is away before Ann heard of it.
        assert!(away.elapsed() + Duration::from_millis(300) > WINDOW, "{:?}", away.elapsed());
        ann.hear_ack(kept).await;

        ben.ask_on(line).await;
        assert_eq!(ben.hear_answer().await, Err("session_expired".to_owned()));
        let gone = ben.id.clone();
        let mut ben = Resumable::join(ben.take_line(site.client().await), "room").await;
        assert_ne!(ben.id, gone);
        ann.hear_of("new_peer", &ben.id).await;
        let n = ann.say(None).await;
        ben.hear_messages(&ann.id, [n]).await;
    })
    .await;
}

/// A node dies, and each of its clients comes back a little later than the one before it, in time or too late: it has its
/// place, and nobody saw it go; or it hasn't, and everybody saw it go, once.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_as_the_window_ends_is_there_or_gone() {
    const CLIENTS: u32 = 30;
    const STEP: Duration = Duration::from_millis(150);
    const WINDOW: Duration = Duration::from_millis(2500);

    let redis = RedisServer::start().await;
    let flags = [
        "--redis",
        &redis.url(),
        "--lease",
        "1500ms",
        "--redis-timeout",
        "500ms",
        "--resume-window",
        "2500ms",
    ];
    let (node, doomed) = (Node::with(&flags).await, Process::start(&flags).await);
    let mut calls = Vec::new();
    for number in 0..CLIENTS {
        let room = format!("room {number}");
        let mut ann = Resumable::join(node.client().await, &room).await;
        let ben = Resumable::join(doomed.client().await, &room).await;
        ann.hear_of("new_peer", &ben.id).await;
        calls.push((ann, ben));
    }
    doomed.kill().await;
    // Its last sign of life was up to a second before, and who reaps looks around as often.
    let first = Instant::now() + WINDOW - Duration::from_millis(1500);
    let back = join_all(calls.into_iter().zip(0..).map(async |((ann, ben), number)| {
        sleep_until(first + STEP * number).await;
        come_back(&node, ann, ben).await
    }));
    let back = back.await;
    // The end of the window is among the attempts.
    assert_eq!((back[0], back[back.len() - 1]), (true, false), "{back:?}");
}

/// Whether Ben was in time.
async fn come_back(node: &Node, mut ann: Resumable, mut ben: Resumable) -> bool {
    ben.ask_on(node.client().await).await;
    let answer = ben.hear_answer().await;
    let expected = if answer.is_ok() {
        let n = ben.say(None).await;
        ("message", ben.id.clone(), n)
    } else {
        assert_eq!(answer, Err("session_expired".to_owned()));
        ("remove_peer", ben.id.clone(), 0)
    };
    loop {
        let frame = ann.hear().await;
        assert_eq!(frame["data"]["socketId"], expected.1, "{frame}");
        match frame["eventName"].as_str().expect("a name") {
            "peer_away" | "peer_back" => {}
            event_name => {
                assert_eq!(event_name, expected.0, "{frame}");
                break;
            }
        }
    }
    // And nothing else.
    let witness = Resumable::join(node.client().await, &ann.room).await;
    ann.hear_of("new_peer", &witness.id).await;
    answer.is_ok()
}
