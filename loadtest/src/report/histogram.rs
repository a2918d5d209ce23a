//! How long things took, each of them: recorded in a worker, carried in a report, joined with those of other workers.
//!
//! Microseconds, to three digits, up to [`LONGEST_US`]. As text: what `HdrHistogram` calls V2, deflated, in base64; its other
//! tools read that, too.

use super::Latency;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// Ten minutes; what took longer counts as this.
pub(crate) const LONGEST_US: u64 = 600_000_000;

const DIGITS: u8 = 3;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("bounds that HdrHistogram allows"))
    }

    pub(crate) fn record(&mut self, microseconds: u64) {
        self.0.saturating_record(microseconds.min(LONGEST_US));
    }

    /// Forgets all, and keeps its memory: for a second of the timeline.
    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// Adds all that another has.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("bounds are the same everywhere");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time within which this share (0 to 1) was done; none when nothing was timed.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        // HdrHistogram answers with the upper end of a bucket, which may lie above the largest.
        (!self.is_empty()).then(|| self.0.value_at_quantile(share).min(self.0.max()))
    }

    pub(crate) fn max(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.0.max())
    }

    /// The figures and the curve; none when nothing was timed.
    pub(crate) fn latency(&self) -> Option<Latency> {
        Some(Latency {
            count: self.count(),
            mean_us: self.0.mean(),
            min_us: self.0.min(),
            p50_us: self.quantile(0.5)?,
            p90_us: self.quantile(0.9)?,
            p99_us: self.quantile(0.99)?,
            p999_us: self.quantile(0.999)?,
            max_us: self.max()?,
            histogram: self.encode(),
        })
    }

    pub(crate) fn encode(&self) -> String {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.0, &mut bytes).expect("a Vec takes all");
        BASE64.encode(bytes)
    }

    /// Reads what [`Times::encode`] or another `HdrHistogram` wrote, deflated or plain. Fails on anything else.
    pub(crate) fn decode(text: &str) -> Result<Self> {
        let bytes = BASE64.decode(text.trim()).context("a histogram that isn't base64")?;
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| anyhow::anyhow!("a histogram that isn't HdrHistogram's V2: {error}"))?;
        // Another's bounds may be others, and merging needs them to be ours.
        let mut times = Self::new();
        for step in read.iter_recorded() {
            times.0.saturating_record_n(step.value_iterated_to().min(LONGEST_US), step.count_at_value());
        }
        Ok(times)
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::V2Serializer;
    use proptest::prelude::*;

    fn of(times: impl IntoIterator<Item = u64>) -> Times {
        let mut all = Times::new();
        for time in times {
            all.record(time);
        }
        all
    }

    #[test]
    fn nothing_timed_has_no_figures() {
        assert!(Times::new().latency().is_none());
        assert_eq!(Times::new().quantile(0.5), None);
    }

    #[test]
    fn figures_are_those_of_what_was_recorded() {
        let latency = of(1..=1000).latency().unwrap();
        assert_eq!((latency.count, latency.min_us, latency.max_us), (1000, 1, 1000));
        assert_eq!((latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us), (500, 900, 990, 999));
        assert!((latency.mean_us - 500.5).abs() < 0.01);
    }

    #[test]
    fn one_time_is_each_of_its_quantiles() {
        let latency = of([123_457]).latency().unwrap();
        assert_eq!(latency.p50_us, latency.max_us);
        assert!(latency.max_us.abs_diff(123_457) < 124, "{}", latency.max_us);
    }

    #[test]
    fn workers_are_joined_as_if_they_were_one() {
        let (odd, even) = (of((1..2000).step_by(2)), of((2..=2000).step_by(2)));
        let mut joined = Times::new();
        for worker in [odd, even] {
            joined.merge(&Times::decode(&worker.encode()).unwrap());
        }
        let joined = joined.latency().unwrap();
        assert_eq!(joined.histogram, of(1..=2000).encode());
        assert_eq!((joined.count, joined.p50_us, joined.max_us), (2000, 1000, 2000));
    }

    #[test]
    fn what_takes_too_long_counts_as_the_longest() {
        let max = of([u64::MAX]).max().unwrap();
        assert!((LONGEST_US..LONGEST_US + LONGEST_US / 1000).contains(&max), "{max}");
    }

    #[test]
    fn plain_histograms_of_others_are_read() {
        let mut theirs = Histogram::<u64>::new(2).unwrap();
        theirs.record(77).unwrap();
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&theirs, &mut bytes).unwrap();
        assert_eq!(Times::decode(&BASE64.encode(bytes)).unwrap(), of([77]));
    }

    #[test]
    fn what_is_none_is_refused() {
        assert!(Times::decode("§").is_err());
        assert!(Times::decode(&BASE64.encode("no histogram")).is_err());
        assert!(Times::decode("").is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(times in prop::collection::vec(0..LONGEST_US, 0..200)) {
            let times = of(times);
            let again = Times::decode(&times.encode()).unwrap();
            prop_assert_eq!(&again, &times);
            prop_assert_eq!(again.encode(), times.encode());
        }
    }
}
