//! Redis loses its data, or the last of it: terms and gathering in beat, restore, audit.

use super::partition::{
    ANN, AT, BEN, Beat, CAT, DATA, GONE, LEASE, NORTH, Partition, Pulse, SERVER, SOUTH, Seat, WINDOW,
};
use redis::{AsyncCommands, Value};

/// Of the data that there was before.
const EARLIER: &str = "earlier server";

/// A node that knew other data comes: for a lease everybody may register sessions again.
pub(super) async fn gather(partition: &Partition) {
    for node in [NORTH, SOUTH] {
        assert_ne!(partition.pulse(Beat::knowing(node, LEASE, EARLIER)).await.gathering, 0);
    }
}

fn term() -> String {
    format!("{DATA} {SERVER}")
}

#[tokio::test]
async fn the_first_node_of_a_deployment_waits_for_nobody() {
    let partition = Partition::deserted().await;
    let pulse = partition.pulse(Beat::of(NORTH, LEASE)).await;
    let expected =
        Pulse { held: false, term: term(), gathering: 0, sessions: 0, expired: false, dead: vec![] };
    assert_eq!(pulse, expected);
    // Nor does it once it knows the term, nor one that comes later; the name stays.
    let again = partition.pulse(Beat::knowing(NORTH, LEASE, &term())).await;
    assert_eq!(again, Pulse { held: true, ..expected });
    let another = partition.pulse(Beat { name: "another", ..Beat::of(SOUTH, LEASE) }).await;
    assert_eq!((another.term, another.gathering), (term(), 0));
}

/// A node that knew an earlier term has all register again: for a lease where the data is another, and for a third of one
/// where it is the same in another process, which may lack the last of it.
#[tokio::test]
async fn a_node_that_knew_an_earlier_term_has_all_register_again() {
    for (known, lease) in [(EARLIER, LEASE), ("data before", LEASE / 3)] {
        let partition = Partition::deserted().await;
        partition.beat(SOUTH, LEASE).await;
        let gathering = partition.pulse(Beat::knowing(NORTH, LEASE, known)).await.gathering;
        assert!((1..=lease).contains(&gathering) && gathering > lease / 2, "{known}: {gathering}");
        // Who comes then waits for the end of that, and begins no other one.
        for node in [NORTH, SOUTH] {
            for known in ["", EARLIER, "data before", &term()] {
                let rest = partition.pulse(Beat::knowing(node, LEASE, known)).await.gathering;
                assert!((1..=gathering).contains(&rest), "{rest} of {gathering}");
            }
        }
    }
}

#[tokio::test]
async fn who_comes_when_it_is_over_does_not_begin_it_again() {
    let partition = Partition::deserted().await;
    let gathering = partition.pulse(Beat::knowing(NORTH, 60, EARLIER)).await.gathering;
    partition.until_past(partition.now().await + gathering).await;
    let late = partition.pulse(Beat::knowing(SOUTH, 60, EARLIER)).await;
    assert_eq!((late.gathering, late.term), (0, term()));
}

#[tokio::test]
async fn each_new_process_is_a_term_of_its_own() {
    let partition = Partition::deserted().await;
    let beat = async |server: &'static str, known: &str| {
        let pulse = partition.pulse(Beat { server, ..Beat::knowing(NORTH, 60, known) }).await;
        (pulse.term, pulse.gathering)
    };
    assert_eq!(beat("one", "").await, ("data one".to_owned(), 0));
    for server in ["two", "one", "two"] {
        let known = if server == "one" { "data two" } else { "data one" };
        let (term, gathering) = beat(server, known).await;
        assert_eq!(term, format!("data {server}"));
        assert!((1..=20).contains(&gathering), "{gathering}");
        partition.until_past(partition.now().await + gathering).await;
        assert_eq!(beat(server, &term).await, (term.clone(), 0));
    }
}

/// As when a replica took over to which no node had spoken yet: the first who did know must not be taken for one of many.
#[tokio::test]
async fn a_newcomer_in_a_new_process_begins_no_gathering_and_ends_none() {
    let partition = Partition::deserted().await;
    partition.beat(NORTH, LEASE).await;
    let newcomer = partition.pulse(Beat { server: "two", ..Beat::of(SOUTH, LEASE) }).await;
    assert_eq!((newcomer.term.as_str(), newcomer.gathering), ("data two", 0));
    let knowing = partition.pulse(Beat { server: "two", ..Beat::knowing(NORTH, LEASE, &term()) }).await;
    assert_ne!(knowing.gathering, 0);
}

#[tokio::test]
async fn an_earlier_link_learns_nothing_new() {
    let partition = Partition::start().await;
    partition.beat_through(NORTH, LEASE, 2).await;
    let before = partition.contents().await;
    let pulse = partition.pulse(Beat { server: "two", ..Beat::knowing(NORTH, LEASE, EARLIER) }).await;
    let expected = Pulse {
        held: true,
        term: EARLIER.to_owned(),
        gathering: 0,
        sessions: -1,
        expired: false,
        dead: vec![],
    };
    assert_eq!(pulse, expected);
    assert_eq!(partition.contents().await, before);
}

#[tokio::test]
async fn while_all_gather_nobody_is_taken_for_gone() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.join_to_return(&BEN, "key 1").await;
    partition.join(&CAT).await;
    partition.detach(&BEN).await;
    partition.expire_window_of(&BEN).await;
    partition.lapse(NORTH).await;
    let gathering = partition.pulse(Beat::knowing(SOUTH, 600, EARLIER)).await.gathering;
    let until = partition.now().await + gathering;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
    assert_eq!(partition.expire(16).await, (0, false));
    assert!(partition.now().await < until, "it took too long to show anything");
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
    partition.until_past(until).await;
    assert_eq!(partition.reap(NORTH, 16).await, (2, 0));
    assert_eq!(partition.expire(16).await, (1, false));
}

/// All was lost, and all register again; so far, Ben did.
async fn all_was_lost() -> Partition {
    let partition = Partition::start().await;
    partition.lose_everything().await;
    gather(&partition).await;
    assert_eq!(partition.restore(&BEN, None).await, THERE_AGAIN);
    partition
}

const THERE: Value = Value::Int(1);
const THERE_AGAIN: Value = Value::Int(2);
const TOO_LATE: Value = Value::Int(0);
const ANOTHERS: Value = Value::Int(-1);

#[tokio::test]
async fn who_was_lost_is_registered_again_as_if_it_had_joined() {
    for (keys, attempt) in [(None, 0), (Some(["key 2", "key 3"]), 2), (Some(["key 1", ""]), 0)] {
        let partition = all_was_lost().await;
        let mut ben = partition.listen(&[BEN.mailbox()]).await;
        let ann = Seat { attempt, ..ANN };
        assert_eq!(partition.restore(&ann, keys).await, THERE_AGAIN);
        let (snapshot, mailbox) = partition.sync(&BEN).await.expect("in");
        let v = snapshot.version;
        assert_eq!(snapshot.others, [ANN.shown(v)]);
        assert_eq!(mailbox, [""]);
        assert_eq!(ben.heard().await, [(BEN.mailbox(), format!("J{v} {}{}", ANN.sid, ANN.info))]);
        assert_eq!(partition.audit(NORTH).await, [[ANN.sid, "tea", &attempt.to_string()]]);
        assert_eq!(partition.post(&ANN, &BEN.says(1)).await, 1);
        // Done again, it is there.
        let before = partition.contents().await;
        assert_eq!(partition.restore(&ann, keys).await, THERE);
        assert_eq!(partition.contents().await, before);
        assert_eq!(partition.detach(&ann).await, 1);
        assert_eq!(partition.window_of(&ANN).await.is_some(), keys.is_some());
    }
}

#[tokio::test]
async fn who_was_lost_can_come_back_as_before() {
    let both = Some(["key 2", "key 3"]);
    for (keys, key, is_good) in [
        (both, "key 2", true),
        (both, "key 3", true),
        (both, "key 1", false),
        (Some(["key 2", ""]), "key 2", true),
        (Some(["key 2", ""]), "", false),
        (None, "", false),
    ] {
        let partition = all_was_lost().await;
        partition.restore(&Seat { attempt: 2, ..ANN }, keys).await;
        let resumed = partition.resume(&ANN.resumed_by(3, SOUTH), key, "key 9", &[]).await;
        assert_eq!(resumed.is_ok(), is_good, "{key} of {keys:?}");
        if let Ok(resumed) = resumed {
            assert_eq!((resumed.info.as_str(), resumed.window), (ANN.info, WINDOW));
        }
    }
}

#[tokio::test]
async fn a_room_that_was_lost_goes_on_at_the_time() {
    let partition = Partition::start().await;
    let version = partition.join(&ANN).await.version;
    partition.lose_everything().await;
    gather(&partition).await;
    let before = partition.now().await;
    partition.restore(&ANN, None).await;
    let anew: u64 = partition.redis().get(ANN.version()).await.expect("a version");
    assert!(anew >= before && anew > version);
    assert_eq!(partition.redis().ttl::<_, i64>(ANN.version()).await.expect("a time"), -1);
}

/// Its last leaving was not lost, but its coming back was: its version had begun to run out.
#[tokio::test]
async fn a_room_that_was_empty_keeps_its_version() {
    let partition = Partition::start().await;
    let version = partition.join(&ANN).await.version;
    partition.leave(&ANN, "left").await;
    gather(&partition).await;
    assert_eq!(partition.restore(&ANN, None).await, THERE_AGAIN);
    assert_eq!(partition.redis().ttl::<_, i64>(ANN.version()).await.expect("a time"), -1);
    assert_eq!(partition.redis().get::<_, u64>(ANN.version()).await.expect("a version"), version + 2);
}

/// Redis knows only that she went away.
#[tokio::test]
async fn who_came_back_unbeknownst_is_told_as_back() {
    for attempt in [1, 2] {
        let partition = Partition::start().await;
        partition.join_to_return(&ANN, "key 1").await;
        partition.join(&BEN).await;
        partition.detach(&ANN).await;
        partition.post(&ANN, &BEN.says(1)).await;
        gather(&partition).await;
        let mut ben = partition.listen(&[BEN.mailbox()]).await;
        let back = ANN.resumed_by(attempt, SOUTH);
        assert_eq!(partition.restore(&back, Some(["key 1", "key 2"])).await, THERE_AGAIN);
        let (snapshot, mailbox) = partition.sync(&back).await.expect("in");
        assert_eq!(ben.heard().await, [(BEN.mailbox(), format!("B{} {}", snapshot.version, ANN.sid))]);
        assert_eq!(mailbox, [String::new(), BEN.says(1)]);
        assert_eq!(partition.window_of(&ANN).await, None);
        assert_eq!(partition.audit(SOUTH).await.len(), 2);
    }
}

/// Redis knows only an earlier connection of hers, on another node or on this one.
#[tokio::test]
async fn who_moved_unbeknownst_is_where_it_went() {
    for node in [SOUTH, NORTH] {
        let partition = Partition::start().await;
        partition.join_to_return(&ANN, "key 1").await;
        gather(&partition).await;
        let back = ANN.resumed_by(1, node);
        assert_eq!(partition.restore(&back, Some(["key 1", "key 2"])).await, THERE_AGAIN);
        assert!(partition.sync(&back).await.is_ok());
        let [here, there] = [node, if node == SOUTH { NORTH } else { SOUTH }];
        assert_eq!(partition.audit(here).await, [[ANN.sid, "tea", "1"]]);
        let left: Vec<String> = partition.redis().smembers(format!("{AT}n:{there}")).await.expect("a set");
        assert_eq!(left, [""; 0]);
    }
}

#[tokio::test]
async fn who_is_there_is_not_registered_again() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.join(&BEN).await;
    let later = ANN.resumed_by(2, SOUTH);
    partition.resume(&later, "key 1", "key 2", &[]).await.expect("in");
    for gathers in [false, true] {
        if gathers {
            gather(&partition).await;
        }
        let mut everywhere = partition.listen_everywhere().await;
        let before = partition.contents().await;
        assert_eq!(partition.restore(&BEN, None).await, THERE);
        assert_eq!(partition.restore(&later, Some(["key 1", "key 2"])).await, THERE);
        for earlier in [&ANN, &ANN.resumed_by(1, NORTH), &ANN.resumed_by(1, SOUTH)] {
            assert_eq!(partition.restore(earlier, Some(["key 1", ""])).await, ANOTHERS);
        }
        assert_eq!(partition.contents().await, before);
        assert_eq!(everywhere.heard().await, []);
    }
}

/// The others have been told that it is lost.
#[tokio::test]
async fn who_comes_when_all_have_gathered_is_too_late() {
    let partition = Partition::start().await;
    partition.join(&BEN).await;
    let before = partition.contents().await;
    assert_eq!(partition.restore(&ANN, None).await, TOO_LATE);
    assert_eq!(partition.restore(&ANN.resumed_by(1, NORTH), Some(["key 1", ""])).await, TOO_LATE);
    assert_eq!(partition.contents().await, before);
    assert_eq!(partition.sync(&ANN).await, Err(GONE));
}

#[tokio::test]
async fn a_node_without_a_lease_registers_nobody_again() {
    let partition = all_was_lost().await;
    partition.beat_through(NORTH, LEASE, 2).await;
    let no_lease = Value::BulkString(b"no lease".to_vec());
    let before = partition.contents().await;
    assert_eq!(partition.restore_through(&ANN, None, 1).await, no_lease);
    assert_eq!(partition.restore(&ANN.claimed_by("nowhere"), None).await, no_lease);
    assert_eq!(partition.contents().await, before);
    assert_eq!(partition.restore_through(&ANN, None, 2).await, THERE_AGAIN);
}

#[tokio::test]
async fn an_audit_tells_a_nodes_sessions_and_changes_nothing() {
    let (partition, _) = Partition::with(&[&BEN, &CAT]).await;
    partition.join_to_return(&ANN, "key 1").await;
    let before = partition.contents().await;
    assert_eq!(partition.audit(NORTH).await, [[ANN.sid, "tea", "0"], [CAT.sid, "tea", "0"]]);
    assert_eq!(partition.audit("nowhere").await, [[""; 3]; 0]);
    assert_eq!(partition.contents().await, before);
    partition.resume(&ANN.resumed_by(3, SOUTH), "key 1", "key 2", &[]).await.expect("in");
    assert_eq!(partition.audit(NORTH).await, [[CAT.sid, "tea", "0"]]);
    assert_eq!(partition.audit(SOUTH).await, [[ANN.sid, "tea", "3"], [BEN.sid, "tea", "0"]]);
}

/// As a script leaves them that broke off, or a Redis that failed over.
#[tokio::test]
async fn an_audit_clears_away_what_is_only_half_there() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    let own = format!("{AT}n:{NORTH}");
    // One without a session, and one whose session is another node's.
    () = partition.redis().sadd(&own, &[CAT.sid, BEN.sid]).await.expect("added");
    assert_eq!(partition.audit(NORTH).await, [[ANN.sid, "tea", "0"]]);
    let left: Vec<String> = partition.redis().smembers(&own).await.expect("a set");
    assert_eq!(left, [ANN.sid]);
    assert!(partition.sync(&BEN).await.is_ok());
}

/// Redis knows only what she showed before.
#[tokio::test]
async fn who_shows_something_else_unbeknownst_shows_it_again() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.join(&BEN).await;
    gather(&partition).await;
    let mut ben = partition.listen(&[BEN.mailbox()]).await;
    let anna = Seat { info: r#""Anna""#, ..ANN };
    partition.restore(&anna, Some(["key 1", ""])).await;
    let (snapshot, _) = partition.sync(&BEN).await.expect("in");
    assert_eq!(snapshot.others, [anna.shown(snapshot.others[0].2)]);
    assert_eq!(
        ben.heard().await,
        [(BEN.mailbox(), format!("I{} {}{}", snapshot.version, ANN.sid, anna.info))]
    );
}

/// The data goes on in another process: what it had last may be missing.
async fn moved(partition: &Partition) {
    for node in [NORTH, SOUTH] {
        partition.pulse(Beat { server: "another server", ..Beat::of(node, LEASE) }).await;
    }
}

#[tokio::test]
async fn who_was_away_meanwhile_is_told_when_it_comes_back() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.detach(&ANN).await;
    moved(&partition).await;
    let mut ann = ANN.resumed_by(1, SOUTH);
    assert!(partition.resume(&ann, "key 1", "key 2", &[]).await.expect("in").has_gap);
    ann = ANN.resumed_by(2, NORTH);
    assert!(!partition.resume(&ann, "key 2", "key 3", &[]).await.expect("in").has_gap, "once");
}

#[tokio::test]
async fn versions_go_on_above_those_of_what_was_lost() {
    let (partition, version) = Partition::with(&[&ANN, &BEN]).await;
    // An older state comes back.
    let older = version - 10;
    () = partition.redis().set(format!("{AT}rv:tea"), older).await.expect("set");
    moved(&partition).await;
    let (snapshot, _) = partition.sync(&ANN).await.expect("in");
    assert!(snapshot.version >= version, "{} after {version}", snapshot.version);
    assert_eq!(partition.join(&CAT).await.version, snapshot.version + 1, "nothing is missing in between");
}

#[tokio::test]
async fn who_was_set_aside_after_an_answer_that_was_lost_is_taken_up_again() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    let ann = ANN.resumed_by(1, SOUTH);
    partition.resume(&ann, "key 1", "key 2", &[]).await.expect("in");
    partition.lapse(SOUTH).await;
    partition.reap(SOUTH, 16).await;
    assert!(partition.window_of(&ANN).await.is_some(), "it is away");
    partition.beat(SOUTH, LEASE).await;
    partition.resume(&ann, "key 1", "key 2", &[]).await.expect("the same again is granted again");
    assert_eq!(partition.window_of(&ANN).await, None);
    assert!(partition.sync(&ann).await.is_ok());
}

#[tokio::test]
async fn who_entered_again_outlives_the_window_that_it_had() {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.lapse(NORTH).await;
    partition.reap(NORTH, 16).await;
    partition.beat(NORTH, LEASE).await;
    // Its joining is asked again, as the answer was lost.
    partition.join_to_return(&ANN, "key 1").await;
    assert_eq!(partition.window_of(&ANN).await, None);
    () = partition.redis().zadd(format!("{AT}dt"), ANN.sid, 1).await.expect("a window that is over");
    partition.expire(16).await;
    assert!(partition.sync(&ANN).await.is_ok(), "a node has it");
}
