//! Who may resume, and who may not.

use crate::harness::{Ended, Resumable, Site, on_each_site};

async fn a_call(site: &Site) -> [Resumable; 2] {
    let mut ann = Resumable::join(site.client().await, "room").await;
    let ben = Resumable::join(site.client().await, "room").await;
    ann.hear_of("new_peer", &ben.id).await;
    [ann, ben]
}

/// What is said now arrives both ways, and nothing before it.
async fn go_on(ann: &mut Resumable, ben: &mut Resumable) {
    let n = ann.say(None).await;
    ben.hear_messages(&ann.id, [n]).await;
    let n = ben.say(None).await;
    ann.hear_messages(&ben.id, [n]).await;
}

/// Somebody who says what Ben would, but for this, is refused, can join on that connection, and doesn't harm Ben.
async fn is_refused(site: &Site, [ann, ben]: [&mut Resumable; 2], change: impl Fn(&mut serde_json::Value)) {
    let mut stranger = site.client().await;
    let mut claim = ben.claim();
    change(&mut claim);
    stranger.say("resume", claim).await;
    stranger.hear_error("session_expired").await;
    stranger.join("elsewhere").await;
    stranger.close().await;
    go_on(ann, ben).await;
}

#[tokio::test]
async fn a_wrong_key_opens_nothing() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        let anns = ann.keys[0].clone();
        is_refused(site, [&mut ann, &mut ben], |claim| claim["key"] = "0".repeat(32).into()).await;
        is_refused(site, [&mut ann, &mut ben], |claim| claim["key"] = anns.clone().into()).await;
        is_refused(site, [&mut ann, &mut ben], |claim| claim["room"] = "another".into()).await;
        ben.resume_on(site.client().await).await;
        go_on(&mut ann, &mut ben).await;
    })
    .await;
}

/// Ids are known in the room, and attempts are small numbers.
#[tokio::test]
async fn who_guesses_the_attempt_without_the_key_harms_nobody() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        ben.resume_on(site.client().await).await;
        let attempt = ben.attempt;
        // On each node.
        for _ in 0..3 {
            is_refused(site, [&mut ann, &mut ben], |claim| {
                claim["key"] = "0".repeat(32).into();
                claim["attempt"] = attempt.into();
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_good_until_the_next_one_was_used() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        ben.resume_on(site.client().await).await;
        let second = ben.keys.pop().expect("a second key");
        // As if that answer had been lost.
        ben.resume_on(site.client().await).await;
        go_on(&mut ann, &mut ben).await;
        is_refused(site, [&mut ann, &mut ben], |claim| claim["key"] = second.clone().into()).await;
        ben.resume_on(site.client().await).await;
        go_on(&mut ann, &mut ben).await;
        let first = ben.keys[0].clone();
        is_refused(site, [&mut ann, &mut ben], |claim| claim["key"] = first.clone().into()).await;
    })
    .await;
}

#[tokio::test]
async fn the_highest_attempt_wins() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        ben.attempt = 6;
        let mut first = ben.resume_on(site.client().await).await;
        assert_eq!(first.ended().await, Ended::with(4409, "replaced"));
        for late in [7, 6, 1] {
            is_refused(site, [&mut ann, &mut ben], |claim| claim["attempt"] = late.into()).await;
        }
        ben.resume_on(site.client().await).await;
        go_on(&mut ann, &mut ben).await;
    })
    .await;
}

#[tokio::test]
async fn attempts_that_race_end_with_one_connection() {
    on_each_site(&[], async |site| {
        const ATTEMPTS: usize = 8;

        let [mut ann, mut ben] = a_call(site).await;
        let mut lines = Vec::new();
        for _ in 0..ATTEMPTS {
            lines.push((site.client().await, ben.claim()));
        }
        // The highest goes first, and the others come while it is under way, or after it.
        let (mut last, claim) = lines.pop().expect("some");
        last.say("resume", claim).await;
        for (line, claim) in &mut lines {
            line.say("resume", claim.take()).await;
        }
        let _first = ben.take_line(last);
        ben.hear_resumed().await;
        for (mut line, _) in lines {
            match line.hear_anything().await {
                Err(ended) => assert_eq!(ended, Ended::with(4409, "replaced")),
                Ok(frame) => {
                    let frame = frame.expect("no pong");
                    if frame["eventName"] == "error" {
                        assert_eq!(frame["data"]["code"], "session_expired");
                        line.hears_nothing().await;
                    } else {
                        assert_eq!(frame["eventName"], "resumed");
                        assert_eq!(line.ended().await, Ended::with(4409, "replaced"));
                    }
                }
            }
        }
        go_on(&mut ann, &mut ben).await;
    })
    .await;
}
