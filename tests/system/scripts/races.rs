//! What races, in both orders: whoever comes first, one connection has the session in the end, and the others know.

use super::{
    partition::{ANN, BEN, GONE, NORTH, Partition, REPLACED, Resumed, SOUTH, Seat},
    terms::gather,
};
use redis::Value;

/// Ann comes back in the south, where she wasn't before.
const BACK: Seat = Seat { node: SOUTH, attempt: 1, ..ANN };

/// And once more, in the north.
const AGAIN: Seat = Seat { node: NORTH, attempt: 2, ..ANN };

async fn with_ann_and_ben() -> Partition {
    let partition = Partition::start().await;
    partition.join_to_return(&ANN, "key 1").await;
    partition.join(&BEN).await;
    partition
}

async fn come_back(partition: &Partition) -> Result<Resumed, String> {
    partition.resume(&BACK, "key 1", "key 2", &[]).await
}

/// What Ben hears, each without its version.
async fn heard_by_ben(partition: &Partition, act: impl AsyncFnOnce()) -> Vec<String> {
    let mut ben = partition.listen(&[BEN.mailbox()]).await;
    act().await;
    let texts = ben.heard().await.into_iter().map(|(_, text)| text);
    texts.map(|text| [&text[..1], text.split_once(' ').expect("a version").1].concat()).collect()
}

fn told(kinds: &[&str]) -> Vec<String> {
    kinds
        .iter()
        .map(|kind| {
            let (kind, reason) = kind.split_at(1);
            [kind, ANN.sid, reason].concat()
        })
        .collect()
}

/// The old connection's end is noticed after, or before, its session was taken up by another.
#[tokio::test]
async fn resume_and_detach() {
    let partition = with_ann_and_ben().await;
    let heard = heard_by_ben(&partition, async || {
        come_back(&partition).await.expect("in");
        assert_eq!(partition.detach(&ANN).await, 0);
    });
    assert_eq!(heard.await, [""; 0]);
    assert!(partition.sync(&BACK).await.is_ok());

    let partition = with_ann_and_ben().await;
    let heard = heard_by_ben(&partition, async || {
        assert_eq!(partition.detach(&ANN).await, 1);
        come_back(&partition).await.expect("in");
    });
    assert_eq!(heard.await, told(&["A", "B"]));
    assert!(partition.sync(&BACK).await.is_ok());
    assert_eq!(partition.window_of(&ANN).await, None);
}

#[tokio::test]
async fn resume_and_leave() {
    let partition = with_ann_and_ben().await;
    let heard = heard_by_ben(&partition, async || {
        come_back(&partition).await.expect("in");
        assert_eq!(partition.leave(&ANN, "left").await, 0);
    });
    assert_eq!(heard.await, [""; 0]);
    assert!(partition.sync(&BACK).await.is_ok());

    let partition = with_ann_and_ben().await;
    let heard = heard_by_ben(&partition, async || {
        assert_eq!(partition.leave(&ANN, "left").await, 1);
        assert_eq!(come_back(&partition).await, Err("expired".to_owned()));
    });
    assert_eq!(heard.await, told(&["Lleft"]));
}

#[tokio::test]
async fn resume_and_the_end_of_the_window() {
    let partition = with_ann_and_ben().await;
    partition.detach(&ANN).await;
    partition.expire_window_of(&ANN).await;
    let heard = heard_by_ben(&partition, async || {
        come_back(&partition).await.expect("in");
        assert_eq!(partition.expire(16).await, (0, false));
    });
    assert_eq!(heard.await, told(&["B"]));

    let partition = with_ann_and_ben().await;
    partition.detach(&ANN).await;
    partition.expire_window_of(&ANN).await;
    let heard = heard_by_ben(&partition, async || {
        assert_eq!(partition.expire(16).await, (1, false));
        assert_eq!(come_back(&partition).await, Err("expired".to_owned()));
    });
    assert_eq!(heard.await, told(&["Llost"]));
}

#[tokio::test]
async fn resume_and_the_reaping_of_its_node() {
    let partition = with_ann_and_ben().await;
    partition.lapse(NORTH).await;
    let heard = heard_by_ben(&partition, async || {
        come_back(&partition).await.expect("in");
        assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
    });
    assert_eq!(heard.await, [""; 0], "who comes back at once flaps nothing");
    assert!(partition.sync(&BACK).await.is_ok());

    let partition = with_ann_and_ben().await;
    partition.lapse(NORTH).await;
    let heard = heard_by_ben(&partition, async || {
        assert_eq!(partition.reap(NORTH, 16).await, (1, 0));
        come_back(&partition).await.expect("in");
    });
    assert_eq!(heard.await, told(&["A", "B"]));
    assert!(partition.sync(&BACK).await.is_ok());
}

#[tokio::test]
async fn two_attempts() {
    let partition = with_ann_and_ben().await;
    let mut ann = partition.listen(&[ANN.mailbox()]).await;
    come_back(&partition).await.expect("in");
    partition.resume(&AGAIN, "key 1", "key 3", &[]).await.expect("in");
    assert_eq!(partition.sync(&BACK).await, Err(REPLACED));
    assert!(partition.sync(&AGAIN).await.is_ok());
    assert_eq!(ann.heard().await, ["T1", "T2"].map(|text| (ANN.mailbox(), text.to_owned())));

    let partition = with_ann_and_ben().await;
    let mut ann = partition.listen(&[ANN.mailbox()]).await;
    partition.resume(&AGAIN, "key 1", "key 3", &[]).await.expect("in");
    assert_eq!(come_back(&partition).await, Err("expired".to_owned()));
    assert_eq!(partition.sync(&BACK).await, Err(REPLACED));
    assert!(partition.sync(&AGAIN).await.is_ok());
    assert_eq!(ann.heard().await, [(ANN.mailbox(), "T2".to_owned())]);
}

/// The answer to the first was lost; by the time that it is asked again, the second has it.
#[tokio::test]
async fn two_attempts_of_which_the_first_is_done_again() {
    let partition = with_ann_and_ben().await;
    come_back(&partition).await.expect("in");
    partition.resume(&AGAIN, "key 1", "key 3", &[]).await.expect("in");
    let before = partition.contents().await;
    assert_eq!(come_back(&partition).await, Err("expired".to_owned()));
    assert_eq!(partition.contents().await, before);
}

#[tokio::test]
async fn a_message_and_a_detach() {
    for message_first in [true, false] {
        let partition = with_ann_and_ben().await;
        if message_first {
            assert_eq!(partition.post(&ANN, &BEN.says(1)).await, 1);
        }
        partition.detach(&ANN).await;
        if !message_first {
            assert_eq!(partition.post(&ANN, &BEN.says(1)).await, 1);
        }
        assert_eq!(come_back(&partition).await.expect("in").mailbox, [String::new(), BEN.says(1)]);
    }
}

/// The detach of a node that is given up on, and its reaping.
#[tokio::test]
async fn a_detach_and_the_reaping_of_its_node() {
    for detach_first in [true, false] {
        let partition = with_ann_and_ben().await;
        partition.lapse(NORTH).await;
        let heard = heard_by_ben(&partition, async || {
            if detach_first {
                assert_eq!(partition.detach(&ANN).await, 1);
                assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
            } else {
                assert_eq!(partition.reap(NORTH, 16).await, (1, 0));
                assert_eq!(partition.detach(&ANN).await, 0);
            }
        });
        assert_eq!(heard.await, told(&["A"]));
    }
}

#[tokio::test]
async fn a_leave_and_the_reaping_of_its_node() {
    for leave_first in [true, false] {
        let partition = with_ann_and_ben().await;
        partition.lapse(NORTH).await;
        let heard = heard_by_ben(&partition, async || {
            if leave_first {
                assert_eq!(partition.leave(&ANN, "left").await, 1);
                assert_eq!(partition.reap(NORTH, 16).await, (0, 0));
            } else {
                assert_eq!(partition.reap(NORTH, 16).await, (1, 0));
                assert_eq!(partition.leave(&ANN, "left").await, 1);
            }
        });
        assert_eq!(heard.await, told(if leave_first { &["Lleft"] } else { &["A", "Lleft"] }));
    }
}

/// All was lost; the node that had the session registers it again, while its client comes back by another one.
#[tokio::test]
async fn restore_and_resume() {
    let lost = async || {
        let partition = with_ann_and_ben().await;
        partition.lose_everything().await;
        gather(&partition).await;
        assert_eq!(partition.restore(&BEN, None).await, Value::Int(2));
        partition
    };
    let partition = lost().await;
    let heard = heard_by_ben(&partition, async || {
        assert_eq!(partition.restore(&ANN, Some(["key 1", ""])).await, Value::Int(2));
        come_back(&partition).await.expect("in");
    });
    assert_eq!(heard.await, [["J", ANN.sid, ANN.info].concat()]);
    assert!(partition.sync(&BACK).await.is_ok());
    assert_eq!(partition.sync(&ANN).await, Err(REPLACED));

    let partition = lost().await;
    assert_eq!(come_back(&partition).await, Err("expired".to_owned()), "nobody knows of it yet");
    assert_eq!(partition.restore(&ANN, Some(["key 1", ""])).await, Value::Int(2));
    assert!(partition.sync(&ANN).await.is_ok());
    partition.resume(&AGAIN, "key 1", "key 2", &[]).await.expect("in");
}

/// The last writes were lost, and with them that a session was resumed elsewhere: two nodes think that it is theirs.
#[tokio::test]
async fn two_restores() {
    for earlier_first in [true, false] {
        let partition = with_ann_and_ben().await;
        partition.lose_everything().await;
        gather(&partition).await;
        let earlier = async || partition.restore(&ANN, Some(["key 1", ""])).await;
        let later = async || partition.restore(&BACK, Some(["key 1", "key 2"])).await;
        if earlier_first {
            assert_eq!((earlier().await, later().await), (Value::Int(2), Value::Int(2)));
        } else {
            assert_eq!((later().await, earlier().await), (Value::Int(2), Value::Int(-1)));
        }
        assert!(partition.sync(&BACK).await.is_ok());
        assert_eq!(partition.sync(&ANN).await, Err(REPLACED));
        assert_eq!(partition.audit(NORTH).await, [[""; 3]; 0]);
        assert_eq!(partition.audit(SOUTH).await, [[ANN.sid, "tea", "1"]]);
    }
}

/// Two nodes see that the window is over.
#[tokio::test]
async fn two_who_end_a_window() {
    let partition = with_ann_and_ben().await;
    partition.detach(&ANN).await;
    partition.expire_window_of(&ANN).await;
    let heard = heard_by_ben(&partition, async || {
        assert_eq!(partition.expire(16).await, (1, false));
        assert_eq!(partition.expire(16).await, (0, false));
    });
    assert_eq!(heard.await, told(&["Llost"]));
    assert_eq!(partition.sync(&ANN).await, Err(GONE));
}
