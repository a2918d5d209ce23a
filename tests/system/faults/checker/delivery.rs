//! Between each two sessions of a room: each message once, in order, and none lost.

use super::{
    Breach, Counts, Kind,
    sessions::{Heard, Sent, Session},
};
use crate::harness::caller::{Event, Id, Refusal};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Two clients that share a moment write it down so far apart, at most.
const SAME_MOMENT: Duration = Duration::from_secs(1);

pub(super) fn judge(
    sessions: &[Session<'_>],
    by_id: &BTreeMap<Id, &Session<'_>>,
    counts: &mut Counts,
    breaches: &mut Vec<Breach>,
) {
    let mut rooms: BTreeMap<&str, Vec<&Session<'_>>> = BTreeMap::new();
    for session in sessions {
        rooms.entry(session.room).or_default().push(session);
    }
    for receiver in sessions {
        for (&from, heard) in &receiver.heard {
            let mut breach = |kind, message: &Heard| {
                let (at, n) = (message.at, Some(message.n));
                breaches.push(Breach { at, kind, to: receiver.id, about: Some(from), n });
            };
            judge_order(heard, &mut breach);
            judge_origin(receiver, by_id.get(&from).copied(), heard, &mut breach);
        }
    }
    for sender in sessions {
        judge_answers(sender, by_id, breaches);
        for receiver in &rooms[sender.room] {
            if receiver.id != sender.id {
                Pair { sender, receiver }.judge(counts, breaches);
            }
        }
    }
}

/// Numbers rise.
fn judge_order(heard: &[Heard], breach: &mut impl FnMut(Kind, &Heard)) {
    let (mut had, mut last) = (BTreeSet::new(), 0);
    for message in heard {
        if !had.insert(message.n) {
            breach(Kind::Doubled, message);
        } else if message.n < last {
            breach(Kind::OutOfOrder, message);
        }
        last = last.max(message.n);
    }
}

/// What is heard was sent so, and to who hears it.
fn judge_origin(
    receiver: &Session<'_>,
    sender: Option<&Session<'_>>,
    heard: &[Heard],
    breach: &mut impl FnMut(Kind, &Heard),
) {
    for message in heard {
        let from_here = sender.filter(|sender| sender.room == receiver.room);
        match from_here.and_then(|sender| sender.sent.get(&message.n)) {
            Some(sent) if sent.to.is_some_and(|to| to != receiver.id) => breach(Kind::Misdelivered, message),
            Some(sent) if sent.stamp != message.stamp => breach(Kind::Altered, message),
            Some(_) => {}
            None => breach(Kind::Misdelivered, message),
        }
    }
}

/// A session that is open in the end has an answer to all that it sent, and was told of nobody's going who was there.
fn judge_answers(sender: &Session<'_>, by_id: &BTreeMap<Id, &Session<'_>>, breaches: &mut Vec<Breach>) {
    let mut breach = |at, kind, n, about| {
        breaches.push(Breach { at, kind, to: sender.id, about, n: Some(n) });
    };
    if sender.is_open() {
        for (&n, sent) in sender.sent.range(sender.acknowledged + 1..) {
            breach(sent.at, Kind::Unanswered, n, sent.to);
        }
    }
    for (&n, refusals) in &sender.refused {
        for refused in refusals.iter().filter(|refused| refused.refusal == Refusal::PeerGone) {
            let peer = refused.to.and_then(|to| by_id.get(&to));
            let there = |peer: &&&Session<'_>| {
                peer.over.is_none_or(|(over, _)| resumes_after(peer, refused.at, over))
            };
            if peer.filter(there).is_some_and(|peer| peer.room == sender.room) {
                breach(refused.at, Kind::FalselyGone, n, refused.to);
            }
        }
    }
}

/// It had its place still, as it resumed later than that, and before its end.
fn resumes_after(session: &Session<'_>, moment: Duration, end: Duration) -> bool {
    let mut after = session.entries.iter().filter(|entry| entry.at > moment && entry.at < end);
    after.any(|entry| matches!(entry.event, Event::Resumed { .. }))
}

pub(super) struct Pair<'a> {
    pub(super) sender: &'a Session<'a>,
    pub(super) receiver: &'a Session<'a>,
}

/// What became of a message that its receiver didn't hear.
enum Fate {
    Refused(Refusal),
    /// A session ended before the message was promised to anybody.
    GivenUp,
    ToldByGap,
    Lost,
}

impl Pair<'_> {
    fn judge(&self, counts: &mut Counts, breaches: &mut Vec<Breach>) {
        let heard: BTreeMap<u64, Duration> =
            self.receiver.heard_from(self.sender.id).iter().map(|heard| (heard.n, heard.at)).collect();
        for (&n, sent) in &self.sender.sent {
            if !self.is_addressed_by(sent) {
                continue;
            }
            counts.sent += 1;
            if heard.contains_key(&n) {
                counts.delivered += 1;
                counts.refused_yet_heard += usize::from(self.sender.refusal(n, self.receiver.id).is_some());
                continue;
            }
            match self.fate(n, sent, &heard) {
                Fate::Refused(Refusal::Unavailable) => counts.unavailable += 1,
                Fate::Refused(Refusal::PeerGone) => counts.peer_gone += 1,
                Fate::GivenUp => counts.given_up += 1,
                Fate::ToldByGap => counts.told_by_gap += 1,
                Fate::Lost => breaches.push(Breach {
                    at: sent.at,
                    kind: Kind::Lost,
                    to: self.receiver.id,
                    about: Some(self.sender.id),
                    n: Some(n),
                }),
            }
        }
    }

    /// Who joined while a message to the room was under way may hear it, and may not.
    pub(super) fn is_addressed_by(&self, sent: &Sent) -> bool {
        match sent.to {
            Some(to) => to == self.receiver.id,
            None => {
                self.receiver.joined < sent.at && self.receiver.over.is_none_or(|(over, _)| over > sent.at)
            }
        }
    }

    fn fate(&self, n: u64, sent: &Sent, heard: &BTreeMap<u64, Duration>) -> Fate {
        if let Some(refused) = self.sender.refusal(n, self.receiver.id) {
            return Fate::Refused(refused.refusal);
        }
        let next_heard = heard.range(n..).map(|(_, at)| *at).min();
        let before_next = |moment| next_heard.is_none_or(|next| moment < next);
        let receiver_told = self.receiver.gaps.iter().any(|&gap| sent.at < gap && before_next(gap));
        let sender_told =
            self.sender.gaps.iter().any(|&gap| sent.at < gap && before_next(gap.saturating_sub(SAME_MOMENT)));
        if receiver_told || sender_told {
            Fate::ToldByGap
        } else if next_heard.is_none() && (self.is_unfinished(n) || !self.receiver.is_open() || !self.met()) {
            Fate::GivenUp
        } else {
            Fate::Lost
        }
    }

    /// The receiver was told of the sender. Of who comes and goes while it is away, it hears nothing.
    fn met(&self) -> bool {
        let sender = self.sender.id;
        self.receiver.entries.iter().any(|entry| match entry.event {
            Event::Joined { ref peers, .. } => peers.iter().any(|(peer, _)| *peer == sender),
            Event::Came { peer, .. } => peer == sender,
            _ => false,
        })
    }

    /// Its sender's session ended without its acknowledgement.
    fn is_unfinished(&self, n: u64) -> bool {
        !self.sender.is_open() && n > self.sender.acknowledged
    }
}
