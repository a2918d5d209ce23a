//! Judges what all callers of a run did and heard, together, by what `docs/protocol.md` promises to resumable sessions.
//!
//! ```text
//! logs ──sessions──▶ one Session for each membership
//!                      │ each on its own:         views     each notice once, nothing from strangers
//!                      │ each pair of a room:     delivery  each message once, in order, none lost
//!                      │ all together:            views     nobody missing, no ghosts, no false removal
//!                      ▼
//!                   Breaches ──history──▶ the shortest one that shows it
//! ```
//!
//! A **gap** excuses what was lost to or from the client that hears it, if it was sent before, and the receiver had heard
//! nothing later of that sender by then.

mod delivery;
mod flight;
mod history;
mod sessions;
#[cfg(test)]
mod tests;
mod views;

pub(crate) use self::flight::in_flight;

use self::sessions::{Session, sessions};
use crate::harness::caller::{Id, Log};
use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    ops::Range,
    time::Duration,
};

/// What a run's faults allow for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// Who is away for less than this may not expire.
    pub(crate) window: Duration,
    /// While the shared state was lost: who was away then may have expired.
    pub(crate) wiped: Vec<Range<Duration>>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A message that its receiver never heard.
    Lost,
    Doubled,
    OutOfOrder,
    /// Not what was sent.
    Altered,
    /// From somebody that the receiver doesn't know.
    FromStranger,
    /// Never sent, or to others.
    Misdelivered,
    /// Neither acknowledged nor refused in the end.
    Unanswered,
    /// Refused with `peer_gone`, of a peer that was there.
    FalselyGone,
    /// `remove_peer` of somebody who was there.
    FalseRemoval,
    /// Who is there and not in a view in the end.
    Missing,
    /// Who is in a view and not there in the end.
    Ghost,
    /// Away in a view, and there, in the end.
    StillAway,
    /// A notice that changes nothing, or of somebody unknown.
    NoticeTwice,
    /// A notice with a lower version than one before.
    VersionFell,
    /// An id that was there before, and gone.
    IdCameBack,
    /// A session that ended, and had no reason to.
    FalseEnd,
    /// What no gateway may say.
    Strange,
}

/// One promise that was broken: to whom, about whom, and by which message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// When it showed.
    pub(crate) at: Duration,
    pub(crate) kind: Kind,
    /// To whose client.
    pub(crate) to: Id,
    pub(crate) about: Option<Id>,
    pub(crate) n: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) breaches: Vec<Breach>,
    pub(crate) counts: Counts,
    /// Of each kind, the history that takes the fewest lines to show a breach.
    pub(crate) shortest: BTreeMap<Kind, String>,
}

/// How often each thing happened, each message counted once for each of its receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sessions: usize,
    pub(crate) expired: usize,
    pub(crate) sent: usize,
    pub(crate) delivered: usize,
    /// Lost, and a `gap` said so.
    pub(crate) told_by_gap: usize,
    /// Refused with `unavailable`.
    pub(crate) unavailable: usize,
    /// Refused with `peer_gone`.
    pub(crate) peer_gone: usize,
    /// Refused, and heard all the same.
    pub(crate) refused_yet_heard: usize,
    /// Lost with the session of its sender or its receiver, before it was acknowledged.
    pub(crate) given_up: usize,
    pub(crate) gaps: usize,
    /// `peer_away` and `peer_back` after a resume that its client knew already.
    pub(crate) retold: usize,
}

/// Judges a run that has become quiet: what is open is open, and all was said.
pub(crate) fn judge(logs: &[Log], terms: &Terms) -> Verdict {
    let sessions = sessions(logs);
    let by_id: BTreeMap<Id, &Session> = sessions.iter().map(|session| (session.id, session)).collect();
    let mut counts = Counts { sessions: sessions.len(), ..Counts::default() };
    let mut breaches = Vec::new();
    views::judge(&sessions, &by_id, terms, &mut counts, &mut breaches);
    delivery::judge(&sessions, &by_id, &mut counts, &mut breaches);
    let mut shortest: BTreeMap<Kind, String> = BTreeMap::new();
    for breach in &breaches {
        let history = history::of(breach, &by_id);
        let best = shortest.entry(breach.kind).or_insert_with(|| history.clone());
        if history.lines().count() < best.lines().count() {
            *best = history;
        }
    }
    Verdict { breaches, counts, shortest }
}

impl Verdict {
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.breaches.iter().filter(|breach| breach.kind == kind).count()
    }
}

impl Display for Breach {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        if let Some(n) = self.n {
            write!(f, ", message {n}")?;
        }
        if let Some(about) = self.about {
            write!(f, ", of {about}")?;
        }
        write!(f, ", to {}", self.to)
    }
}
