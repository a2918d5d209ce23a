//! Flags.

use crate::{
    bare::Bare,
    dialect, plan,
    report::threshold::Threshold,
    scenario::{Scenario, calls, churn, idle, relay, soak, storm},
    watch::Watched,
};
use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use std::{
    collections::{BTreeMap, HashSet},
    fs::OpenOptions,
    net::IpAddr,
    path::{Path, PathBuf},
};
use url::Url;

/// Files that a worker needs apart from its sockets.
const FILES: u64 = 64;

/// Loads a WebRTC signaling server, checks every message, and says what it cost.
///
/// Exits with 0 if all was right, with 1 if a message was wrong or a threshold didn't hold, and with 2 if it couldn't run.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sockets that do little or nothing: the memory of each step
    Idle(With<idle::Settings>),

    /// Calls that come and go: joins, offers, answers and candidates as browsers make them
    Calls(With<calls::Settings>),

    /// Messages between pairs, at a rate or so many under way
    Relay(With<relay::Settings>),

    /// Rooms that stand, and whose members change
    Churn(With<churn::Settings>),

    /// All connections break at once, and everybody comes back
    Storm(With<storm::Settings>),

    /// A little of everything, for long: fails if memory grows
    Soak(With<soak::Settings>),

    /// One generator process; started by the others
    #[command(hide = true)]
    Worker,

    /// How many nodes and Redis shards so many sockets need, and what decides it
    Plan(plan::Ask),

    /// A page of several runs, side by side
    Compare(Comparison),

    /// The limits, to measure beside a server
    #[command(subcommand, hide = true)]
    Bare(Bare),
}

/// A scenario's settings, and what is common to all.
#[derive(Args, Debug)]
pub(crate) struct With<S: Args> {
    #[command(flatten)]
    settings: S,
    #[command(flatten)]
    common: Common,
}

/// What to compare.
#[derive(Args, Debug)]
pub(crate) struct Comparison {
    /// What `--json` wrote of each run
    #[arg(value_name = "FILE", required = true, num_args = 2..)]
    pub(crate) reports: Vec<PathBuf>,

    /// Where to write the page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: PathBuf,
}

/// A scenario to run.
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) common: Common,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Where a node listens; repeated, the members of a room go to them in turn
    #[arg(long, value_name = "ws://HOST:PORT/ws", required = true, value_parser = address, help_heading = "Servers")]
    pub(crate) url: Vec<Url>,

    /// What the servers speak
    #[arg(long, value_enum, default_value_t = dialect::Name::Switchboard, help_heading = "Servers")]
    pub(crate) dialect: dialect::Name,

    /// Ask for sessions that outlive their connection, where the dialect has such; a storm does so anyway. Of `calls`, who
    /// loses its connection comes back
    #[arg(long, help_heading = "Servers")]
    pub(crate) resumable: bool,

    /// A process to watch, such as gateway=4711; may be repeated
    #[arg(long, value_name = "NAME=PID", help_heading = "Servers")]
    pub(crate) process: Vec<Watched>,

    /// Generator processes
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = count, help_heading = "Generator")]
    pub(crate) workers: usize,

    /// Addresses to connect from, such as 127.0.0.1,127.0.0.2 or 127.0.0.1-8: one for each 10,000 sockets, as Linux is
    /// slow to find a free port when half of an address' 28,000 are taken
    #[arg(long, value_name = "IP", value_parser = sources, value_delimiter = ',', help_heading = "Generator")]
    source: Vec<Sources>,

    /// What chance follows from, and rooms are named by
    #[arg(long, value_name = "NUMBER", default_value_t = 1, help_heading = "Generator")]
    pub(crate) seed: u64,

    /// What has to hold, such as 'relay.p99<=10ms'; may be repeated
    #[arg(long, value_name = "FIGURE<=LIMIT", help_heading = "Report")]
    pub(crate) threshold: Vec<Threshold>,

    /// A name for what is loaded
    #[arg(long, value_name = "TEXT", help_heading = "Report")]
    pub(crate) label: Option<String>,

    /// Where to write the report as JSON; - is standard output, in place of the table
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub(crate) json: Option<PathBuf>,

    /// Where to write the report as a page
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub(crate) html: Option<PathBuf>,
}

impl Command {
    /// The scenario that was asked for, if it is one.
    pub(crate) fn run(self) -> Option<Run> {
        let (scenario, common) = match self {
            Self::Idle(With { settings, common }) => (Scenario::Idle(settings), common),
            Self::Calls(With { settings, common }) => (Scenario::Calls(settings), common),
            Self::Relay(With { settings, common }) => (Scenario::Relay(settings), common),
            Self::Churn(With { settings, common }) => (Scenario::Churn(settings), common),
            Self::Storm(With { settings, common }) => (Scenario::Storm(settings), common),
            Self::Soak(With { settings, common }) => (Scenario::Soak(settings), common),
            Self::Worker | Self::Plan(_) | Self::Compare(_) | Self::Bare(_) => return None,
        };
        Some(Run { scenario, common })
    }
}

impl Run {
    /// Says what can't be, before anything is started.
    pub(crate) fn check(&self) -> Result<()> {
        let Common { process, json, html, .. } = &self.common;
        let mut names = HashSet::new();
        if let Some(twice) = process.iter().find(|process| !names.insert(&process.name)) {
            bail!("two processes are named {}: give each a name of its own", twice.name);
        }
        self.scenario.check(self.common.dialect)?;
        // Nobody waits an hour to hear it then.
        for file in json.iter().chain(html).filter(|file| *file != Path::new("-")) {
            let opened = OpenOptions::new().create(true).append(true).open(file);
            opened.with_context(|| format!("{} can't be written", file.display()))?;
        }
        self.raise_file_limit()
    }

    /// What was asked for, by its flags.
    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        let Common { resumable, seed, source, .. } = &self.common;
        let mut settings = self.scenario.settings();
        settings.insert("resumable".into(), resumable.to_string());
        settings.insert("seed".into(), seed.to_string());
        if !source.is_empty() {
            let source: Vec<_> = source.iter().map(|sources| sources.text.as_str()).collect();
            settings.insert("source".into(), source.join(","));
        }
        settings
    }

    /// Each worker needs a file for each of its sockets.
    fn raise_file_limit(&self) -> Result<()> {
        let sockets = self.scenario.sockets().div_ceil(self.common.workers) as u64;
        let needed = sockets + FILES;
        let limit = rlimit::increase_nofile_limit(needed)?;
        if limit < needed {
            let workers = (self.scenario.sockets() as u64).div_ceil(limit.saturating_sub(FILES).max(1));
            bail!(
                "{sockets} sockets a worker need {needed} files, and a process may have {limit}: \
                 take --workers {workers}, or a higher limit (ulimit -n)"
            );
        }
        Ok(())
    }
}

impl Common {
    pub(crate) fn sources(&self) -> Vec<IpAddr> {
        self.source.iter().flat_map(|sources| sources.all.iter().copied()).collect()
    }
}

/// One address, or a range of them.
#[derive(Clone, Debug)]
struct Sources {
    text: String,
    all: Vec<IpAddr>,
}

fn sources(text: &str) -> Result<Sources, String> {
    let wrong =
        || format!("{text:?} is no address, such as 127.0.0.1, nor a range of them, such as 127.0.0.1-8");
    let (first, last) = text.split_once('-').map_or((text, None), |(first, last)| (first, Some(last)));
    let first: IpAddr = first.parse().map_err(|_| wrong())?;
    let Some(last) = last else { return Ok(Sources { text: text.into(), all: vec![first] }) };
    let (IpAddr::V4(first), Ok(last)) = (first, last.parse::<u8>()) else { return Err(wrong()) };
    let [a, b, c, from] = first.octets();
    if last < from {
        return Err(wrong());
    }
    Ok(Sources { text: text.into(), all: (from..=last).map(|d| IpAddr::from([a, b, c, d])).collect() })
}

fn address(text: &str) -> Result<Url, String> {
    match text.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "ws" | "tcp") && url.host().is_some() => Ok(url),
        Ok(url) if url.scheme() == "wss" => {
            Err("TLS isn't spoken here; load the server behind what ends it, as ws://HOST:PORT/ws".into())
        }
        _ => {
            Err("an address begins with ws://, as ws://127.0.0.1:8080/ws (or with tcp://, for plain)".into())
        }
    }
}

/// Reads a number of things that there has to be one of.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text:?} is no number above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_well_defined() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sources_are_addresses_and_ranges() {
        let read = |text| sources(text).map(|sources| sources.all.len());
        assert_eq!(read("127.0.0.1"), Ok(1));
        assert_eq!(read("127.0.0.1-8"), Ok(8));
        for wrong in ["localhost", "127.0.0.8-1", "127.0.0.1-x", "::1-3"] {
            assert!(read(wrong).is_err(), "{wrong} was read");
        }
    }
}
