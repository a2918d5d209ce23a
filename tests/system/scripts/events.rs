//! What is told of rooms to who listens from outside, and who sends it on.

use super::partition::{ANN, BEN, Beat, CAT, DAN, DATA, LEASE, NORTH, Partition, SERVER, SOUTH, Seat, Turn};
use redis::Value;

/// More than any case tells.
const ALL: usize = 1000;

#[tokio::test]
async fn nothing_is_told_where_nobody_wants_it() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    partition.leave(&ANN, "left").await;
    partition.connected(&[(&CAT, "")]).await;
    assert_eq!(partition.calls("xadd").await, 0);
}

#[tokio::test]
async fn a_room_opens_before_its_first_member_and_closes_after_its_last() {
    let partition = Partition::start().await.telling(ALL);
    let first = partition.join(&ANN).await.version;
    partition.join(&BEN).await;
    partition.leave(&ANN, "left").await;
    partition.leave(&BEN, "lost").await;
    let [second, third, fourth] = [first + 1, first + 2, first + 3];
    let (ann, ben) = (ANN.sid, BEN.sid);
    assert_eq!(
        partition.told().await,
        [
            format!("type=room.opened room=tea version={first}"),
            format!("type=peer.joined room=tea sid={ann} node={NORTH} info=\"Ann\" version={first}"),
            format!("type=peer.joined room=tea sid={ben} node={SOUTH} info=\"Ben\" version={second}"),
            format!("type=peer.left room=tea sid={ann} reason=left version={third}"),
            format!("type=peer.left room=tea sid={ben} reason=lost version={fourth}"),
            "type=room.closed room=tea".to_owned(),
        ]
    );
}

#[tokio::test]
async fn what_changes_nothing_tells_nothing() {
    let partition = Partition::start().await.telling(ALL);
    partition.join(&ANN).await;
    partition.join(&BEN).await;
    let told = partition.told().await;
    partition.join(&ANN).await;
    partition.try_join(&CAT, 2).await;
    partition.info(&ANN, "{}").await;
    partition.leave(&ANN.claimed_by(SOUTH), "left").await;
    partition.restore(&BEN, None).await;
    assert_eq!(partition.restore(&Seat { info: "8", ..BEN }, None).await, Value::Int(2), "of an older state");
    assert_eq!(partition.told().await, told);
    partition.leave(&ANN, "left").await;
    partition.leave(&ANN, "left").await;
    assert_eq!(partition.told().await.len(), told.len() + 1);
}

#[tokio::test]
async fn who_goes_away_and_comes_back_was_there_all_along() {
    let partition = Partition::start().await.telling(ALL);
    partition.join_to_return(&ANN, "key 1").await;
    let told = partition.told().await;
    partition.detach(&ANN).await;
    let back = ANN.resumed_by(1, SOUTH);
    assert!(partition.resume(&back, "key 1", "key 2", &[]).await.is_ok());
    assert_eq!(partition.told().await, told);
}

#[tokio::test]
async fn who_can_come_back_is_lost_when_its_window_is_over() {
    let partition = Partition::start().await.telling(ALL);
    partition.join_to_return(&ANN, "key 1").await;
    partition.join(&CAT).await;
    partition.lapse(NORTH).await;
    while partition.reap(NORTH, 16).await != (0, 0) {}
    let left = |told: &[String]| told.iter().filter(|event| event.contains("peer.left")).count();
    let told = partition.told().await;
    assert_eq!(left(&told), 1, "{told:?}");
    assert!(
        told.last().is_some_and(|last| last.contains(CAT.sid) && last.contains("reason=lost")),
        "{told:?}"
    );
    partition.expire_window_of(&ANN).await;
    assert_eq!(partition.expire(16).await, (1, false));
    assert_eq!(partition.expire(16).await, (0, false));
    let told = partition.told().await;
    assert_eq!(left(&told), 2, "{told:?}");
    assert!(told.last().is_some_and(|last| last.contains("room.closed")), "{told:?}");
}

#[tokio::test]
async fn who_is_restored_is_told_of_as_such() {
    let partition = Partition::start().await.telling(ALL);
    partition.join(&ANN).await;
    partition.lose_everything().await;
    let term = "another server";
    partition.pulse(Beat { server: SERVER, name: DATA, ..Beat::knowing(NORTH, LEASE, term) }).await;
    assert_eq!(partition.restore(&ANN, None).await, Value::Int(2));
    let told = partition.told().await;
    let [opened, joined] = told.as_slice() else { panic!("{told:?}") };
    assert!(opened.contains("type=room.opened") && opened.ends_with("restored=1"), "{opened}");
    assert!(joined.contains(ANN.sid) && joined.ends_with("restored=1"), "{joined}");
}

#[tokio::test]
async fn connections_are_told_of() {
    let partition = Partition::start().await.telling(ALL);
    partition.connected(&[(&ANN, "192.0.2.1"), (&BEN, "")]).await;
    let (ann, ben) = (ANN.sid, BEN.sid);
    assert_eq!(
        partition.told().await,
        [
            format!("type=socket.connected sid={ann} node={NORTH} address=192.0.2.1"),
            format!("type=socket.connected sid={ben} node={NORTH} address=")
        ]
    );
}

#[tokio::test]
async fn one_node_at_a_time_sends() {
    let partition = Partition::start().await.telling(ALL);
    partition.join(&ANN).await;
    let first = partition.turn(NORTH, LEASE, ("", 0), 1).await.expect("free");
    assert_eq!((first.again, first.waiting, first.lost, first.given.len()), (false, 2, 0, 1));
    let wait = partition.turn(SOUTH, LEASE, ("", 0), 1).await.expect_err("taken");
    assert!((1..=LEASE).contains(&wait), "{wait}");
    // Asked again, it gives the same.
    let again = partition.turn(NORTH, LEASE, ("", 0), 1).await.expect("its own");
    assert_eq!(again, Turn { again: true, ..first });
    let sent = (again.given[0].as_str(), 1);
    let noted = partition.turn(NORTH, LEASE, sent, 9).await.expect("its own");
    let next = partition.turn(NORTH, 0, sent, 9).await.expect("its own, for the last time");
    assert_eq!((next.waiting, next.given.len()), (1, 1));
    assert_eq!(next, noted, "it is noted once");
    let taken = partition.turn(SOUTH, LEASE, ("", 0), 9).await.expect("given back");
    assert_eq!(taken, Turn { again: false, ..next });
}

/// What was noted and not answered is noted again, with what was sent meanwhile.
#[tokio::test]
async fn what_was_sent_is_counted_once_after_lost_answers() {
    let partition = Partition::start().await.telling(ALL);
    partition.connected(&[(&DAN, ""); 5]).await;
    let first = partition.turn(NORTH, LEASE, ("", 0), 4).await.expect("free");
    assert_eq!((first.passed, first.waiting), (0, 5));
    for (last, passed) in [(0, 1), (1, 2), (1, 2), (3, 4)] {
        let noted = partition.turn(NORTH, LEASE, (&first.given[last], passed), 0).await.expect("its own");
        assert_eq!(noted.passed, passed);
    }
    let next = partition.turn(NORTH, 0, (&first.given[3], 4), 9).await.expect("its own");
    assert_eq!((next.passed, next.waiting, next.lost), (4, 1, 0));
    let taken = partition.turn(SOUTH, LEASE, ("", 0), 9).await.expect("given back");
    assert_eq!((taken.passed, taken.waiting, taken.lost), (4, 1, 0));
    // Who lost it counts nothing, whatever it says.
    partition.turn(NORTH, LEASE, (&first.given[0], 1), 0).await.expect_err("taken");
    let next = partition.turn(SOUTH, LEASE, (&taken.given[0], 5), 9).await.expect("its own");
    assert_eq!((next.passed, next.waiting, next.lost), (5, 0, 0));
}

#[tokio::test]
async fn who_lost_it_moves_nothing() {
    let partition = Partition::start().await.telling(ALL);
    partition.join(&ANN).await;
    partition.join(&BEN).await;
    let first = partition.turn(NORTH, 20, ("", 0), 9).await.expect("free");
    partition.until_past(partition.now().await + 20).await;
    let second = partition.turn(SOUTH, LEASE, ("", 0), 9).await.expect("free again");
    assert_eq!(second.given, first.given);
    let last = (second.given[2].as_str(), 3);
    assert_eq!(partition.turn(SOUTH, 0, last, 9).await.map(|turn| turn.given.len()), Ok(0));
    let late = partition.turn(NORTH, LEASE, (&first.given[0], 1), 9).await.expect("given back");
    assert_eq!((late.again, late.waiting, late.given.len()), (false, 0, 0));
}

#[tokio::test]
async fn what_was_trimmed_unsent_is_counted_once() {
    let partition = Partition::start().await.telling(1);
    let lines: Vec<_> = (0..250).map(|_| (&DAN, "192.0.2.1")).collect();
    partition.connected(&lines[..50]).await;
    let before = partition.turn(NORTH, LEASE, ("", 0), 1).await.expect("free");
    assert_eq!((before.waiting, before.lost), (50, 0));
    // Redis trims a hundred at a time.
    partition.connected(&lines).await;
    let kept = partition.told().await.len() as u64;
    assert!(kept < 300, "{kept}");
    let sent = (before.given[0].as_str(), 1);
    let after = partition.turn(NORTH, LEASE, sent, 1000).await.expect("its own");
    assert_eq!((after.waiting, after.lost, after.given.len() as u64), (kept, 299 - kept, kept));
    let again = partition.turn(NORTH, LEASE, ("", 0), 1).await.expect("its own");
    assert_eq!((again.waiting, again.lost), (kept, 0));
}

#[tokio::test]
async fn what_came_before_its_first_sender_and_was_trimmed_is_no_loss() {
    let partition = Partition::start().await.telling(1);
    partition.connected(&(0..250).map(|_| (&DAN, "")).collect::<Vec<_>>()).await;
    let turn = partition.turn(NORTH, LEASE, ("", 0), 1000).await.expect("free");
    assert_eq!((turn.waiting, turn.lost), (turn.given.len() as u64, 0));
}
