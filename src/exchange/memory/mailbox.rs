//! What is kept for a member that can come back.

use crate::{
    exchange::MailboxLimits,
    protocol::{Had, Signal},
    room::{Claim, Keys, Lifeline},
};
use std::{collections::VecDeque, time::Duration};
use tokio_util::task::AbortOnDropHandle;

/// A member's mailbox, and who may come back for it.
pub(super) struct Kept {
    keys: Keys,
    pub(super) window: Duration,
    mailbox: Mailbox,
    /// Ends the membership when the window is over.
    pub(super) expiry: Option<AbortOnDropHandle<()>>,
}

/// The messages that the client hasn't acknowledged, oldest first. Bounded like those in Redis.
struct Mailbox {
    limits: MailboxLimits,
    messages: VecDeque<Signal>,
    bytes: usize,
}

/// No more can be kept.
#[derive(Debug)]
pub(super) struct Full;

impl Kept {
    pub(super) fn new(Lifeline { key, window }: Lifeline, limits: MailboxLimits) -> Self {
        Self { keys: Keys::first(key), window, mailbox: Mailbox::new(limits), expiry: None }
    }

    /// Whether the claim is right. Then its next key is good, too.
    pub(super) fn admits(&mut self, claim: &Claim) -> bool {
        let admitted = self.keys.admit(claim.key);
        if admitted {
            self.keys = Keys::after(claim);
        }
        admitted
    }

    pub(super) fn keep(&mut self, signal: Signal) -> Result<(), Full> {
        self.mailbox.push(signal)
    }

    pub(super) fn acknowledge(&mut self, had: &Had) {
        self.mailbox.acknowledge(had);
    }

    pub(super) fn messages(&self) -> Vec<Signal> {
        self.mailbox.messages.iter().cloned().collect()
    }
}

impl Mailbox {
    fn new(limits: MailboxLimits) -> Self {
        Self { limits, messages: VecDeque::new(), bytes: 0 }
    }

    fn push(&mut self, signal: Signal) -> Result<(), Full> {
        let bytes = self.bytes + signal.weight();
        if self.messages.len() >= self.limits.messages || bytes > self.limits.bytes {
            return Err(Full);
        }
        self.bytes = bytes;
        self.messages.push_back(signal);
        Ok(())
    }

    /// Forgets what the client had.
    fn acknowledge(&mut self, had: &Had) {
        let is_had = |signal: &Signal| had.iter().any(|(from, n)| *from == signal.from && signal.n <= *n);
        self.messages.retain(|signal| !is_had(signal));
        self.bytes = self.messages.iter().map(Signal::weight).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ResumeKey, SignalKind, SocketId};

    fn signal(from: u8, n: u64) -> Signal {
        let frame = "x".repeat(1000).into();
        Signal { kind: SignalKind::Message, from: SocketId::from_random([from; 20]), n, frame, trace: None }
    }

    #[test]
    fn it_keeps_what_was_not_had_within_bounds() {
        let limits = MailboxLimits { messages: 1024, bytes: 100_000 };
        let mut mailbox = Mailbox::new(limits);
        let fit = (1..1000).take_while(|&n| mailbox.push(signal(1, n)).is_ok()).count();
        assert_eq!(fit, limits.bytes / (1000 + size_of::<Signal>()));
        mailbox.acknowledge(&vec![(SocketId::from_random([1; 20]), 3)]);
        assert_eq!(mailbox.messages.front().map(|signal| signal.n), Some(4));
        assert!(mailbox.push(signal(2, 1)).is_ok(), "there is room again");
        mailbox.acknowledge(&vec![(SocketId::from_random([2; 20]), 1)]);
        assert_eq!(mailbox.messages.len(), fit - 3, "what comes before it wasn't had");
        mailbox
            .acknowledge(&vec![(SocketId::from_random([1; 20]), 1000), (SocketId::from_random([2; 20]), 1)]);
        assert_eq!((mailbox.messages.len(), mailbox.bytes), (0, 0));
    }

    #[test]
    fn what_was_had_out_of_order_is_not_kept_for_good() {
        let mut mailbox = Mailbox::new(MailboxLimits::default());
        let [ben, cat] = [signal(1, 1), signal(2, 1)];
        for signal in [&ben, &cat] {
            mailbox.push(signal.clone()).expect("room");
        }
        mailbox.acknowledge(&vec![(cat.from, 1)]);
        mailbox.acknowledge(&vec![(ben.from, 1)]);
        assert_eq!(mailbox.messages.len(), 0);
    }

    #[test]
    fn a_key_is_good_until_the_next_was_used() {
        let hash = |byte| ResumeKey::from_random([byte; ResumeKey::LEN]).hash();
        let mut kept = Kept::new(Lifeline { key: hash(1), window: Duration::ZERO }, MailboxLimits::default());
        let mut admits =
            |key, next| kept.admits(&Claim { key: hash(key), next: hash(next), had: Had::new() });
        assert!(!admits(9, 2), "a wrong key");
        assert!(admits(1, 2));
        assert!(admits(1, 3), "the answer was lost");
        assert!(!admits(2, 4), "and with it that key");
        assert!(admits(3, 4));
        assert!(!admits(1, 5), "used up");
    }
}
