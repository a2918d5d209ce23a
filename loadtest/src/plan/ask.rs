//! What is asked of the model: how many sockets there are, what they do, what machines there are, and what must hold.

use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// Plans a cluster: how many nodes and Redis shards so many sockets need, and what decides it
#[derive(Args, Clone, Debug)]
pub(crate) struct Ask {
    /// Sockets that are in a room at the busiest time, such as 1e6; several for several columns [default: 1e5, 1e6, 1e7]
    #[arg(long, value_name = "NUMBER", value_parser = count, value_delimiter = ',')]
    pub(super) sockets: Vec<f64>,

    #[command(flatten)]
    pub(super) workload: Workload,

    #[command(flatten)]
    pub(super) machines: Machines,

    /// Also simulate the return of a lost zone's clients
    #[arg(long)]
    pub(super) storm: bool,

    /// The simulation's chance
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(super) seed: u64,

    /// Other costs than those that were measured for this version: a file like loadtest/src/plan/costs.toml
    #[arg(long, value_name = "FILE")]
    pub(super) costs: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What clients do.
#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Workload {
    /// Members of a call, each linked with each
    #[arg(long, value_name = "NUMBER", default_value = "4", value_parser = at_least::<2>)]
    pub(super) room_size: f64,

    /// How long one stays in a call
    #[arg(long, value_name = "MINUTES", default_value = "30", value_parser = positive)]
    pub(super) call_minutes: f64,

    /// Connections of a client that break in an hour, and are made anew
    #[arg(long, value_name = "NUMBER", default_value = "0.5", value_parser = count)]
    pub(super) churn: f64,

    /// Candidates that each side of a link sends
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = count)]
    pub(super) candidates: f64,

    /// Later offers and answers of a link in a call: a screen is shared, a camera changed
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = count)]
    pub(super) renegotiations: f64,

    /// How often a member changes in a call what the others see of it: muted, and not
    #[arg(long, value_name = "NUMBER", default_value = "4", value_parser = count)]
    pub(super) infos: f64,

    /// Bytes of an offer's or an answer's frame
    #[arg(long, value_name = "BYTES", default_value = "2500", value_parser = positive)]
    pub(super) offer_bytes: f64,

    /// Bytes of a candidate's frame
    #[arg(long, value_name = "BYTES", default_value = "300", value_parser = positive)]
    pub(super) candidate_bytes: f64,

    /// How much more happens in the busiest minute than on average, as calls begin at the full hour
    #[arg(long, value_name = "FACTOR", default_value = "3", value_parser = at_least::<1>)]
    pub(super) peak: f64,

    /// Whether sessions are resumed, as the SDK's are
    #[arg(long, value_name = "BOOL", default_value = "true", action = clap::ArgAction::Set)]
    pub(super) resumable: bool,
}

/// What there is to run on, and what must hold.
#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct Machines {
    /// Cores of a node
    #[arg(long, value_name = "NUMBER", default_value = "2", value_parser = positive)]
    pub(super) node_cores: f64,

    /// Memory of a node
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size)]
    pub(super) node_memory: f64,

    /// Places of a node (its --max-sockets); a load balancer's address has some 64,000 ports to each
    #[arg(long, value_name = "NUMBER", default_value = "50000", value_parser = positive_count)]
    pub(super) node_sockets: f64,

    /// Network of a node, each way
    #[arg(long, value_name = "RATE", default_value = "1Gbit", value_parser = rate)]
    pub(super) node_network: f64,

    /// Core of a Redis shard: it runs its commands on one
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = at_most_one_core)]
    pub(super) redis_cores: f64,

    /// Memory of a Redis shard
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = size)]
    pub(super) redis_memory: f64,

    /// Network of a Redis shard, each way
    #[arg(long, value_name = "RATE", default_value = "1Gbit", value_parser = rate)]
    pub(super) redis_network: f64,

    /// The nodes' --partitions; more shards than these can't be used, so the plan takes more where it has to
    #[arg(long, value_name = "NUMBER", default_value = "16", value_parser = positive_count)]
    pub(super) redis_partitions: f64,

    /// The share of CPU, memory and network that stays free at the busiest time with one zone lost
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = share)]
    pub(super) headroom: f64,

    /// Zones that nodes and Redis are spread over evenly; one may be lost. With 1 there is nothing to spare
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = positive_count)]
    pub(super) zones: f64,

    /// When all clients of a lost zone have to be back; after the resume window, 30 s, they join anew
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = seconds)]
    pub(super) recover_within: f64,

    /// How long shards are away whose master was in the lost zone; 0s: none was
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = seconds)]
    pub(super) failover: f64,

    /// A round trip between clients and nodes
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = seconds)]
    pub(super) round_trip: f64,

    /// The lost zone falls silent: clients notice by their pings, after 10 s to 30 s, not at once
    #[arg(long)]
    pub(super) silent: bool,
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.replace([' ', '_'], "").parse::<f64>();
    let number = number.map_err(|_| "write a number, such as 1000000 or 1e6".to_owned())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("it can't be below zero, or endless".into())
    }
}

fn count(text: &str) -> Result<f64, String> {
    number(text)
}

fn positive(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number > 0.0 { Ok(number) } else { Err("it has to be more than zero".into()) }
}

fn positive_count(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number >= 1.0 && number.fract() == 0.0 {
        Ok(number)
    } else {
        Err("write a whole number, 1 or more".into())
    }
}

fn at_least<const LEAST: u32>(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number >= f64::from(LEAST) { Ok(number) } else { Err(format!("it has to be {LEAST} or more")) }
}

fn at_most_one_core(text: &str) -> Result<f64, String> {
    let number = positive(text)?;
    let too_many =
        || "Redis runs its commands on one core, so more do nothing; for more, take more shards".to_owned();
    if number <= 1.0 { Ok(number) } else { Err(too_many()) }
}

fn share(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number < 1.0 { Ok(number) } else { Err("write a share below 1, such as 0.5".into()) }
}

fn seconds(text: &str) -> Result<f64, String> {
    let time: Duration =
        humantime::parse_duration(text).map_err(|_| "write a time, such as 30s or 500ms".to_owned())?;
    Ok(time.as_secs_f64())
}

fn size(text: &str) -> Result<f64, String> {
    let units = [("KiB", 1024.0), ("MiB", 1024.0 * 1024.0), ("GiB", 1024.0 * 1024.0 * 1024.0)];
    with_unit(text, &units).ok_or_else(|| "write a size, such as 512MiB or 4GiB".into())
}

/// Bytes a second.
fn rate(text: &str) -> Result<f64, String> {
    let units = [("Mbit", 1e6 / 8.0), ("Gbit", 1e9 / 8.0)];
    with_unit(text, &units).ok_or_else(|| "write a rate, such as 500Mbit or 10Gbit".into())
}

fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (name, factor) = units.iter().find(|(name, _)| text.ends_with(name))?;
    Some(positive(text.trim_end_matches(name).trim()).ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        ask: Ask,
    }

    fn ask(flags: &str) -> Result<Ask, String> {
        let words = ["plan"].into_iter().chain(flags.split_whitespace());
        Command::try_parse_from(words).map(|command| command.ask).map_err(|error| error.to_string())
    }

    #[test]
    fn figures_carry_their_units() {
        let ask = ask("--sockets 1e5,2000000 --node-memory 512MiB --node-network 10Gbit --recover-within 1m")
            .unwrap();
        assert_eq!(ask.sockets, [1e5, 2e6]);
        let close = |figure: f64, wanted: f64| (figure - wanted).abs() < 1e-6;
        assert!(close(ask.machines.node_memory, 512.0 * 1024.0 * 1024.0));
        assert!(close(ask.machines.node_network, 1.25e9));
        assert!(close(ask.machines.recover_within, 60.0));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (flags, told) in [
            ("--sockets many", "1e6"),
            ("--room-size 1", "2 or more"),
            ("--node-memory 4", "4GiB"),
            ("--node-network 1", "10Gbit"),
            ("--redis-cores 4", "more shards"),
            ("--headroom 1", "below 1"),
            ("--recover-within soon", "30s"),
            ("--zones 2.5", "whole number"),
            ("--call-minutes 0", "more than zero"),
        ] {
            let error = ask(flags).unwrap_err();
            assert!(error.contains(told), "{flags}: {error}");
        }
    }
}
