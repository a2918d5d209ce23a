//! The settings of traces.

use super::values;
use crate::{outbound::Target, traces::Settings};
use clap::Args;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tracing")]
pub(super) struct TraceConfig {
    /// The OpenTelemetry collector that traces are sent to, as OTLP over http or https; none, and nothing is traced
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    otlp_endpoint: Option<Endpoint>,

    /// The share of messages that are traced, from 0 to 1
    #[arg(long, value_name = "NUMBER", default_value = "0.01", value_parser = values::ratio)]
    trace_ratio: f64,
}

/// A URL, read or found wrong. It may hold a password, so that what is wrong is told without it, later.
#[derive(Clone, Debug)]
struct Endpoint(Result<Target, String>);

#[allow(clippy::unnecessary_wraps, reason = "what a value parser is like")]
fn endpoint(text: &str) -> Result<Endpoint, String> {
    /// What the specification adds to the URL.
    const PATH: &str = "/v1/traces";

    let target = Target::parse(text).map_err(|why| format!("{why}, such as http://collector:4318"));
    Ok(Endpoint(target.and_then(|target| {
        let is_whole = target.uri().path().trim_end_matches('/').ends_with(PATH);
        let wrong = || format!("takes the collector's URL without {PATH}, which is added to it");
        if is_whole { Err(wrong()) } else { Ok(target.join(PATH)) }
    })))
}

impl TraceConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.otlp_endpoint {
            Some(Endpoint(Err(why))) => Err(format!("--otlp-endpoint {why}")),
            _ => Ok(()),
        }
    }

    /// Of messages that go through this system.
    pub(super) fn settings(&self, system: &'static str) -> Option<Settings> {
        let target = self.otlp_endpoint.clone()?.0.ok()?;
        Some(Settings { target, ratio: self.trace_ratio, system })
    }
}
