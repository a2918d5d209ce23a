//! What an operator asks: who is there, that somebody goes, and to tell everybody.

use super::partition::{ANN, AT, BEN, Beat, CAT, DAN, LEASE, NORTH, Partition, SERVER, SOUTH, Seat};
use redis::{AsyncCommands, Value};

fn word(text: &str) -> Value {
    Value::BulkString(text.into())
}

#[tokio::test]
async fn who_is_kicked_hears_it_and_the_others_too() {
    let (partition, version) = Partition::with(&[&DAN, &ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    assert!(partition.kick(&ANN).await);
    let expected = [
        (ANN.mailbox(), "Kkicked".to_owned()),
        (BEN.mailbox(), format!("L{} {}kicked", version + 1, ANN.sid)),
    ];
    assert_eq!(everywhere.heard().await, expected);
    assert!(!partition.kick(&ANN).await, "twice is once");
    assert!(!partition.kick(&CAT).await, "who isn't there");
    assert_eq!(everywhere.heard().await, []);
    assert_eq!(partition.audit(NORTH).await, [[""; 3]; 0]);
}

#[tokio::test]
async fn nothing_is_left_of_who_was_kicked_but_why() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    let before = partition.keys().await;
    assert!(before.contains(&"rooms".to_owned()));
    partition.kick(&ANN).await;
    let tombstone = format!("x:{}", ANN.sid);
    let expected = ["epoch", "l:north", "l:south", "nodes", "rv:tea", &tombstone];
    assert_eq!(partition.keys().await, expected);
    let kept: u64 = partition.redis().ttl(format!("{AT}{tombstone}")).await.expect("a time");
    assert!((3590..=3600).contains(&kept), "{kept}");
}

/// Its node was cut off: whatever it asks for the session, it hears why that is over.
#[tokio::test]
async fn a_node_that_did_not_hear_of_it_is_told_and_can_not_undo_it() {
    let (partition, _) = Partition::with(&[&BEN]).await;
    partition.join_to_return(&ANN, "key").await;
    partition.kick(&ANN).await;
    let after = partition.contents().await;
    assert_eq!(partition.epitaph(&ANN).await, word("kicked"));
    assert_eq!(partition.restore(&ANN, Some(["key", ""])).await, word("kicked"));
    assert_eq!(partition.contents().await, after);
    // Not even while everybody registers again.
    partition.pulse(Beat { server: "another", ..Beat::knowing(NORTH, LEASE, "data server") }).await;
    assert_eq!(partition.restore(&ANN, Some(["key", ""])).await, word("kicked"));
    assert_eq!(partition.resume(&ANN.resumed_by(1, SOUTH), "key", "next", &[]).await, Err("expired".into()));
    assert_eq!(SERVER, "server", "the term above");
}

/// The answer to its joining was lost, and its node asks again.
#[tokio::test]
async fn who_was_kicked_is_not_let_in_by_a_joining_that_is_asked_again() {
    let (partition, _) = Partition::with(&[&BEN, &ANN]).await;
    partition.kick(&ANN).await;
    let after = partition.contents().await;
    assert_eq!(partition.join_through(&ANN, 8, 2).await, word("kicked"));
    assert_eq!(partition.contents().await, after);
    assert_eq!(partition.close("tea", 9).await, (1, 0));
    assert_eq!(partition.try_join(&BEN, 8).await, word("closed"));
}

#[tokio::test]
async fn who_is_away_can_be_kicked() {
    let (partition, _) = Partition::with(&[&BEN]).await;
    partition.join_to_return(&ANN, "key").await;
    partition.detach(&ANN).await;
    let mut everywhere = partition.listen_everywhere().await;
    assert!(partition.kick(&ANN).await);
    assert!(everywhere.heard().await.last().expect("heard").1.ends_with("kicked"));
    assert_eq!(partition.window_of(&ANN).await, None);
    assert_eq!(partition.resume(&ANN.resumed_by(1, SOUTH), "key", "next", &[]).await, Err("expired".into()));
}

#[tokio::test]
async fn a_room_is_closed_in_portions() {
    let (partition, version) = Partition::with(&[&DAN, &ANN, &BEN, &CAT]).await;
    let mut everywhere = partition.listen_everywhere().await;
    assert_eq!(partition.close("tea", 2).await, (2, 1));
    assert_eq!(partition.close("tea", 2).await, (1, 0));
    assert_eq!(partition.close("tea", 2).await, (0, 0));
    let heard = everywhere.heard().await;
    for seat in [&ANN, &BEN, &CAT] {
        let own: Vec<_> = heard.iter().filter(|(channel, _)| *channel == seat.mailbox()).collect();
        assert!(own.iter().any(|(_, text)| text == "Kclosed"), "{own:?}");
        assert_eq!(partition.epitaph(seat).await, word("closed"));
    }
    assert!(heard.iter().all(|(channel, _)| *channel != DAN.mailbox()));
    assert_eq!(partition.rooms("", 9).await, [("chess".to_owned(), 1)]);
    let (_, members) = partition.room("tea").await;
    assert_eq!(members, [[""; 5]; 0]);
    let again = partition.join(&Seat { sid: "99999999999999999999", ..ANN }).await;
    assert_eq!((again.version, again.others), (version + 4, vec![]), "the name is free");
}

#[tokio::test]
async fn what_a_script_left_that_broke_off_is_not_listed_and_goes() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    let redis = &mut partition.redis();
    () = redis.zadd_multiple(format!("{AT}rooms"), &[(0, "a"), (0, "b"), (0, "z")]).await.expect("set");
    () = redis.sadd(format!("{AT}r:z"), "ghost000000000000000").await.expect("set");
    let listed = [("tea".to_owned(), 1), ("z".to_owned(), 1)];
    assert_eq!(partition.rooms("", 2).await, listed);
    assert_eq!(partition.room("z").await.1, [[""; 5]; 0]);
    assert_eq!(partition.close("z", 9).await, (0, 0));
    let left: Vec<String> = redis.zrange(format!("{AT}rooms"), 0, -1).await.expect("names");
    assert_eq!(left, ["tea"]);
}

#[tokio::test]
async fn rooms_are_listed_in_the_order_of_their_bytes() {
    let (partition, _) = Partition::with(&[&DAN, &ANN, &BEN]).await;
    assert_eq!(partition.rooms("", 1).await, [("chess".to_owned(), 1)]);
    assert_eq!(partition.rooms("chess", 9).await, [("tea".to_owned(), 2)]);
    assert_eq!(partition.rooms("tea", 9).await, []);
    partition.leave(&DAN, "left").await;
    assert_eq!(partition.rooms("", 9).await, [("tea".to_owned(), 2)]);
    partition.lapse(NORTH).await;
    assert_eq!(partition.reap(NORTH, 9).await, (1, 0));
    partition.leave(&BEN, "left").await;
    assert_eq!(partition.rooms("", 9).await, []);
}

#[tokio::test]
async fn a_room_that_is_registered_again_is_listed() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    partition.lose_everything().await;
    partition
        .pulse(Beat { server: "another", name: "new", ..Beat::knowing(NORTH, LEASE, "data server") })
        .await;
    assert_eq!(partition.restore(&ANN, None).await, Value::Int(2));
    assert_eq!(partition.rooms("", 9).await, [("tea".to_owned(), 1)]);
}

#[tokio::test]
async fn a_room_and_a_socket_are_shown() {
    let (partition, v) = Partition::with(&[&DAN, &BEN]).await;
    partition.join_to_return(&ANN, "key").await;
    let shown = |sid: &str, joined: u64, node: &str, resumable: &str, info: &str| {
        [sid, &joined.to_string(), node, resumable, info].map(ToOwned::to_owned)
    };
    let (version, mut members) = partition.room("tea").await;
    members.sort();
    assert_eq!(version, (v + 1).to_string());
    let ann = shown(ANN.sid, v + 1, NORTH, "1", ANN.info);
    assert_eq!(members, [ann, shown(BEN.sid, v, SOUTH, "0", BEN.info)]);
    assert_eq!(partition.socket(&ANN).await, ["tea", NORTH, "1", ANN.info]);
    partition.detach(&ANN).await;
    assert_eq!(partition.socket(&ANN).await, ["tea", "", "1", ANN.info]);
    assert_eq!(partition.socket(&CAT).await, [""; 0]);
}

#[tokio::test]
async fn an_announcement_is_told_to_each_and_kept_for_none() {
    let (partition, _) = Partition::with(&[&DAN, &ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    assert_eq!(partition.announce("tea", "{}").await, 2);
    assert_eq!(partition.announce("nowhere", "{}").await, 0);
    assert_eq!(everywhere.heard().await, [&ANN, &BEN].map(|seat| (seat.mailbox(), "N{}".to_owned())));
    assert_eq!(partition.contents().await, before);
}

#[tokio::test]
async fn an_answer_waits_for_who_asked_and_not_for_long() {
    let partition = Partition::deserted().await;
    for answer in ["one", "two"] {
        assert_eq!(partition.reply("name", answer).await, 1);
    }
    let key = format!("{AT}a:name");
    let kept: u64 = partition.redis().pttl(&key).await.expect("a time");
    assert!((1..=10_000).contains(&kept), "{kept}");
    let answers: Vec<String> = partition.redis().lrange(&key, 0, -1).await.expect("a list");
    assert_eq!(answers, ["one", "two"]);
}
