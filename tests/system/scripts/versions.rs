//! A room's version: one up with each change, told in one order, and never back.

use super::partition::{ANN, BEN, CAT, DAN, Partition};
use crate::harness::until;
use redis::AsyncCommands;

#[tokio::test]
async fn a_room_begins_at_the_time() {
    let partition = Partition::start().await;
    let before = partition.now().await;
    let version = partition.join(&ANN).await.version;
    assert!((before..=partition.now().await).contains(&version));
}

#[tokio::test]
async fn each_change_raises_it_by_one_and_all_hear_them_in_one_order() {
    let (partition, version) = Partition::with(&[&ANN, &BEN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    partition.join(&CAT).await;
    partition.join(&DAN).await;
    partition.info(&CAT, "1").await;
    partition.post(&ANN, "not a change").await;
    partition.leave(&CAT, "left").await;
    partition.join(&CAT).await;
    partition.leave(&CAT, "lost").await;
    let heard = everywhere.heard().await;
    for seat in [&ANN, &BEN] {
        let texts = heard.iter().filter(|(channel, _)| *channel == seat.mailbox());
        let notices = texts.filter_map(|(_, text)| text.split_once(' '));
        let told: Vec<&str> = notices.map(|(told, _)| told).filter(|told| *told != "not").collect();
        let v = version;
        let expected = ["J", "I", "L", "J", "L"].iter().zip(v + 1..).map(|(kind, v)| format!("{kind}{v}"));
        assert_eq!(told, expected.collect::<Vec<_>>());
    }
}

/// As when a Redis lost it: restarted without its data, or failed over to a replica that hadn't heard of it.
#[tokio::test]
async fn a_lost_version_goes_on_at_the_time() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    for _ in 0..3 {
        let version = lose(&partition).await;
        let before = partition.now().await;
        let joined = partition.join(&CAT).await.version;
        assert!(joined >= before && joined > version);
        lose(&partition).await;
        partition.leave(&CAT, "left").await;
        assert!(current(&partition).await > joined);
    }
}

#[tokio::test]
async fn an_expired_version_goes_on_at_the_time() {
    let (partition, version) = Partition::with(&[&ANN]).await;
    partition.leave(&ANN, "left").await;
    overtaken(&partition).await;
    () = partition.redis().pexpire(ANN.version(), 1).await.expect("a TTL");
    let expired = async || !partition.redis().exists::<_, bool>(ANN.version()).await.expect("an answer");
    until("the version expires", expired).await;
    let before = partition.now().await;
    let anew = partition.join(&ANN).await.version;
    assert!(anew >= before && anew > version);
    assert_eq!(partition.join(&BEN).await.version, anew + 1);
}

/// Loses the version, and says which it was.
async fn lose(partition: &Partition) -> u64 {
    let version = overtaken(partition).await;
    () = partition.redis().del(ANN.version()).await.expect("deleted");
    version
}

/// Waits for the time to pass the version: it falls behind only where changes come faster than one a millisecond, which
/// this test does, but a room doesn't for as long as a Redis takes to come back.
async fn overtaken(partition: &Partition) -> u64 {
    let version = current(partition).await;
    until("the time passes the version", async || partition.now().await > version).await;
    version
}

async fn current(partition: &Partition) -> u64 {
    partition.redis().get(ANN.version()).await.expect("a version")
}
