//! What a worker counted and timed.

use crate::{
    ledger::Fault,
    report::{Counts, histogram::Times},
};
use std::{collections::BTreeMap, ops::Range};

/// A sentence for each of the first few of a kind is enough.
const FINDINGS_OF_A_KIND: usize = 5;

/// The due time of what isn't timed.
pub(crate) const UNTIMED: u64 = 0;

/// What is timed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Timed {
    /// From when it was due until the connection is open.
    Connect,
    /// From when a join was due until its answer.
    Join,
    /// From when a message was due until it was heard.
    Relay,
    /// From when a call was due until all of its members heard all that belongs to it.
    Call,
    /// From the loss of a connection until the client is in its room again.
    Recovery,
    /// From when a join or a leaving was due until a member of the room is told.
    Notice,
    /// How late the generator itself was.
    Lag,
}

impl Timed {
    pub(crate) const ALL: [Self; 7] =
        [Self::Connect, Self::Join, Self::Relay, Self::Call, Self::Recovery, Self::Notice, Self::Lag];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Join => "join",
            Self::Relay => "relay",
            Self::Call => "call",
            Self::Recovery => "recovery",
            Self::Notice => "notice",
            Self::Lag => "lag",
        }
    }
}

pub(crate) struct Tally {
    pub(crate) counts: Counts,
    latencies: BTreeMap<Timed, Times>,
    findings: BTreeMap<&'static str, Vec<String>>,
    /// The measured part, in microseconds of the worker's clock.
    window: Range<u64>,
    /// What the timeline shows.
    foremost: Timed,
    second: Times,
}

impl Tally {
    pub(crate) fn new(foremost: Timed) -> Self {
        Self {
            counts: Counts::default(),
            latencies: BTreeMap::new(),
            findings: BTreeMap::new(),
            window: 0..0,
            foremost,
            second: Times::new(),
        }
    }

    /// What is due in this time is measured.
    pub(crate) fn measure(&mut self, window: Range<u64>) {
        self.window = window;
    }

    pub(crate) fn is_measured(&self, due: u64) -> bool {
        self.window.contains(&due)
    }

    pub(crate) fn time(&mut self, what: Timed, due: u64, now: u64) {
        if due == UNTIMED {
            return;
        }
        let took = now.saturating_sub(due).max(1);
        if what == self.foremost {
            self.second.record(took);
        }
        if self.window.contains(&due) {
            self.latencies.entry(what).or_default().record(took);
        }
    }

    pub(crate) fn sent(&mut self, bytes: usize, now: u64) {
        if self.window.contains(&now) {
            self.counts.sent += 1;
            self.counts.sent_bytes += bytes as u64;
        }
    }

    pub(crate) fn received(&mut self, now: u64) {
        if self.window.contains(&now) {
            self.counts.received += 1;
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        let (count, kind, sentence) = match fault {
            Fault::Corrupted(sentence) => (&mut self.counts.corrupted, "corrupted", sentence),
            Fault::Misattributed(sentence) => (&mut self.counts.misattributed, "misattributed", sentence),
            Fault::Duplicated(sentence) => (&mut self.counts.duplicated, "duplicated", sentence),
            Fault::Misordered(sentence) => (&mut self.counts.misordered, "misordered", sentence),
        };
        *count += 1;
        self.find(kind, sentence);
    }

    /// Says what was wrong, if not too much like it was said already.
    pub(crate) fn find(&mut self, kind: &'static str, sentence: String) {
        let findings = self.findings.entry(kind).or_default();
        if findings.len() < FINDINGS_OF_A_KIND {
            findings.push(sentence);
        }
    }

    pub(crate) fn findings(&self) -> Vec<String> {
        self.findings
            .iter()
            .flat_map(|(kind, said)| said.iter().map(move |said| format!("{kind}: {said}")))
            .collect()
    }

    /// The histogram of the second that ends now.
    pub(crate) fn take_second(&mut self) -> String {
        let written = self.second.encode();
        self.second.clear();
        written
    }

    pub(crate) fn latencies(&self) -> BTreeMap<String, String> {
        self.latencies.iter().map(|(what, timed)| (what.name().to_owned(), timed.encode())).collect()
    }
}
