//! A node's exchange, as `switchboard --redis URL` makes it.

use std::sync::Arc;
use switchboard::{
    config::Config,
    exchange::redis::{Redis, Settings},
    metrics::Metrics,
};

pub(crate) struct Node {
    pub(crate) exchange: Arc<Redis>,
    metrics: Metrics,
}

impl Node {
    pub(crate) async fn start(url: &str) -> Self {
        let metrics = Metrics::new().expect("metrics");
        let exchange = Redis::start(settings(url), metrics.exchange.clone()).await.expect("a node");
        Self { exchange, metrics }
    }

    /// The value of a metric, as its line in Prometheus' text format has it.
    pub(crate) fn metric(&self, name: &str) -> String {
        let text = String::from_utf8(self.metrics.render().expect("metrics")).expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.expect(name).to_owned()
    }
}

fn settings(url: &str) -> Settings {
    let arguments = ["switchboard".into(), format!("--redis={url}").into()];
    Config::read(arguments.into()).expect("flags").server().redis.expect("a URL")
}
