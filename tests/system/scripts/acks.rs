//! What a client had, and what of its mailbox is forgotten for it: ack, and the claim of a resume.

use super::partition::{ANN, BEN, CAT, NORTH, Partition, Seat};
use redis::AsyncCommands;

/// The largest number that a message may have.
const MAX_N: u64 = (1 << 53) - 1;

/// Ann's mailbox, with these in it.
async fn mailbox_of(messages: &[String]) -> Partition {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    for message in messages {
        assert_eq!(partition.post(&ANN, message).await, 1);
    }
    partition
}

fn said(by: &Seat, up_to: u64) -> Vec<String> {
    (1..=up_to).map(|n| by.says(n)).collect()
}

/// The mailbox as it is kept: its first place is never a message's.
fn kept(messages: &[String]) -> Vec<String> {
    [&[String::new()], messages].concat()
}

#[tokio::test]
async fn an_ack_takes_out_what_was_had_and_no_more() {
    let partition = mailbox_of(&said(&BEN, 4)).await;
    assert_eq!(partition.ack(&ANN, &[(&BEN, 2)]).await, 2);
    assert_eq!(partition.mailbox(&ANN).await, kept(&said(&BEN, 4)[2..]));
    // Done again, and done late.
    for earlier in [2, 1, 0] {
        assert_eq!(partition.ack(&ANN, &[(&BEN, earlier)]).await, 0);
    }
    assert_eq!(partition.ack(&ANN, &[]).await, 0);
    assert_eq!(partition.mailbox(&ANN).await, kept(&said(&BEN, 4)[2..]));
}

/// A mailbox is read in pieces of 64.
#[tokio::test]
async fn an_ack_reaches_any_number_of_messages() {
    for count in [1, 63, 64, 65, 127, 128, 129, 1024] {
        let messages = said(&BEN, count);
        let partition = mailbox_of(&messages).await;
        assert_eq!(partition.ack(&ANN, &[(&BEN, count - 1)]).await, count - 1);
        assert_eq!(partition.mailbox(&ANN).await, kept(&messages[messages.len() - 1..]), "{count}");
        assert_eq!(partition.ack(&ANN, &[(&BEN, count)]).await, 1);
        assert_eq!(partition.mailbox(&ANN).await, kept(&[]), "{count}");
        assert_eq!(partition.post(&ANN, &BEN.says(count + 1)).await, 1, "it is still a mailbox");

        let partition = mailbox_of(&messages).await;
        assert_eq!(partition.ack(&ANN, &[(&BEN, MAX_N)]).await, count, "all at once");
        assert_eq!(partition.mailbox(&ANN).await, kept(&[]), "{count}");
    }
}

#[tokio::test]
async fn what_was_not_had_keeps_what_comes_after_it() {
    for place in [0, 1, 63, 64, 127, 128] {
        let mut messages = said(&BEN, 130);
        messages.insert(place, CAT.says(1));
        let partition = mailbox_of(&messages).await;
        assert_eq!(partition.ack(&ANN, &[(&BEN, 130)]).await, place as u64);
        assert_eq!(partition.mailbox(&ANN).await, kept(&messages[place..]), "{place}");
        assert_eq!(partition.ack(&ANN, &[(&BEN, 130), (&CAT, 1)]).await, 131 - place as u64);
    }
}

#[tokio::test]
async fn each_sender_has_its_own_number() {
    let messages = [CAT.says(1), BEN.says(1), CAT.says(2), BEN.says(2), CAT.says(3)];
    let partition = mailbox_of(&messages).await;
    assert_eq!(partition.ack(&ANN, &[(&BEN, 1), (&CAT, 3)]).await, 3);
    assert_eq!(partition.mailbox(&ANN).await, kept(&messages[3..]));
}

#[tokio::test]
async fn a_message_posted_again_is_taken_out_like_the_first() {
    let messages = [BEN.says(1), BEN.says(2), BEN.says(1), BEN.says(2), BEN.says(3)];
    let partition = mailbox_of(&messages).await;
    assert_eq!(partition.ack(&ANN, &[(&BEN, 2)]).await, 4);
    assert_eq!(partition.mailbox(&ANN).await, kept(&messages[4..]));
}

#[tokio::test]
async fn numbers_are_compared_to_their_last_digit() {
    for n in [9, 10, 1 << 31, 1 << 32, MAX_N] {
        let partition = mailbox_of(&[BEN.says(n)]).await;
        assert_eq!(partition.ack(&ANN, &[(&BEN, n - 1)]).await, 0, "{n}");
        assert_eq!(partition.ack(&ANN, &[(&BEN, n)]).await, 1, "{n}");
    }
}

#[tokio::test]
async fn an_ack_makes_no_mailbox() {
    let partition = mailbox_of(&[]).await;
    assert_eq!(partition.ack(&BEN, &[(&ANN, 1)]).await, 0);
    assert!(!partition.redis().exists::<_, bool>(BEN.mailbox()).await.expect("an answer"));
}

#[tokio::test]
async fn who_comes_back_is_told_from_what_it_had() {
    for had in [0, 1, 63, 64, 65, 128, 129, 130] {
        let messages = said(&BEN, 130);
        let partition = mailbox_of(&messages).await;
        let back = ANN.resumed_by(1, NORTH);
        let resumed = partition.resume(&back, "key 1", "key 2", &[(&BEN, had)]).await.expect("in");
        let rest = &messages[usize::try_from(had).expect("few")..];
        assert_eq!(resumed.mailbox[1..], *rest, "{had}");
        assert_eq!(partition.mailbox(&ANN).await, kept(rest), "and what it had is forgotten: {had}");
    }
}
