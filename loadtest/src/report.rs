//! What a run found. This is the shape of `--json`, of what workers send, and what the table and the page draw.
//!
//! Times are in microseconds (`_us`) or seconds (`_s`), memory in KiB, CPU in seconds.

pub(crate) mod chart;
pub(crate) mod figures;
pub(crate) mod histogram;
pub(crate) mod page;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod table;
pub(crate) mod threshold;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The present shape; raised when a field changes its meaning.
pub(crate) const VERSION: u32 = 1;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) version: u32,
    /// `relay`, `calls`, ...
    pub(crate) scenario: String,
    /// The dialect spoken, such as `switchboard` or `socketio`.
    pub(crate) dialect: String,
    /// A name for what was loaded, from `--label`; the dialect's if none was given.
    pub(crate) label: String,
    pub(crate) urls: Vec<String>,
    /// Each setting of the scenario, and of the generator, as a person would write it behind its flag.
    pub(crate) settings: BTreeMap<String, String>,
    /// The generator processes.
    pub(crate) workers: u32,
    /// When the measured part began: RFC 3339.
    pub(crate) started_at: String,
    /// What the scenario times first and foremost, of the latencies' names.
    #[serde(default)]
    pub(crate) foremost: String,
    /// How long the measured part took.
    pub(crate) measured_s: f64,
    pub(crate) counts: Counts,
    /// By what was timed: `connect`, `join`, `relay`, `call`, `recovery`, `notice`; and `lag`, the generator's own.
    pub(crate) latencies: BTreeMap<String, Latency>,
    /// About one a second, in order.
    pub(crate) timeline: Vec<Moment>,
    /// What the generator itself used in the measured part.
    #[serde(default)]
    pub(crate) generator_cpu_s: f64,
    /// What `--process` named, in that order.
    pub(crate) processes: Vec<Process>,
    /// The memory of what was watched, at rest between the steps of a scenario that has such (`idle`).
    pub(crate) stages: Vec<Stage>,
    pub(crate) verdicts: Vec<Verdict>,
    /// What was wrong, the first few of each kind, as sentences.
    pub(crate) findings: Vec<String>,
    /// Every message was right, and every threshold held.
    pub(crate) passed: bool,
}

/// What was done, and what went wrong. All but the first block must be zero in a correct run.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Counts {
    pub(crate) connected: u64,
    pub(crate) joined: u64,
    pub(crate) resumed: u64,
    pub(crate) calls: u64,
    /// Messages in the measured part, and bytes of them as frames.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) sent_bytes: u64,
    /// Not sent, as the generator itself was too slow: a run in which this isn't zero measured the generator.
    pub(crate) skipped: u64,

    pub(crate) connect_failures: u64,
    pub(crate) join_failures: u64,
    /// Connections that ended unasked.
    pub(crate) disconnects: u64,
    /// Errors that the server told.
    pub(crate) errors: u64,
    /// Sent and never heard.
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) misordered: u64,
    /// Heard by another than it was for, or as from another than sent it.
    pub(crate) misattributed: u64,
    /// Heard, but altered or never sent.
    pub(crate) corrupted: u64,
    /// Notices of peers that were wrong, doubled or missing.
    pub(crate) wrong_notices: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) mean_us: f64,
    pub(crate) min_us: u64,
    pub(crate) p50_us: u64,
    pub(crate) p90_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    pub(crate) max_us: u64,
    /// The whole histogram, as `HdrHistogram`'s V2 in base64: what workers' are joined from, and curves drawn from.
    pub(crate) histogram: String,
}

/// One second of the timeline.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Moment {
    /// Since the measured part began; negative before.
    pub(crate) at_s: f64,
    /// In this second.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Open at its end.
    pub(crate) sockets: u64,
    /// Of what is [`Report::foremost`]; none when nothing was timed in this second.
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
    pub(crate) max_us: Option<u64>,
    /// By the process' name: cores in use (CPU seconds a second) and resident memory.
    pub(crate) cores: BTreeMap<String, f64>,
    pub(crate) resident_kib: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) pid: u32,
    /// In the measured part.
    pub(crate) cpu_s: f64,
    pub(crate) resident_before_kib: u64,
    pub(crate) resident_peak_kib: u64,
    pub(crate) resident_after_kib: u64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Stage {
    /// `connected`, `joined`, `after an offer`, ...
    pub(crate) name: String,
    pub(crate) sockets: u64,
    /// By the process' name.
    pub(crate) resident_kib: BTreeMap<String, u64>,
}

/// A threshold and what came of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Verdict {
    /// As it was given: `relay.p99<=10ms`.
    pub(crate) threshold: String,
    /// The figure in the threshold's unit; none where there is no such figure, which fails it.
    pub(crate) figure: Option<String>,
    pub(crate) held: bool,
}

impl Counts {
    /// Whether nothing went wrong, whatever it cost.
    pub(crate) fn is_right(&self) -> bool {
        let Self { connected, joined, resumed, calls, sent, received, sent_bytes, .. } = *self;
        *self == Self { connected, joined, resumed, calls, sent, received, sent_bytes, ..Self::default() }
    }

    /// Each count, in the order of the JSON and under its name there.
    pub(crate) fn named(&self) -> [(&'static str, u64); 18] {
        [
            ("connected", self.connected),
            ("joined", self.joined),
            ("resumed", self.resumed),
            ("calls", self.calls),
            ("sent", self.sent),
            ("received", self.received),
            ("sent_bytes", self.sent_bytes),
            ("skipped", self.skipped),
            ("connect_failures", self.connect_failures),
            ("join_failures", self.join_failures),
            ("disconnects", self.disconnects),
            ("errors", self.errors),
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("misordered", self.misordered),
            ("misattributed", self.misattributed),
            ("corrupted", self.corrupted),
            ("wrong_notices", self.wrong_notices),
        ]
    }

    /// Adds what another worker counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.connected += other.connected;
        self.joined += other.joined;
        self.resumed += other.resumed;
        self.calls += other.calls;
        self.sent += other.sent;
        self.received += other.received;
        self.sent_bytes += other.sent_bytes;
        self.skipped += other.skipped;
        self.connect_failures += other.connect_failures;
        self.join_failures += other.join_failures;
        self.disconnects += other.disconnects;
        self.errors += other.errors;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.misordered += other.misordered;
        self.misattributed += other.misattributed;
        self.corrupted += other.corrupted;
        self.wrong_notices += other.wrong_notices;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_is_named_as_in_the_json() {
        let counts = Counts { sent: 3, lost: 1, ..Counts::default() };
        let named: BTreeMap<_, _> = counts.named().map(|(name, number)| (name.to_owned(), number)).into();
        assert_eq!(serde_json::to_value(named).unwrap(), serde_json::to_value(counts).unwrap());
    }
}
