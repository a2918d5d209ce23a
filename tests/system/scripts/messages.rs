//! What lies in a mailbox and travels on a channel: post, broadcast, trim.

use super::partition::{ANN, BEN, CAT, DAN, Partition};
use redis::AsyncCommands;

/// Messages that a mailbox holds, beside its sentinel.
const MAILBOX: usize = 1024;

#[tokio::test]
async fn a_message_is_kept_and_published_in_order() {
    let (partition, _) = Partition::with(&[&ANN, &BEN, &DAN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    for message in ["Mo one", "Ma two"] {
        assert_eq!(partition.post(&ANN, message).await, 1);
    }
    assert_eq!(partition.mailbox(&ANN).await, ["", "Mo one", "Ma two"]);
    assert_eq!(partition.mailbox(&BEN).await, [""]);
    let expected = ["Mo one", "Ma two"].map(|text| (ANN.mailbox(), text.to_owned()));
    assert_eq!(everywhere.heard().await, expected);
}

#[tokio::test]
async fn a_message_is_kept_byte_for_byte() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    let message = "Mm… {\"a\":\"\\u0000\r\n\0 \u{1f600}\"}";
    assert_eq!(partition.post(&ANN, message).await, 1);
    assert_eq!(partition.mailbox(&ANN).await[1], message);
    assert_eq!(everywhere.heard().await, [(ANN.mailbox(), message.to_owned())]);
}

#[tokio::test]
async fn a_message_to_nobody_is_neither_kept_nor_published() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    partition.leave(&ANN, "left").await;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    assert_eq!(partition.post(&ANN, "late").await, 0);
    assert_eq!(partition.post(&CAT, "never there").await, 0);
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn a_full_mailbox_takes_no_more_and_keeps_what_it_has() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    let sent: Vec<String> = (0..MAILBOX).map(|n| format!("M{n}")).collect();
    for message in &sent {
        assert_eq!(partition.post(&ANN, message).await, 1);
    }
    let mut everywhere = partition.listen_everywhere().await;
    for _ in 0..2 {
        assert_eq!(partition.post(&ANN, "too many").await, -1);
    }
    assert_eq!(partition.mailbox(&ANN).await[1..], sent);
    assert_eq!(everywhere.heard().await, []);
    // Once one is delivered, there is room for one.
    assert_eq!(partition.trim(&ANN, "M0").await, 1);
    assert_eq!(partition.post(&ANN, "one more").await, 1);
    assert_eq!(partition.post(&ANN, "too many").await, -1);
}

#[tokio::test]
async fn a_mailbox_is_full_of_bytes_too() {
    let large = "x".repeat(64 * 1024);
    for by_broadcast in [false, true] {
        let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
        let (mut taken, mut refused) = (Vec::new(), false);
        while !refused {
            let message = format!("M{} {large}", taken.len());
            refused = if by_broadcast {
                !partition.broadcast(&BEN, &message).await.is_empty()
            } else {
                partition.post(&ANN, &message).await == -1
            };
            if !refused {
                taken.push(message);
            }
        }
        let bytes: usize = taken.iter().map(String::len).sum();
        // Redis counts what it allocates, which is somewhat more.
        assert!((384 * 1024..768 * 1024).contains(&bytes), "{bytes}");
        assert_eq!(partition.mailbox(&ANN).await[1..], taken, "what it has it keeps");
        partition.trim(&ANN, &taken[0]).await;
        assert_eq!(partition.post(&ANN, "small").await, 1, "there is room again");
    }
}

#[tokio::test]
async fn a_broadcast_reaches_all_the_others() {
    let (partition, _) = Partition::with(&[&ANN, &BEN, &CAT, &DAN]).await;
    let mut everywhere = partition.listen_everywhere().await;
    assert_eq!(partition.broadcast(&ANN, "Mm hello").await, [""; 0]);
    let expected = [&BEN, &CAT].map(|seat| (seat.mailbox(), "Mm hello".to_owned()));
    assert_eq!(everywhere.heard().await, expected);
    for (seat, mailbox) in
        [(&ANN, vec![""]), (&BEN, vec!["", "Mm hello"]), (&CAT, vec!["", "Mm hello"]), (&DAN, vec![""])]
    {
        assert_eq!(partition.mailbox(seat).await, mailbox);
    }
}

#[tokio::test]
async fn a_broadcast_names_whose_mailbox_is_full() {
    let (partition, _) = Partition::with(&[&ANN, &BEN, &CAT]).await;
    for n in 0..MAILBOX {
        assert_eq!(partition.broadcast(&BEN, &format!("M{n}")).await, [""; 0]);
        partition.trim(&CAT, &format!("M{n}")).await;
    }
    let full = partition.mailbox(&ANN).await;
    assert_eq!(full.len(), MAILBOX + 1);
    let mut everywhere = partition.listen_everywhere().await;
    assert_eq!(partition.broadcast(&BEN, "too many").await, [ANN.sid]);
    assert_eq!(partition.mailbox(&ANN).await, full);
    assert_eq!(partition.mailbox(&CAT).await, ["", "too many"]);
    assert_eq!(everywhere.heard().await, [(CAT.mailbox(), "too many".to_owned())]);
}

#[tokio::test]
async fn who_is_not_in_the_room_broadcasts_nothing() {
    let (partition, _) = Partition::with(&[&ANN, &BEN]).await;
    partition.leave(&BEN, "left").await;
    let mut everywhere = partition.listen_everywhere().await;
    let before = partition.contents().await;
    assert_eq!(partition.broadcast(&BEN, "late").await, [""; 0]);
    assert_eq!(partition.broadcast(&CAT, "never there").await, [""; 0]);
    assert_eq!(partition.contents().await, before);
    assert_eq!(everywhere.heard().await, []);
}

#[tokio::test]
async fn a_trim_takes_out_what_was_delivered_and_no_more() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    for message in ["one", "two", "three", "four"] {
        partition.post(&ANN, message).await;
    }
    assert_eq!(partition.trim(&ANN, "two").await, 2);
    assert_eq!(partition.mailbox(&ANN).await, ["", "three", "four"]);
    // Done again, and done late: both were delivered already.
    for earlier in ["two", "one"] {
        assert_eq!(partition.trim(&ANN, earlier).await, 0);
        assert_eq!(partition.mailbox(&ANN).await, ["", "three", "four"]);
    }
}

#[tokio::test]
async fn an_emptied_mailbox_still_takes_messages() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    partition.post(&ANN, "one").await;
    assert_eq!(partition.trim(&ANN, "one").await, 1);
    assert_eq!(partition.mailbox(&ANN).await, [""]);
    assert_eq!(partition.post(&ANN, "two").await, 1);
    assert_eq!(partition.mailbox(&ANN).await, ["", "two"]);
}

#[tokio::test]
async fn a_trim_makes_no_mailbox() {
    let (partition, _) = Partition::with(&[&ANN]).await;
    assert_eq!(partition.trim(&BEN, "one").await, 0);
    assert!(!partition.redis().exists::<_, bool>(BEN.mailbox()).await.expect("an answer"));
}
