//! The command: reads its settings, serves, and stops when it is asked to; or asks a node how it is.

mod health;
mod telemetry;

use anyhow::Context;
use std::{
    io::{Write, stdout},
    process::ExitCode,
    time::Duration,
};
use switchboard::{
    config::{Config, HealthConfig, Task},
    server::{self, Listeners},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, warn};

fn main() -> ExitCode {
    match Task::from_process().unwrap_or_else(|error| error.exit()) {
        Task::Serve(config) => {
            telemetry::start(&config.log);
            run(&config).map_or_else(
                |error| {
                    error!("{error:#}");
                    ExitCode::FAILURE
                },
                |()| ExitCode::SUCCESS,
            )
        }
        Task::TellHealth(config) => tell_health(config),
    }
}

fn tell_health(config: HealthConfig) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(health::ask(config)));
    let (line, code) = match answer {
        Ok(well) => (well, ExitCode::SUCCESS),
        Err(error) => (format!("{error:#}"), ExitCode::FAILURE),
    };
    // The exit status says it, too, where nobody reads.
    let _ = writeln!(stdout(), "{line}");
    code
}

fn run(config: &Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(config));
    // A look-up of a name may hang in the system's own time.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let settings = config.server();
    raise_open_files(settings.open_files());
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let (public, admin) = config.addresses();
    let listeners = Listeners::bind(public, admin)?;
    let asked_to_stop = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    server::run(listeners, settings, asked_to_stop).await
}

/// Lets this process open as many files as the system allows, and says if that isn't enough.
fn raise_open_files(needed: usize) {
    let needed = needed as u64;
    match rlimit::increase_nofile_limit(needed) {
        Ok(allowed) if allowed < needed => warn!(
            allowed,
            needed, "this process may not open enough files for --max-sockets; lower it, or raise ulimit -n"
        ),
        Ok(_) => {}
        Err(error) => warn!(%error, "can't raise the number of files that this process may open"),
    }
}
