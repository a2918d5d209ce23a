//! Sessions that outlive their connections, on one node and across several.

use crate::harness::{Ended, Resumable, Site, on_each_site};
use serde_json::json;

/// Two in a room.
async fn a_call(site: &Site) -> [Resumable; 2] {
    let mut ann = Resumable::join(site.client().await, "room").await;
    let ben = Resumable::join(site.client().await, "room").await;
    assert_eq!([ann.window_ms, ben.window_ms], [30_000; 2]);
    ann.hear_of("new_peer", &ben.id).await;
    [ann, ben]
}

#[tokio::test]
async fn who_takes_over_misses_nothing_and_nobody_notices() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        for _ in 1..=3 {
            ann.say(None).await;
        }
        ben.hear_messages(&ann.id, [1]).await;
        // It hasn't seen the second and the third yet, whether they arrived or not.
        let mut before = ben.resume_on(site.client().await).await;
        assert_ne!(ben.keys[0], ben.keys[1]);
        ben.hear_messages(&ann.id, [2, 3]).await;
        assert_eq!(before.ended().await, Ended::with(4409, "replaced"));
        ann.say(None).await;
        ben.hear_messages(&ann.id, [4]).await;
        ben.say(None).await;
        ann.hear_messages(&ben.id, [1]).await;
    })
    .await;
}

#[tokio::test]
async fn who_is_away_is_told_of_and_waited_for() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        ben.take_line(site.client().await).vanish();
        ann.hear_of("peer_away", &ben.id).await;
        for _ in 1..=2 {
            ann.say(None).await;
        }
        let mut cat = Resumable::join(site.client().await, "room").await;
        ann.hear_of("new_peer", &cat.id).await;
        let claim = ben.claim();
        ben.line().say("resume", claim).await;
        ben.hear_resumed().await;
        ben.hear_messages(&ann.id, [1, 2]).await;
        // Of who was there it may hear what it knows.
        for event_name in ["peer_info", "peer_back"] {
            assert_eq!(ben.line().hear_event(event_name).await["socketId"], json!(ann.id));
        }
        ben.hear_of("new_peer", &cat.id).await;
        for other in [&mut ann, &mut cat] {
            other.hear_of("peer_back", &ben.id).await;
        }
    })
    .await;
}
