//! A session outlives its connection: resume, detach, expire.

use super::partition::{
    ANN, AT, BEN, CAT, DAN, GONE, LEASE, NORTH, Partition, REPLACED, Resumed, SOUTH, Seat, Snapshot, WINDOW,
};
use redis::AsyncCommands;

/// Ann, who can come back with `key 1`, and Ben, who hears of her. With the version that his coming made.
async fn with_ann_and_ben() -> (Partition, u64) {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    let version = partition.join(&BEN).await.version;
    (partition, version)
}

fn refused(why: &str) -> Result<Resumed, String> {
    Err(why.to_owned())
}

/// Does nothing to what is stored, and tells nobody.
async fn changes_nothing(partition: &Partition, act: impl AsyncFnOnce()) {
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    act().await;
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn what_is_stored_of_a_member_that_can_come_back() {
    let (partition, _) = with_ann_and_ben().await;
    let stored = async |names: &[&str]| -> Vec<Option<String>> {
        partition.redis().hmget(format!("{AT}s:{}", ANN.sid), names).await.expect("a hash")
    };
    let names = ["node", "a", "k", "k2", "w"];
    let words = |words: [Option<&str>; 5]| words.map(|word| word.map(ToOwned::to_owned)).to_vec();
    let window = WINDOW.to_string();
    assert_eq!(stored(&names).await, words([Some(NORTH), None, Some("key 1"), None, Some(&window)]));
    partition.resume(&ANN.resumed_by(3, SOUTH), "key 1", "key 2", &[]).await.expect("in");
    let after = [Some(SOUTH), Some("3"), Some("key 1"), Some("key 2"), Some(&*window)];
    assert_eq!(stored(&names).await, words(after));
    let of = async |node| -> Vec<String> {
        partition.redis().smembers(format!("{AT}n:{node}")).await.expect("a set")
    };
    assert_eq!(of(NORTH).await, [""; 0]);
    assert_eq!(of(SOUTH).await.len(), 2);
}

#[tokio::test]
async fn who_goes_away_is_shown_so_and_its_messages_are_kept() {
    let (partition, version) = with_ann_and_ben().await;
    let mut ben = partition.listen(&[BEN.mailbox()]).await;
    let before = partition.now().await;
    assert_eq!(partition.detach(&ANN).await, 1);
    let after = partition.now().await;
    assert_eq!(ben.heard().await, [(BEN.mailbox(), format!("A{} {}", version + 1, ANN.sid))]);
    let (snapshot, _) = partition.sync(&BEN).await.expect("in");
    let others = vec![ANN.shown_away(version - 1)];
    assert_eq!(snapshot, Snapshot { version: version + 1, others });
    let over = partition.window_of(&ANN).await.expect("away");
    assert!((before + WINDOW..=after + WINDOW).contains(&over));

    for n in 1..=2 {
        assert_eq!(partition.post(&ANN, &BEN.says(n)).await, 1);
    }
    assert_eq!(partition.broadcast(&BEN, &BEN.says(3)).await, [""; 0]);
    assert_eq!(partition.mailbox(&ANN).await[1..], [1, 2, 3].map(|n| BEN.says(n)));
    for n in 4..=1024 {
        partition.post(&ANN, &BEN.says(n)).await;
    }
    assert_eq!(partition.post(&ANN, &BEN.says(1025)).await, -1, "it is as large as anybody's");
    // Whoever joins now is shown it, too.
    let shown = partition.join(&CAT).await.others;
    assert_eq!(shown, [ANN.shown_away(version - 1), BEN.shown(version)]);
}

#[tokio::test]
async fn who_comes_back_is_told_all_that_it_missed_and_the_others_that_it_is_back() {
    let (partition, version) = with_ann_and_ben().await;
    partition.detach(&ANN).await;
    partition.join(&CAT).await;
    for n in 1..=3 {
        partition.post(&ANN, &BEN.says(n)).await;
    }
    let mut others = partition.listen(&[BEN.mailbox(), CAT.mailbox()]).await;
    let back = ANN.resumed_by(1, SOUTH);
    let resumed = partition.resume(&back, "key 1", "key 2", &[(&BEN, 1)]).await.expect("in");
    let snapshot =
        Snapshot { version: version + 3, others: vec![BEN.shown(version), CAT.shown(version + 2)] };
    let mailbox = vec![String::new(), BEN.says(2), BEN.says(3)];
    assert_eq!(
        resumed,
        Resumed { snapshot, mailbox, info: ANN.info.to_owned(), window: WINDOW, has_gap: false }
    );
    let told = format!("B{} {}", version + 3, ANN.sid);
    assert_eq!(others.heard().await, [&BEN, &CAT].map(|seat| (seat.mailbox(), told.clone())));
    assert_eq!(partition.window_of(&ANN).await, None);
    let (snapshot, _) = partition.sync(&BEN).await.expect("in");
    assert_eq!(snapshot.others, [ANN.shown(version - 1), CAT.shown(version + 2)], "in its old place");
    // It speaks for itself again, from where it is.
    assert_eq!(partition.info(&back, "1").await, 1);
}

#[tokio::test]
async fn who_takes_over_tells_its_earlier_connection_and_nobody_else() {
    for node in [NORTH, SOUTH] {
        let (partition, version) = with_ann_and_ben().await;
        let mut everywhere = partition.listen_everywhere().await;
        let back = ANN.resumed_by(1, node);
        let resumed = partition.resume(&back, "key 1", "key 2", &[]).await.expect("in");
        assert_eq!(resumed.snapshot, Snapshot { version, others: vec![BEN.shown(version)] });
        assert_eq!(everywhere.heard().await, [(ANN.mailbox(), "T1".to_owned())]);
        // The earlier one has no more say, also where both are on one node.
        changes_nothing(&partition, async || {
            assert_eq!(partition.leave(&ANN, "left").await, 0);
            assert_eq!(partition.detach(&ANN).await, 0);
            assert_eq!(partition.info(&ANN, "1").await, 0);
            assert_eq!(partition.sync(&ANN).await, Err(REPLACED));
        })
        .await;
        assert!(partition.sync(&back).await.is_ok());
    }
}

/// Who hears of its own coming back has heard before that it is another connection's.
#[tokio::test]
async fn an_earlier_connection_is_told_before_anything_else() {
    let (partition, _) = with_ann_and_ben().await;
    partition.detach(&ANN).await;
    let mut ann = partition.listen(&[ANN.mailbox()]).await;
    partition.resume(&ANN.resumed_by(7, SOUTH), "key 1", "key 2", &[]).await.expect("in");
    let heard = ann.heard().await;
    assert_eq!(heard.first(), Some(&(ANN.mailbox(), "T7".to_owned())), "{heard:?}");
}

#[tokio::test]
async fn a_resuming_done_again_answers_again_and_changes_nothing() {
    for is_away in [false, true] {
        let (partition, _) = with_ann_and_ben().await;
        if is_away {
            partition.detach(&ANN).await;
        }
        partition.post(&ANN, &BEN.says(1)).await;
        let back = ANN.resumed_by(1, SOUTH);
        let first = partition.resume(&back, "key 1", "key 2", &[]).await.expect("in");
        changes_nothing(&partition, async || {
            assert_eq!(partition.resume(&back, "key 1", "key 2", &[]).await, Ok(first));
        })
        .await;
    }
}

#[tokio::test]
async fn a_key_is_good_until_the_next_one_was_used() {
    let (partition, _) = with_ann_and_ben().await;
    let mut attempt = 0;
    let mut resume = async |key, next| {
        attempt += 1;
        partition.resume(&ANN.resumed_by(attempt, SOUTH), key, next, &[]).await.is_ok()
    };
    assert!(!resume("key 9", "stolen").await, "a wrong key");
    assert!(!resume("stolen", "stolen").await, "what a wrong key brought is none");
    assert!(!resume("", "stolen").await, "no key");
    assert!(resume("key 1", "lost").await);
    assert!(resume("key 1", "key 2").await, "the answer was lost");
    assert!(!resume("lost", "stolen").await, "and with it that key");
    assert!(resume("key 2", "key 3").await);
    assert!(!resume("key 1", "stolen").await, "used up");
    assert!(resume("key 2", "key 4").await, "the answer was lost");
    assert!(!resume("key 3", "stolen").await, "and with it that key");
    assert!(resume("key 4", "key 5").await);
    assert!(!resume("key 2", "stolen").await, "used up");
}

#[tokio::test]
async fn who_may_not_come_back_changes_nothing() {
    let (partition, _) = with_ann_and_ben().await;
    partition.join(&DAN).await;
    let (first, second) = (ANN.resumed_by(1, SOUTH), ANN.resumed_by(2, SOUTH));
    partition.resume(&second, "key 1", "key 2", &[]).await.expect("in");
    partition.post(&ANN, &BEN.says(1)).await;
    let other_room = Seat { room: "chess", ..ANN.resumed_by(3, SOUTH) };
    let other_node = ANN.resumed_by(2, NORTH);
    let third = ANN.resumed_by(3, SOUTH);
    changes_nothing(&partition, async || {
        for (seat, key, next, what) in [
            (&third, "key 9", "key 3", "a wrong key"),
            (&other_room, "key 2", "key 3", "another room"),
            (&first, "key 2", "key 3", "an earlier attempt"),
            (&ANN, "key 2", "key 3", "the first connection"),
            (&second, "key 2", "key 3", "the same attempt with another key"),
            (&second, "key 1", "key 3", "the same attempt, which brings another key"),
            (&other_node, "key 1", "key 2", "the same attempt elsewhere"),
            (&CAT.resumed_by(1, NORTH), "key 1", "key 2", "who isn't there"),
            (&BEN.resumed_by(1, SOUTH), "key 1", "key 2", "who can't come back"),
            (&BEN.resumed_by(1, SOUTH), "", "", "who can't come back, without a key"),
        ] {
            assert_eq!(partition.resume(seat, key, next, &[(&BEN, 1)]).await, refused("expired"), "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_without_a_lease_takes_nobody_up() {
    let (partition, _) = with_ann_and_ben().await;
    let back = ANN.resumed_by(1, SOUTH);
    partition.beat_through(SOUTH, LEASE, 2).await;
    changes_nothing(&partition, async || {
        let through_an_earlier = partition.resume_through(&back, ["key 1", "key 2"], &[], 1).await;
        assert_eq!(through_an_earlier, refused("no lease"));
        let nowhere = ANN.resumed_by(1, "nowhere");
        assert_eq!(partition.resume(&nowhere, "key 1", "key 2", &[]).await, refused("no lease"));
    })
    .await;
    assert!(partition.resume_through(&back, ["key 1", "key 2"], &[], 2).await.is_ok());
}

#[tokio::test]
async fn who_can_not_come_back_is_lost_when_it_goes_away() {
    let (partition, version) = Partition::with(&[&ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    assert_eq!(partition.detach(&ANN).await, 1);
    let lost = format!("L{} {}lost", version + 1, ANN.sid);
    assert_eq!(everywhere.heard().await, [(BEN.mailbox(), lost)]);
    assert_eq!(partition.sync(&ANN).await, Err(GONE));
    assert_eq!(partition.window_of(&ANN).await, None);
    assert_eq!(partition.post(&ANN, &BEN.says(1)).await, 0);
}

#[tokio::test]
async fn only_who_speaks_for_it_can_send_a_session_away() {
    let (partition, _) = with_ann_and_ben().await;
    changes_nothing(&partition, async || {
        assert_eq!(partition.detach(&ANN.claimed_by(SOUTH)).await, 0);
        assert_eq!(partition.detach(&ANN.resumed_by(1, NORTH)).await, 0);
        assert_eq!(partition.detach(&CAT).await, 0);
    })
    .await;
    assert_eq!(partition.detach(&ANN).await, 1);
    changes_nothing(&partition, async || {
        assert_eq!(partition.detach(&ANN).await, 0, "once");
        assert_eq!(partition.info(&ANN, "1").await, 0);
        assert_eq!(partition.sync(&ANN).await, Err(GONE));
    })
    .await;
    assert_eq!(partition.leave(&ANN, "left").await, 1, "as from a node that was thought dead");
}

#[tokio::test]
async fn a_window_that_is_over_loses_its_session() {
    let (partition, version) = with_ann_and_ben().await;
    partition.join_to_return(&CAT, "key 1").await;
    partition.detach(&ANN).await;
    partition.detach(&CAT).await;
    partition.post(&ANN, &BEN.says(1)).await;
    changes_nothing(&partition, async || assert_eq!(partition.expire(16).await, (0, false), "too early"))
        .await;
    partition.expire_window_of(&ANN).await;
    let mut ben = partition.listen(&[BEN.mailbox()]).await;
    assert_eq!(partition.expire(16).await, (1, false));
    let lost = format!("L{} {}lost", version + 4, ANN.sid);
    assert_eq!(ben.heard().await, [(BEN.mailbox(), lost)]);
    let gone = partition.resume(&ANN.resumed_by(1, SOUTH), "key 1", "key 2", &[]).await;
    assert_eq!(gone, refused("expired"));
    let keys = partition.keys().await;
    assert!(!keys.iter().any(|key| key.contains(ANN.sid)), "{keys:?}");
    assert!(partition.window_of(&CAT).await.is_some(), "its time is not over");
    changes_nothing(&partition, async || assert_eq!(partition.expire(16).await, (0, false))).await;
}

#[tokio::test]
async fn windows_are_ended_in_portions() {
    let partition = Partition::start().await;
    for seat in [&ANN, &BEN, &CAT] {
        partition.join_to_return(seat, "key 1").await;
        partition.detach(seat).await;
        partition.expire_window_of(seat).await;
    }
    assert_eq!(partition.expire(2).await, (2, true));
    assert_eq!(partition.expire(2).await, (1, false));
    assert_eq!(partition.expire(2).await, (0, false));
}

/// As a script leaves it that broke off, or a Redis that failed over.
#[tokio::test]
async fn a_window_without_a_session_is_cleared_away() {
    let (partition, _) = Partition::with(&[&BEN]).await;
    () = partition.redis().zadd(format!("{AT}dt"), CAT.sid, 1).await.expect("added");
    let mut ben = partition.listen(&[BEN.mailbox()]).await;
    assert_eq!(partition.expire(16).await, (1, false));
    assert_eq!(partition.expire(16).await, (0, false));
    assert_eq!(ben.heard().await, []);
}

#[tokio::test]
async fn nothing_is_left_of_who_came_back_and_went() {
    for by in ["itself", "its window", "its node"] {
        let (partition, _) = with_ann_and_ben().await;
        partition.detach(&ANN).await;
        partition.post(&ANN, &BEN.says(1)).await;
        let back = ANN.resumed_by(1, NORTH);
        partition.resume(&back, "key 1", "key 2", &[]).await.expect("in");
        match by {
            "itself" => assert_eq!(partition.leave(&back, "left").await, 1),
            "its window" => assert_eq!(partition.detach(&back).await, 1),
            _ => {
                partition.lapse(NORTH).await;
                assert_eq!(partition.reap(NORTH, 16).await, (1, 0));
                partition.beat(NORTH, LEASE).await;
            }
        }
        if by != "itself" {
            partition.expire_window_of(&ANN).await;
            assert_eq!(partition.expire(16).await, (1, false));
        }
        partition.leave(&BEN, "left").await;
        assert_eq!(partition.keys().await, ["epoch", "l:north", "l:south", "nodes", "rv:tea"], "{by}");
    }
}
