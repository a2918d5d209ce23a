//! Logs, to standard error.

use std::io::{IsTerminal, stderr};
use switchboard::config::{LogConfig, LogFormat};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging, for the whole process.
pub(crate) fn start(config: &LogConfig) {
    let logs = fmt().with_env_filter(EnvFilter::new(&config.directives)).with_writer(stderr);
    match config.format {
        LogFormat::Text => logs.with_target(false).with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}
