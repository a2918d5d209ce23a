//! Metrics read back by name, for who shows a node's figures.

use super::Metrics;
use prometheus::proto::{Metric, MetricFamily};

/// What all of a node's metrics were at one moment.
pub struct Readings(Vec<MetricFamily>);

/// A histogram, over all of its labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The upper bound of each bucket, and how many were not over it.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Metrics {
    /// Reads them all.
    pub fn readings(&self) -> Readings {
        Readings(self.registry.gather())
    }
}

impl Readings {
    /// A counter's sum over its labels.
    pub fn count(&self, name: &str) -> u64 {
        whole(self.metrics(name).iter().map(|metric| metric.get_counter().get_value()).sum())
    }

    /// A gauge.
    pub fn level(&self, name: &str) -> u64 {
        level(self.metrics(name))
    }

    /// A histogram.
    pub fn distribution(&self, name: &str) -> Distribution {
        let mut all = Distribution::default();
        for histogram in self.metrics(name).iter().map(Metric::get_histogram) {
            all.count += histogram.get_sample_count();
            all.sum += histogram.get_sample_sum();
            let buckets = histogram.get_bucket();
            all.buckets.resize(buckets.len(), (0.0, 0));
            for ((bound, count), bucket) in all.buckets.iter_mut().zip(buckets) {
                *bound = bucket.upper_bound();
                *count += bucket.cumulative_count();
            }
        }
        all
    }

    /// The memory of the process, in bytes; 0 where the system doesn't tell.
    pub fn memory_bytes(&self) -> u64 {
        level(self.find("process_resident_memory_bytes").unwrap_or_default())
    }

    fn metrics(&self, name: &str) -> &[Metric] {
        let found = self.find(name);
        debug_assert!(found.is_some(), "no metric has the name {name}");
        found.unwrap_or_default()
    }

    fn find(&self, name: &str) -> Option<&[Metric]> {
        self.0.iter().find(|family| family.name() == name).map(MetricFamily::get_metric)
    }
}

fn level(metrics: &[Metric]) -> u64 {
    whole(metrics.iter().map(|metric| metric.get_gauge().get_value()).sum())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, which are whole and small"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::Outcome,
        protocol::{Dialect, SignalKind},
    };
    use std::time::Duration;

    #[test]
    fn each_kind_is_read_over_its_labels() {
        let metrics = Metrics::new().unwrap();
        metrics.signal(SignalKind::Offer);
        metrics.signal(SignalKind::Answer);
        metrics.sockets.set(3);
        for (dialect, took) in [(Dialect::Native, 3), (Dialect::SkyRtc, 700)] {
            metrics.join(dialect, Outcome::In, Duration::from_millis(took));
        }
        let readings = metrics.readings();
        assert_eq!(readings.count("switchboard_signals_total"), 2);
        assert_eq!(readings.level("switchboard_sockets"), 3);
        let joins = readings.distribution("switchboard_join_duration_seconds");
        assert_eq!((joins.count, joins.buckets[4], joins.buckets[13]), (2, (0.0025, 0), (2.5, 2)));
        assert_eq!(joins.buckets[5], (0.005, 1));
        assert!((joins.sum - 0.703).abs() < 1e-9);
        assert_eq!(readings.memory_bytes() > 0, cfg!(target_os = "linux"));
    }

    #[test]
    #[should_panic(expected = "no metric has the name switchboard_signal_total")]
    fn a_name_that_no_metric_has_is_a_mistake() {
        Metrics::new().unwrap().readings().count("switchboard_signal_total");
    }
}
