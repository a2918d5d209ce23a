//! Who is in a room, and who is told: join, leave, info, sync.

use super::partition::{
    ANN, AT, BEN, CAT, DAN, GONE, LEASE, NORTH, Partition, SOUTH, Seat, Snapshot, version_of,
};
use redis::{AsyncCommands, Value};

#[tokio::test]
async fn who_joins_is_shown_the_others() {
    let partition = Partition::start().await;
    let first = partition.join(&ANN).await;
    assert_eq!(first.others, []);
    let v = first.version;
    assert_eq!(partition.join(&BEN).await, Snapshot { version: v + 1, others: vec![ANN.shown(v)] });
    let others = vec![ANN.shown(v), BEN.shown(v + 1)];
    assert_eq!(partition.join(&CAT).await, Snapshot { version: v + 2, others });
    assert_eq!(partition.join(&DAN).await.others, []);
}

#[tokio::test]
async fn what_is_stored_of_a_member() {
    let (partition, version) = Partition::with(&[&ANN]).await;
    let ann = ANN.sid;
    let keys = [
        "epoch".to_owned(),
        format!("l:{NORTH}"),
        format!("l:{SOUTH}"),
        format!("n:{NORTH}"),
        "nodes".to_owned(),
        format!("q:{ann}:tea"),
        "r:tea".to_owned(),
        "rooms".to_owned(),
        "rv:tea".to_owned(),
        format!("s:{ann}"),
    ];
    assert_eq!(partition.keys().await, keys);
    let redis = &mut partition.redis();
    let members: Vec<String> = redis.smembers(format!("{AT}r:tea")).await.expect("a set");
    assert_eq!(members, [ann]);
    let owned: Vec<String> = redis.smembers(format!("{AT}n:{NORTH}")).await.expect("a set");
    assert_eq!(owned, [ann]);
    let session: (String, String, String, u64) =
        redis.hmget(format!("{AT}s:{ann}"), &["room", "node", "info", "v"]).await.expect("a hash");
    assert_eq!(session, ("tea".to_owned(), NORTH.to_owned(), ANN.info.to_owned(), version));
    assert_eq!(partition.mailbox(&ANN).await, [""]);
}

#[tokio::test]
async fn a_joining_is_told_to_each_of_the_others_and_to_nobody_else() {
    let (partition, _) = Partition::with(&[&DAN, &ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let published = partition.calls("spublish").await;
    let version = partition.join(&CAT).await.version;
    let notice = format!("J{version} {}null", CAT.sid);
    let expected = [(ANN.mailbox(), notice.clone()), (BEN.mailbox(), notice)];
    assert_eq!(everywhere.heard().await, expected);
    assert_eq!(partition.calls("spublish").await, published + 2);
}

#[tokio::test]
async fn a_joining_done_again_shows_the_room_as_it_is_by_then() {
    let (partition, version) = Partition::with(&[&ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    let again = partition.join(&ANN).await;
    assert_eq!(again, Snapshot { version, others: vec![BEN.shown(version)] });
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn a_joining_done_again_keeps_the_mailbox() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    partition.post(&ANN, "hello").await;
    partition.join(&ANN).await;
    assert_eq!(partition.mailbox(&ANN).await, ["", "hello"]);
}

#[tokio::test]
async fn a_full_room_takes_nobody() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    assert_eq!(partition.try_join(&CAT, 2).await, Value::BulkString(b"full".into()));
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
    // Who is in may ask again, and another room has places.
    assert!(matches!(partition.try_join(&BEN, 2).await, Value::Array(_)));
    assert!(matches!(partition.try_join(&DAN, 2).await, Value::Array(_)));
    // A third place.
    assert!(matches!(partition.try_join(&CAT, 3).await, Value::Array(_)));
}

#[tokio::test]
async fn a_node_without_a_lease_takes_nobody_in() {
    let partition = Partition::deserted().await;
    let refused = Value::BulkString(b"no lease".into());
    assert_eq!(partition.try_join(&ANN, 8).await, refused);
    assert_eq!(partition.keys().await, [""; 0]);
    partition.lapse(NORTH).await;
    assert_eq!(partition.try_join(&ANN, 8).await, refused);
    assert_eq!(partition.keys().await, ["epoch", "l:north", "nodes"]);
    partition.beat(NORTH, LEASE).await;
    assert!(matches!(partition.try_join(&ANN, 8).await, Value::Array(_)));
}

#[tokio::test]
async fn a_leaving_is_told_to_those_who_stay() {
    let (partition, version) = Partition::with(&[&DAN, &ANN, &BEN, &CAT]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let published = partition.calls("spublish").await;
    assert_eq!(partition.leave(&ANN, "left").await, 1);
    assert_eq!(partition.leave(&CAT, "lost").await, 1);
    let ann_left = format!("L{} {}left", version + 1, ANN.sid);
    let cat_lost = format!("L{} {}lost", version + 2, CAT.sid);
    let expected = [(BEN.mailbox(), ann_left.clone()), (BEN.mailbox(), cat_lost), (CAT.mailbox(), ann_left)];
    assert_eq!(everywhere.heard().await, expected);
    assert_eq!(partition.calls("spublish").await, published + 3);
    let after = partition.join(&ANN).await;
    assert_eq!(after, Snapshot { version: version + 3, others: vec![BEN.shown(version - 1)] });
}

#[tokio::test]
async fn who_has_left_leaves_no_more() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    assert_eq!(partition.leave(&ANN, "left").await, 1);
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    assert_eq!(partition.leave(&ANN, "left").await, 0);
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn only_its_own_node_speaks_for_a_session() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    let claimed = ANN.claimed_by(SOUTH);
    assert_eq!(partition.leave(&claimed, "left").await, 0);
    assert_eq!(partition.info(&claimed, "{}").await, 0);
    assert_eq!(partition.sync(&claimed).await, Err(GONE));
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn new_info_is_told_to_all_and_to_the_one_it_is_of() {
    let (partition, version) = Partition::with(&[&DAN, &ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let published = partition.calls("spublish").await;
    assert_eq!(partition.info(&ANN, r#"{"name":"Anna"}"#).await, 1);
    let notice = format!(r#"I{} {}{{"name":"Anna"}}"#, version + 1, ANN.sid);
    let expected = [(ANN.mailbox(), notice.clone()), (BEN.mailbox(), notice)];
    assert_eq!(everywhere.heard().await, expected);
    assert_eq!(partition.calls("spublish").await, published + 2);
    // It joined when it did.
    let (snapshot, _) = partition.sync(&BEN).await.expect("in");
    let anna = Seat { info: r#"{"name":"Anna"}"#, ..ANN }.shown(version - 1);
    assert_eq!(snapshot, Snapshot { version: version + 1, others: vec![anna] });
}

#[tokio::test]
async fn who_has_left_shows_and_asks_nothing_more() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    partition.leave(&ANN, "left").await;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    assert_eq!(partition.info(&ANN, "{}").await, 0);
    assert_eq!(partition.sync(&ANN).await, Err(GONE));
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn a_sync_shows_the_others_and_the_mailbox_and_changes_nothing() {
    let (partition, version) = Partition::with(&[&ANN, &BEN]).await;
    partition.post(&ANN, "one").await;
    partition.post(&ANN, "two").await;
    let before = partition.contents().await;
    let (snapshot, mailbox) = partition.sync(&ANN).await.expect("in");
    assert_eq!(snapshot, Snapshot { version, others: vec![BEN.shown(version)] });
    assert_eq!(mailbox, ["", "one", "two"]);
    assert_eq!(partition.contents().await, before);
}

#[tokio::test]
async fn of_an_empty_room_a_version_is_left_for_a_day() {
    let (partition, version) = Partition::with(&[&ANN, &BEN, &CAT]).await;
    partition.join(&DAN).await;
    partition.post(&ANN, "unread").await;
    let ttl = async |room| partition.redis().ttl::<_, i64>(version_of(room)).await.expect("a time");
    for seat in [&CAT, &ANN] {
        partition.leave(seat, "left").await;
        assert_eq!(ttl("tea").await, -1);
    }
    partition.leave(&BEN, "left").await;
    partition.leave(&DAN, "lost").await;
    assert_eq!(partition.keys().await, ["epoch", "l:north", "l:south", "nodes", "rv:chess", "rv:tea"]);
    for node in [NORTH, SOUTH] {
        assert_eq!(partition.retire(node).await, 0);
    }
    assert_eq!(partition.keys().await, ["epoch", "rv:chess", "rv:tea"]);
    for room in ["chess", "tea"] {
        assert!((86_300..=86_400).contains(&ttl(room).await));
    }
    // Who comes back finds it going on, for as long as somebody is in.
    partition.beat(NORTH, LEASE).await;
    assert_eq!(partition.join(&ANN).await.version, version + 4);
    assert_eq!(ttl("tea").await, -1);
}
