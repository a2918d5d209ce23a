//! Sends spans to the collector, in batches, from a task of its own: whatever becomes of them, no message waits for it.

use super::{
    Settings,
    client::{CollectorClient, Failure},
    span::Span,
};
use crate::{metrics::TraceMetrics, outbound::Client};
use anyhow::Context;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkError,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::SpanExporter as _,
};
use std::{env, mem, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

/// Spans in one request.
const BATCH: usize = 512;

/// How long spans wait for more of them to come.
const PATIENCE: Duration = Duration::from_secs(1);

/// For a batch: its request with the answer, and trying again where that is worth it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long what is left may take when the node stops.
pub const STOP_TIMEOUT: Duration = Duration::from_millis(1500);

/// Sends spans, once it is started.
pub struct Exporter {
    settings: Settings,
    pub(super) waiting: mpsc::Receiver<Span>,
    metrics: Arc<TraceMetrics>,
}

/// Sends spans.
pub struct Exporting {
    task: AbortOnDropHandle<()>,
    stopping: CancellationToken,
}

struct Sender {
    exporter: SpanExporter,
    system: &'static str,
    failure: Failure,
    is_failing: bool,
    waiting: mpsc::Receiver<Span>,
    batch: Vec<Span>,
    metrics: Arc<TraceMetrics>,
}

impl Exporter {
    pub(super) fn new(settings: Settings, waiting: mpsc::Receiver<Span>, metrics: Arc<TraceMetrics>) -> Self {
        Self { settings, waiting, metrics }
    }

    /// Starts to send, as the node of this name.
    pub fn start(self, node: &str) -> anyhow::Result<Exporting> {
        let Self { settings: Settings { target, ratio, system }, waiting, metrics } = self;
        info!(%target, ratio, "messages are traced");
        let failure = Failure::default();
        let client = Client::new(TIMEOUT).context("can't send traces")?;
        let client = CollectorClient::new(client, &target, failure.clone());
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(target.uri().to_string())
            .with_timeout(TIMEOUT)
            .with_retry_policy(RetryPolicy::recommended())
            .build()
            .context("can't send traces")?;
        exporter.set_resource(&resource(node));
        let stopping = CancellationToken::new();
        let batch = Vec::new();
        let sender = Sender { exporter, system, failure, is_failing: false, waiting, batch, metrics };
        let task = AbortOnDropHandle::new(tokio::spawn(sender.run(stopping.clone())));
        Ok(Exporting { task, stopping })
    }
}

impl Exporting {
    /// Sends what waits, if that can be done by then, and ends.
    pub async fn stop(mut self, by: Instant) {
        self.stopping.cancel();
        if timeout_at(by, &mut self.task).await.is_err() {
            warn!("the last spans could not be sent in time; leaving them");
        }
    }
}

impl Sender {
    async fn run(mut self, stopping: CancellationToken) {
        // Or until nobody is left who could record anything.
        while stopping.run_until_cancelled(self.gather()).await.is_some() && !self.batch.is_empty() {
            self.send().await;
        }
        self.waiting.close();
        self.gather().await;
        while !self.batch.is_empty() {
            self.send().await;
            self.gather().await;
        }
    }

    /// Waits until there is something to send, and a little for more. To stop waiting loses nothing.
    async fn gather(&mut self) {
        let Self { waiting, batch, .. } = self;
        if batch.is_empty() {
            waiting.recv_many(batch, BATCH).await;
        }
        let full =
            async { while batch.len() < BATCH && waiting.recv_many(batch, BATCH - batch.len()).await > 0 {} };
        // What has come by then is enough.
        let _ = timeout(PATIENCE, full).await;
    }

    async fn send(&mut self) {
        let batch = mem::take(&mut self.batch);
        let count = batch.len();
        let spans = batch.into_iter().map(|span| span.data(self.system)).collect();
        // The library ends no request that is under way, only what would come after it.
        let exported = timeout(TIMEOUT, self.exporter.export(spans)).await;
        let exported = exported.unwrap_or(Err(OTelSdkError::Timeout(TIMEOUT)));
        let why = self.failure.take();
        match exported {
            Ok(()) => {
                self.metrics.exported.inc_by(count as u64);
                if mem::take(&mut self.is_failing) {
                    info!("the collector takes spans again");
                }
            }
            Err(error) => {
                self.metrics.failed.inc_by(count as u64);
                if !mem::replace(&mut self.is_failing, true) {
                    let why = why.unwrap_or_else(|| error.to_string());
                    warn!("the collector doesn't take spans, which are lost until it does: {why}");
                }
            }
        }
    }
}

/// What all spans of this node have in common. What the environment says comes before our own.
fn resource(node: &str) -> Resource {
    let ours = [
        KeyValue::new("service.name", "switchboard"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", node.to_owned()),
    ];
    let name = env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    Resource::builder_empty()
        .with_attributes(ours)
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())])
        .with_attributes(name.map(|name| KeyValue::new("service.name", name)))
        .build()
}
