//! What was under way at some moment.

use super::{
    delivery::Pair,
    sessions::{Sent, Session, sessions},
};
use crate::harness::caller::Log;
use std::{collections::BTreeMap, time::Duration};

/// How many messages had been sent at each moment, and not yet heard by all who were to.
pub(crate) fn in_flight(logs: &[Log], moments: &[Duration]) -> Vec<usize> {
    let sessions = sessions(logs);
    let mut rooms: BTreeMap<&str, Vec<&Session<'_>>> = BTreeMap::new();
    for session in &sessions {
        rooms.entry(session.room).or_default().push(session);
    }
    let mut counts = vec![0; moments.len()];
    for sender in &sessions {
        for (sent, landed) in flights(sender, &rooms[sender.room]) {
            let under_way = |moment: &Duration| sent <= *moment && *moment < landed;
            for (count, _) in counts.iter_mut().zip(moments).filter(|(_, moment)| under_way(moment)) {
                *count += 1;
            }
        }
    }
    counts
}

/// From sending each message until the last of its receivers heard it, or it was known that one doesn't.
fn flights(sender: &Session<'_>, room: &[&Session<'_>]) -> Vec<(Duration, Duration)> {
    let mut flights: BTreeMap<u64, (Duration, Duration)> = BTreeMap::new();
    for receiver in room.iter().filter(|receiver| receiver.id != sender.id) {
        let pair = Pair { sender, receiver };
        let heard: BTreeMap<u64, Duration> =
            receiver.heard_from(sender.id).iter().map(|heard| (heard.n, heard.at)).collect();
        for (&n, sent) in sender.sent.iter().filter(|(_, sent)| pair.is_addressed_by(sent)) {
            let landed = heard.get(&n).copied().unwrap_or_else(|| pair.lost(n, sent));
            let flight = flights.entry(n).or_insert((sent.at, landed));
            flight.1 = flight.1.max(landed);
        }
    }
    flights.into_values().collect()
}

impl Pair<'_> {
    /// When it was known that a message doesn't arrive: it was refused, a gap was told, or a session ended.
    fn lost(&self, n: u64, sent: &Sent) -> Duration {
        let refused = self.sender.refusal(n, self.receiver.id).map(|refused| refused.at);
        let parties = [self.sender, self.receiver];
        let gaps = parties.iter().flat_map(|session| session.gaps.iter().copied());
        let ends = parties.iter().filter_map(|session| session.over).map(|(over, _)| over);
        let known = gaps.chain(ends).chain(refused).filter(|moment| *moment > sent.at);
        known.min().unwrap_or(Duration::MAX)
    }
}
