//! `loadtest`: loads a signaling server, checks every message and says what it cost.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers here are times, counts and rates: far below 2^52"
)]

mod alarm;
mod bare;
mod cli;
mod client;
mod clock;
mod crew;
mod crowd;
mod dialect;
mod engine;
mod ledger;
mod plan;
mod progress;
mod report;
mod scenario;
mod schedule;
mod socket;
mod stamp;
mod tally;
mod units;
mod watch;
mod worker;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use cli::{Cli, Command, Comparison, Run};
use report::{Report, page};
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Worker => worker::run().map(|()| true),
        Command::Plan(ask) => print(&ask).map(|()| true),
        Command::Compare(comparison) => compare(&comparison).map(|()| true),
        Command::Bare(what) => bare::run(&what).map(|()| true),
        command => command.run().map_or(Ok(true), |run| load(&run)),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(io::stderr(), "loadtest: {error:#}"); // nobody may be listening
            ExitCode::from(2)
        }
    }
}

/// Runs a scenario and writes its report; whether it passed.
fn load(run: &Run) -> Result<bool> {
    run.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = runtime.block_on(crew::run(run))?;
    report.judge(&run.common.threshold);
    publish(run, &report)?;
    Ok(report.passed)
}

/// Prints what a cluster needs.
fn print(ask: &plan::Ask) -> Result<()> {
    Ok(io::stdout().lock().write_all(plan::answer(ask)?.as_bytes())?)
}

/// Writes the page of several runs, from their reports.
fn compare(Comparison { reports, html }: &Comparison) -> Result<()> {
    let read = |file: &PathBuf| -> Result<Report> {
        let text = fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} isn't a report of --json", file.display()))
    };
    let reports = reports.iter().map(read).collect::<Result<Vec<_>>>()?;
    write_page(html, &page::comparison(&reports))
}

fn write_page(file: &Path, page: &str) -> Result<()> {
    fs::write(file, page).with_context(|| format!("{} can't be written", file.display()))
}

fn publish(run: &Run, report: &Report) -> Result<()> {
    if let Some(file) = &run.common.html {
        write_page(file, &page::page(report))?;
    }
    let mut out = io::stdout().lock();
    let json = run.common.json.as_deref();
    if json == Some(Path::new("-")) {
        serde_json::to_writer_pretty(&mut out, report)?;
        return Ok(writeln!(out)?);
    }
    if let Some(file) = json {
        let written = serde_json::to_vec_pretty(report)?;
        fs::write(file, written).with_context(|| format!("{} can't be written", file.display()))?;
    }
    Ok(writeln!(out, "{}", report::table::draw(report))?)
}
