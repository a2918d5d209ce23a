//! The frames that the relay benchmark sends: of one length, each with its pair, its number and its time.

use std::time::{SystemTime, UNIX_EPOCH};

/// What the frames of one run have in common.
#[derive(Clone)]
pub(crate) struct Frames {
    tail: String,
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) pair: usize,
    pub(crate) n: u64,
    /// When it was sent, in nanoseconds since 1970: a clock that all processes share.
    pub(crate) at: u64,
}

const HEAD: &str = r#"{"eventName":"message","data":{"body":""#;
const END: &str = r#""}}"#;
const NUMBERS: [usize; 3] = [6, 10, 20];

impl Frames {
    pub(crate) fn of(length: usize) -> Self {
        let rest = length - HEAD.len() - NUMBERS.iter().sum::<usize>() - END.len();
        Self { tail: "x".repeat(rest) + END }
    }

    pub(crate) fn write(&self, pair: usize, n: u64) -> String {
        format!("{HEAD}{pair:06}{n:010}{:020}{}", now(), self.tail)
    }

    /// Reads a frame that `write` made, and no other.
    pub(crate) fn read(&self, frame: &str) -> Said {
        let numbers = frame.strip_prefix(HEAD).and_then(|rest| rest.strip_suffix(&self.tail));
        let (pair, rest) = numbers.expect("the frame as it was sent").split_at(NUMBERS[0]);
        let (n, at) = rest.split_at(NUMBERS[1]);
        Said {
            pair: pair.parse().expect("a number"),
            n: n.parse().expect("a number"),
            at: at.parse().expect("a number"),
        }
    }
}

pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_nanos()).expect("before 2554")
}
