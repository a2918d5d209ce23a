//! A node's exchange, as `switchboard --redis URL` makes it.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};
use switchboard::{
    config::Config,
    exchange::{
        Entry,
        redis::{Redis, Settings},
    },
    metrics::Metrics,
    protocol::{Info, ResumeKey},
    room::Lifeline,
    traces::Traces,
};

pub(crate) struct Node {
    pub(crate) exchange: Arc<Redis>,
    metrics: Metrics,
}

impl Node {
    pub(crate) async fn start(url: &str) -> Self {
        let metrics = Metrics::new().expect("metrics");
        let exchange =
            Redis::start(settings(url), metrics.exchange.clone(), Traces::default()).await.expect("a node");
        Self { exchange, metrics }
    }

    /// The value of a metric, as its line in Prometheus' text format has it.
    pub(crate) fn metric(&self, name: &str) -> String {
        let text = String::from_utf8(self.metrics.render().expect("metrics")).expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.expect(name).to_owned()
    }
}

/// What a member enters a room of so many with, to show this.
pub(crate) fn entry(info: Info, capacity: usize) -> Entry {
    Entry { info, capacity: NonZeroUsize::new(capacity).expect("not zero"), lifeline: None }
}

/// The same, to come back with.
pub(crate) fn resumable(info: Info, capacity: usize) -> Entry {
    let key = ResumeKey::from_random(std::array::from_fn(|_| fastrand::u8(..))).hash();
    let lifeline = Some(Lifeline { key, window: Duration::from_secs(30) });
    Entry { lifeline, ..entry(info, capacity) }
}

fn settings(url: &str) -> Settings {
    let arguments = ["switchboard".into(), format!("--redis={url}").into()];
    Config::read(arguments.into()).expect("flags").server().redis.expect("a URL")
}
