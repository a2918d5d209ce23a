//! Nodes that are there, and nodes that are thought dead: beat, reap, retire.

use super::partition::{
    ANN, AT, BEN, Beat, CAT, DAN, GONE, LEASE, NORTH, Partition, REAPED_AFTER, SOUTH, Seat, Snapshot, WINDOW,
    ask,
};
use futures_util::future::join_all;
use redis::{AsyncCommands, Value};

#[tokio::test]
async fn a_beat_says_whether_the_lease_was_held() {
    let partition = Partition::deserted().await;
    assert_eq!(partition.beat(NORTH, LEASE).await, (false, vec![]));
    assert_eq!(partition.beat(NORTH, LEASE).await, (true, vec![]));
    partition.lapse(NORTH).await;
    assert_eq!(partition.beat(NORTH, LEASE).await, (false, vec![]));
    assert_eq!(partition.beat(NORTH, LEASE).await, (true, vec![]));
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_it_says() {
    let partition = Partition::deserted().await;
    let before = partition.now().await;
    partition.beat(NORTH, 5_000).await;
    let after = partition.now().await;
    let expiry: u64 = partition.redis().zscore(format!("{AT}nodes"), NORTH).await.expect("a lease");
    assert!((before + 5_000..=after + 5_000).contains(&expiry));
}

#[tokio::test]
async fn a_beat_names_those_whose_lease_has_lapsed() {
    let partition = Partition::start().await;
    assert_eq!(partition.beat(SOUTH, LEASE).await, (true, vec![]));
    partition.lapse(NORTH).await;
    assert_eq!(partition.beat(SOUTH, LEASE).await, (true, vec![NORTH.to_owned()]));
    partition.beat(NORTH, LEASE).await;
    assert_eq!(partition.beat(SOUTH, LEASE).await, (true, vec![]));
}

#[tokio::test]
async fn a_beat_names_sixteen_at_most() {
    let partition = Partition::start().await;
    for n in 0..20 {
        partition.lapse(&format!("node-{n}")).await;
    }
    assert_eq!(partition.beat(SOUTH, LEASE).await.1.len(), 16);
}

#[tokio::test]
async fn a_beat_probes_its_own_channel() {
    let partition = Partition::start().await;
    let mut nodes = partition.listen(&[NORTH, SOUTH].map(|node| format!("{AT}hb:{node}"))).await;
    partition.beat(NORTH, LEASE).await;
    assert_eq!(nodes.heard().await, []);
    partition.pulse(Beat { nonce: "nonce", ..Beat::of(NORTH, LEASE) }).await;
    assert_eq!(nodes.heard().await, [(format!("{AT}hb:{NORTH}"), "Pnonce".to_owned())]);
}

#[tokio::test]
async fn a_dead_node_is_reaped_of_all_that_it_had_and_of_nothing_else() {
    let (partition, version) = Partition::with(&[&DAN, &ANN, &BEN, &CAT]).await;
    partition.post(&ANN, "unread").await;
    partition.lapse(NORTH).await;
    let mut everywhere = partition.listen_everywhere().await;
    assert_eq!(partition.reap(NORTH, 16).await, (2, 0));

    let heard = everywhere.heard().await;
    let texts = |seat: &Seat| -> Vec<String> {
        let to = heard.iter().filter(|(channel, _)| *channel == seat.mailbox());
        to.map(|(_, text)| text.clone()).collect()
    };
    let lost = |version: u64, sid: &str| format!("L{version} {sid}lost");
    let (v, w) = (version + 1, version + 2);
    let either = [vec![lost(v, ANN.sid), lost(w, CAT.sid)], vec![lost(v, CAT.sid), lost(w, ANN.sid)]];
    assert!(either.contains(&texts(&BEN)), "{heard:?}");
    assert!(texts(&DAN).is_empty());

    let ben = BEN.sid;
    let dan = DAN.sid;
    let left = [
        "epoch".to_owned(),
        format!("l:{SOUTH}"),
        format!("n:{SOUTH}"),
        "nodes".to_owned(),
        format!("q:{ben}:tea"),
        format!("q:{dan}:chess"),
        "r:chess".to_owned(),
        "r:tea".to_owned(),
        "rooms".to_owned(),
        "rv:chess".to_owned(),
        "rv:tea".to_owned(),
        format!("s:{ben}"),
        format!("s:{dan}"),
    ];
    assert_eq!(partition.keys().await, left);
    let nodes: Vec<String> = partition.redis().zrange(format!("{AT}nodes"), 0, -1).await.expect("nodes");
    assert_eq!(nodes, [SOUTH]);
    let (snapshot, _) = partition.sync(&BEN).await.expect("in");
    assert_eq!(snapshot, Snapshot { version: version + 2, others: vec![] });
    // Done again: nothing (any more).
    assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
}

/// Its node may have lost it at the beginning of the lease that lapsed.
#[tokio::test]
async fn of_a_dead_node_who_can_come_back_is_set_aside_for_what_is_left_of_its_window() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.join(&CAT).await;
    let version = partition.join(&BEN).await.version;
    partition.post(&ANN, &BEN.says(1)).await;
    partition.lapse(NORTH).await;
    let mut ben = partition.listen(&[BEN.mailbox()]).await;
    let before = partition.now().await;
    assert_eq!(partition.reap(NORTH, 16).await, (2, 0));
    let after = partition.now().await;

    let heard: Vec<String> = ben.heard().await.into_iter().map(|(_, text)| text).collect();
    let (v, w) = (version + 1, version + 2);
    let told = |away: u64, lost: u64| [format!("A{away} {}", ANN.sid), format!("L{lost} {}lost", CAT.sid)];
    let [away, lost] = told(w, v);
    assert!([told(v, w), [lost, away]].contains(&heard.clone().try_into().expect("two")), "{heard:?}");
    let over = partition.window_of(&ANN).await.expect("away");
    assert!((before + WINDOW - REAPED_AFTER..=after + WINDOW - REAPED_AFTER).contains(&over));
    assert_eq!(partition.mailbox(&ANN).await, [String::new(), BEN.says(1)]);
    let (snapshot, _) = partition.sync(&BEN).await.expect("in");
    assert_eq!(snapshot, Snapshot { version: w, others: vec![ANN.shown_away(version - 2)] });
    // Done again: nothing (any more), and it is nobody's.
    assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
    assert_eq!(partition.reap("", 16).await, (0, 0));
    assert_eq!(partition.window_of(&ANN).await, Some(over));
}

#[tokio::test]
async fn of_a_window_that_a_lease_used_up_a_second_is_left() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    () = partition.redis().hset(format!("{AT}s:{}", ANN.sid), "w", REAPED_AFTER).await.expect("set");
    partition.lapse(NORTH).await;
    let before = partition.now().await;
    partition.reap(NORTH, 16).await;
    let over = partition.window_of(&ANN).await.expect("away");
    assert!((before + 1000..=partition.now().await + 1000).contains(&over));
}

#[tokio::test]
async fn a_beat_counts_its_nodes_sessions_and_tells_of_windows_that_are_over() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.join(&CAT).await;
    partition.join(&BEN).await;
    let beat = async |node| {
        let pulse = partition.pulse(Beat::of(node, LEASE)).await;
        (pulse.sessions, pulse.expired)
    };
    assert_eq!((beat(NORTH).await, beat(SOUTH).await), ((2, false), (1, false)));
    partition.detach(&ANN).await;
    assert_eq!((beat(NORTH).await, beat(SOUTH).await), ((1, false), (1, false)));
    partition.expire_window_of(&ANN).await;
    assert_eq!((beat(NORTH).await, beat(SOUTH).await), ((1, true), (1, true)));
    partition.expire(16).await;
    assert_eq!(beat(NORTH).await, (1, false));
}

#[tokio::test]
async fn a_node_that_holds_its_lease_is_not_reaped() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    let before = partition.contents().await;
    assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
    assert_eq!(partition.contents().await, before);
    // Nor one that came back in time.
    partition.lapse(NORTH).await;
    partition.beat(NORTH, LEASE).await;
    assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
    assert!(partition.sync(&ANN).await.is_ok());
}

#[tokio::test]
async fn what_was_reaped_is_gone_for_its_node_too() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    partition.lapse(NORTH).await;
    partition.reap(NORTH, 16).await;
    let mut everywhere = partition.listen_everywhere().await;
    assert_eq!(partition.sync(&ANN).await, Err(GONE));
    assert_eq!(partition.leave(&ANN, "left").await, 0);
    assert_eq!(partition.post(&ANN, "late").await, 0);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn many_sessions_are_reaped_in_portions() {
    let partition = Partition::start().await;
    crowd(&partition, 10).await;
    partition.lapse(NORTH).await;
    assert_eq!(partition.reap(NORTH, 4).await, (4, 6));
    assert_eq!(partition.beat(SOUTH, LEASE).await.1, [NORTH]);
    assert_eq!(partition.reap(NORTH, 4).await, (4, 2));
    assert_eq!(partition.reap(NORTH, 4).await, (2, 0));
    assert_eq!(partition.reap(NORTH, 4).await, (0, 0));
    assert_eq!(partition.beat(SOUTH, LEASE).await.1, [""; 0]);
}

#[tokio::test]
async fn eight_who_reap_at_once_remove_each_session_once() {
    let (partition, version) = Partition::with(&[&BEN]).await;
    let sids = crowd(&partition, 100).await;
    partition.lapse(NORTH).await;
    let mut ben = partition.listen(&[BEN.mailbox()]).await;
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(partition.another().await);
    }
    let reaped = join_all(connections.iter_mut().map(reap_all)).await;
    assert!(reaped.iter().filter(|count| **count > 0).count() > 1, "one did it all: {reaped:?}");
    assert_eq!(reaped.iter().sum::<u64>(), 100);

    let heard = ben.heard().await;
    let mut told = Vec::new();
    for ((_, text), version) in heard.iter().zip(version + 101..) {
        let sid = text.strip_prefix(&format!("L{version} ")).expect(text);
        told.push(sid.strip_suffix("lost").expect(text).to_owned());
    }
    told.sort();
    assert_eq!(told, sids);
    partition.leave(&BEN, "left").await;
    partition.retire(SOUTH).await;
    assert_eq!(partition.keys().await, ["epoch", "rv:tea"]);
}

/// An entry without its session, as a Redis that failed over may show it, mustn't keep a node from being forgotten.
#[tokio::test]
async fn a_session_that_is_only_half_there_is_cleared_away() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    () = partition.redis().sadd(format!("{AT}n:{NORTH}"), CAT.sid).await.expect("added");
    partition.lapse(NORTH).await;
    assert_eq!(partition.reap(NORTH, 16).await, (2, 0));
    assert_eq!(partition.beat(SOUTH, LEASE).await.1, [""; 0]);
}

#[tokio::test]
async fn a_node_that_stops_gives_its_lease_back() {
    let (partition, _) = Partition::with(&[&BEN]).await;
    assert_eq!(partition.retire(NORTH).await, 0);
    assert_eq!(partition.beat(SOUTH, LEASE).await, (true, vec![]));
    assert_eq!(partition.beat(NORTH, LEASE).await, (false, vec![]));
}

#[tokio::test]
async fn what_a_node_leaves_behind_is_reaped_at_once() {
    let (partition, _) = Partition::with(&[&ANN, &BEN, &CAT]).await;
    assert_eq!(partition.retire(NORTH).await, 2);
    assert!(partition.sync(&ANN).await.is_ok());
    assert_eq!(partition.beat(SOUTH, LEASE).await.1, [NORTH]);
    assert_eq!(partition.reap(NORTH, 16).await, (2, 0));
    assert_eq!(partition.retire(NORTH).await, 0);
}

/// A Redis that failed over may have lost the lease and kept the sessions.
#[tokio::test]
async fn what_a_forgotten_node_leaves_behind_is_reaped_too() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    () = partition.redis().zrem(format!("{AT}nodes"), NORTH).await.expect("removed");
    assert_eq!(partition.retire(NORTH).await, 1);
    assert_eq!(partition.beat(SOUTH, LEASE).await.1, [NORTH]);
    assert_eq!(partition.reap(NORTH, 16).await, (1, 0));
}

#[tokio::test]
async fn a_node_that_retires_twice_is_not_remembered() {
    let partition = Partition::start().await;
    for _ in 0..2 {
        assert_eq!(partition.retire(NORTH).await, 0);
    }
    let nodes: Vec<String> = partition.redis().zrange(format!("{AT}nodes"), 0, -1).await.expect("nodes");
    assert_eq!(nodes, [SOUTH]);
}

/// Many of the north's sessions in one room. Their ids, sorted.
async fn crowd(partition: &Partition, size: usize) -> Vec<String> {
    let sids: Vec<String> = (0..size).map(|n| format!("crowd{n:0>15}")).collect();
    for sid in &sids {
        let arguments = ["tea", sid, NORTH, "null", "1000", "1"];
        let _: Vec<String> = ask(&mut partition.redis(), "join", AT, &arguments).await;
    }
    sids
}

/// Reaps the north until nothing is left. How many it removed.
async fn reap_all(redis: &mut redis::aio::MultiplexedConnection) -> u64 {
    let mut removed = 0;
    loop {
        let (some, left): (u64, u64) = ask(redis, "reap", AT, &[NORTH, "4", &REAPED_AFTER.to_string()]).await;
        removed += some;
        if left == 0 {
            return removed;
        }
    }
}

#[tokio::test]
async fn what_an_earlier_link_left_on_its_way_does_nothing() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    partition.beat_through(NORTH, LEASE, 2).await;
    let before = partition.contents().await;
    let mut ear = partition.listen_everywhere().await;
    assert_eq!(partition.join_through(&CAT, 8, 1).await, Value::BulkString(b"no lease".to_vec()));
    assert_eq!(partition.info_through(&ANN, "1", 1).await, -1);
    assert_eq!(partition.beat_through(NORTH, 120_000, 1).await, (true, vec![]));
    assert_eq!(partition.contents().await, before);
    assert_eq!(ear.heard().await, []);
    assert_eq!(partition.info_through(&ANN, "1", 2).await, 1);
    partition.join_through(&CAT, 8, 2).await;
    let told = ear.heard().await;
    assert!(told.iter().all(|(channel, _)| *channel == ANN.mailbox()), "{told:?}");
    assert_eq!(told.len(), 2, "through the latest link both are done: {told:?}");
}
