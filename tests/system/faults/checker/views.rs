//! What each client saw of its room: each change once, and in the end the truth.

use super::{Breach, Counts, Kind, Terms, sessions::Session};
use crate::harness::caller::{Entry, Event, Id, Over, Presence, Reason};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub(super) fn judge(
    sessions: &[Session<'_>],
    by_id: &BTreeMap<Id, &Session<'_>>,
    terms: &Terms,
    counts: &mut Counts,
    breaches: &mut Vec<Breach>,
) {
    let mut ids = BTreeSet::new();
    for session in sessions {
        let last = session.entries.last().map_or(session.joined, |entry| entry.at);
        let mut breach = |at, kind, about, n| breaches.push(Breach { at, kind, to: session.id, about, n });
        if !ids.insert(session.id) {
            breach(session.joined, Kind::IdCameBack, None, None);
        }
        counts.gaps += session.gaps.len();
        counts.expired += usize::from(matches!(session.over, Some((_, Over::Expired))));
        if ends_for_nothing(session, terms) {
            breach(last, Kind::FalseEnd, None, None);
        }
        let mut view = View::default();
        for entry in session.entries {
            counts.retold += usize::from(view.retells(&entry.event));
            view.take(&entry.event, &mut |kind, about, n| breach(entry.at, kind, about, n));
            if let Event::Left { peer, reason, .. } = entry.event
                && by_id.get(&peer).is_some_and(|peer| is_there_after(peer, entry.at, reason))
            {
                breach(entry.at, Kind::FalseRemoval, Some(peer), None);
            }
        }
        if session.is_open() {
            compare(session, &view, sessions, &mut |kind, about| breach(last, kind, about, None));
        }
    }
}

/// Nobody leaves in a run: a session ends when it expires, for a reason.
fn ends_for_nothing(session: &Session<'_>, terms: &Terms) -> bool {
    let Some((end, over)) = session.over else { return false };
    let last_there = session.entries.iter().rfind(|entry| matches!(entry.event, Event::Lost(_)));
    let away = last_there.map_or(session.joined, |entry| entry.at)..end;
    let wiped = terms.wiped.iter().any(|wiped| wiped.start < away.end && away.start < wiped.end);
    over != Over::Expired || !(wiped || away.end >= away.start + terms.window)
}

/// It has its place after that moment.
fn is_there_after(peer: &Session<'_>, moment: Duration, reason: Reason) -> bool {
    let resumes = |entry: &Entry| entry.at > moment && matches!(entry.event, Event::Resumed { .. });
    reason == Reason::Left || peer.is_open() || peer.entries.iter().any(resumes)
}

/// At the end, when all is quiet.
fn compare(
    session: &Session<'_>,
    view: &View,
    sessions: &[Session<'_>],
    breach: &mut impl FnMut(Kind, Option<Id>),
) {
    let others = sessions.iter().filter(|other| other.room == session.room && other.id != session.id);
    let truth: BTreeSet<Id> = others.filter(|other| other.is_open()).map(|other| other.id).collect();
    for &id in &truth {
        match view.peers.get(&id) {
            None => breach(Kind::Missing, Some(id)),
            Some(Presence::Away) => breach(Kind::StillAway, Some(id)),
            Some(Presence::Here) => {}
        }
    }
    for &id in view.peers.keys().filter(|id| !truth.contains(id)) {
        breach(Kind::Ghost, Some(id));
    }
}

#[derive(Default)]
struct View {
    peers: BTreeMap<Id, Presence>,
    gone: BTreeSet<Id>,
    /// Who may be told of once more since it resumed: whether somebody is away isn't among what a client says that it knows.
    unsure: BTreeSet<Id>,
    version: u64,
}

impl View {
    /// It is told what it knows already, as it resumed, and may be.
    fn retells(&self, event: &Event) -> bool {
        match *event {
            Event::Away { peer, .. } => self.knows(peer, Presence::Away),
            Event::Back { peer, .. } => self.knows(peer, Presence::Here),
            _ => false,
        }
    }

    fn knows(&self, peer: Id, presence: Presence) -> bool {
        self.unsure.contains(&peer) && self.peers.get(&peer) == Some(&presence)
    }

    fn take(&mut self, event: &Event, breach: &mut impl FnMut(Kind, Option<Id>, Option<u64>)) {
        let mut twice = |peer| breach(Kind::NoticeTwice, Some(peer), None);
        match *event {
            Event::Joined { ref peers, .. } => self.peers = peers.iter().copied().collect(),
            Event::Came { peer, presence, .. } => {
                if self.peers.insert(peer, presence).is_some() {
                    twice(peer);
                }
                if self.gone.contains(&peer) {
                    breach(Kind::IdCameBack, Some(peer), None);
                }
            }
            Event::Left { peer, .. } => {
                if self.peers.remove(&peer).is_none() {
                    twice(peer);
                }
                self.gone.insert(peer);
            }
            Event::Resumed { .. } => self.unsure = self.peers.keys().copied().collect(),
            Event::Away { peer, .. } | Event::Back { peer, .. } => {
                let presence =
                    if matches!(event, Event::Away { .. }) { Presence::Away } else { Presence::Here };
                let before = self.peers.insert(peer, presence);
                if before.is_none() || (before == Some(presence) && !self.unsure.contains(&peer)) {
                    twice(peer);
                }
                self.unsure.remove(&peer);
            }
            Event::Shows { peer, .. } if !self.peers.contains_key(&peer) => {
                breach(Kind::FromStranger, Some(peer), None);
            }
            Event::Heard { from, n, .. } if !self.peers.contains_key(&from) => {
                breach(Kind::FromStranger, Some(from), Some(n));
            }
            Event::Strange(_) => breach(Kind::Strange, None, None),
            _ => {}
        }
        if let Some((peer, version)) = event.versioned() {
            if version < self.version {
                breach(Kind::VersionFell, peer, None);
            }
            self.version = version;
        }
    }
}
