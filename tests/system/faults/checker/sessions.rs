//! Logs, cut into sessions.

use crate::harness::caller::{Entry, Event, Id, Log, Over, Refusal, Stamp};
use std::{collections::BTreeMap, time::Duration};

/// One membership, from its `peers` to its end.
pub(super) struct Session<'a> {
    pub(super) id: Id,
    pub(super) caller: usize,
    pub(super) room: &'a str,
    pub(super) entries: &'a [Entry],
    pub(super) joined: Duration,
    /// When it ended, if it did.
    pub(super) over: Option<(Duration, Over)>,
    /// By number.
    pub(super) sent: BTreeMap<u64, Sent>,
    pub(super) acknowledged: u64,
    pub(super) refused: BTreeMap<u64, Vec<Refused>>,
    /// By sender, in the order they came.
    pub(super) heard: BTreeMap<Id, Vec<Heard>>,
    pub(super) gaps: Vec<Duration>,
}

pub(super) struct Sent {
    pub(super) at: Duration,
    pub(super) to: Option<Id>,
    pub(super) stamp: Stamp,
}

pub(super) struct Refused {
    pub(super) at: Duration,
    pub(super) to: Option<Id>,
    pub(super) refusal: Refusal,
}

#[derive(Clone, Copy)]
pub(super) struct Heard {
    pub(super) at: Duration,
    pub(super) n: u64,
    pub(super) stamp: Stamp,
}

pub(super) fn sessions(logs: &[Log]) -> Vec<Session<'_>> {
    let mut sessions = Vec::new();
    for log in logs {
        let begins = |entry: &Entry| matches!(entry.event, Event::Joined { .. });
        let starts =
            log.entries.iter().enumerate().filter(|(_, entry)| begins(entry)).map(|(start, _)| start);
        let starts: Vec<_> = starts.chain([log.entries.len()]).collect();
        sessions.extend(starts.windows(2).map(|range| Session::of(log, &log.entries[range[0]..range[1]])));
    }
    sessions
}

impl<'a> Session<'a> {
    fn of(log: &'a Log, entries: &'a [Entry]) -> Self {
        let end = entries.iter().position(|entry| matches!(entry.event, Event::Over(_)));
        let entries = end.map_or(entries, |end| &entries[..=end]);
        let Event::Joined { you, .. } = entries[0].event else { unreachable!("it begins so") };
        let mut session = Self {
            id: you,
            caller: log.caller,
            room: &log.room,
            entries,
            joined: entries[0].at,
            over: None,
            sent: BTreeMap::new(),
            acknowledged: 0,
            refused: BTreeMap::new(),
            heard: BTreeMap::new(),
            gaps: Vec::new(),
        };
        for entry in entries {
            session.take(entry);
        }
        session
    }

    fn take(&mut self, Entry { at, event }: &Entry) {
        let at = *at;
        match *event {
            Event::Over(over) => self.over = Some((at, over)),
            Event::Sent { n, to, stamp } => {
                self.sent.insert(n, Sent { at, to, stamp });
            }
            Event::Acknowledged { n } => self.acknowledged = self.acknowledged.max(n),
            Event::Refused { n, to, refusal } => {
                self.refused.entry(n).or_default().push(Refused { at, to, refusal });
            }
            Event::Heard { from, n, stamp } => {
                self.heard.entry(from).or_default().push(Heard { at, n, stamp });
            }
            Event::Gap => self.gaps.push(at),
            _ => {}
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.over.is_none()
    }

    /// The refusal of a message for one of its receivers.
    pub(super) fn refusal(&self, n: u64, to: Id) -> Option<&Refused> {
        self.refused.get(&n)?.iter().find(|refused| refused.to.is_none_or(|peer| peer == to))
    }

    /// What it heard of somebody, in order.
    pub(super) fn heard_from(&self, from: Id) -> &[Heard] {
        self.heard.get(&from).map_or(&[], Vec::as_slice)
    }
}
