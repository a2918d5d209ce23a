//! What a node counts of the keys that tokens are checked with.

use prometheus::{IntCounterVec, Registry};

/// The keys' metrics.
pub struct AuthMetrics {
    reads: IntCounterVec,
}

/// How a look for the keys ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRead {
    /// They were read.
    Done,
    /// They were not, and the old ones stay.
    Failed,
}

impl AuthMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let reads = super::counters(
            registry,
            "switchboard_auth_key_reads_total",
            "Readings of the JWK set that tokens are checked with",
            &["outcome"],
        )?;
        for outcome in [KeyRead::Done, KeyRead::Failed] {
            reads.with_label_values(&[outcome.label()]);
        }
        Ok(Self { reads })
    }

    /// The keys were looked for.
    pub fn read(&self, outcome: KeyRead) {
        self.reads.with_label_values(&[outcome.label()]).inc();
    }
}

impl KeyRead {
    /// The metric's label.
    fn label(self) -> &'static str {
        match self {
            Self::Done => "read",
            Self::Failed => "failed",
        }
    }
}
