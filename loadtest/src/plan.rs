//! The capacity model: how large a cluster has to be for so many sockets, reckoned from what they do and what that costs.
//! `docs/capacity.md` explains it. Pure: figures in, figures out.
//!
//! ```text
//! ask.rs ──▶ traffic.rs (what happens in a second) ──▶ size.rs (nodes, shards, what decides) ──▶ table.rs
//! costs.rs ────┴─────────────────────────────────────────┴──▶ storm.rs (a lost zone's clients come back)
//! ```

mod ask;
mod costs;
mod size;
mod storm;
mod table;
mod traffic;

pub(crate) use self::ask::Ask;

use self::{
    ask::{Machines, Workload},
    costs::Costs,
    size::{Nodes, Return, Shards, Sizing},
    storm::{Backoff, Recovery, Shard, Storm, simulate},
    traffic::Traffic,
};
use anyhow::Result;
use serde::Serialize;

/// What is planned for where nothing else is asked.
const USUAL: [f64; 3] = [1e5, 1e6, 1e7];

/// Clients that a simulation has at most; each stands for more where there are more.
const MOST_SIMULATED: f64 = 100_000.0;

/// Handshakes that may wait at a node (`src/server.rs`).
const BACKLOG: usize = 4096;

/// As the SDK has it (`client/sdk/link.js`).
const PATIENCE_S: f64 = 10.0;

/// Silence of a node before the others take its sessions, and until they have noticed.
const REAPED_AFTER_S: f64 = 7.0;

/// How long a session can be resumed.
const RESUME_WINDOW_S: f64 = 30.0;

/// When a client notices that nothing comes any more (`client/sdk/connection.js`): it was silent for up to 20 s before, and
/// the answer to its ping is due after 10 s.
const SILENCE_NOTICED_S: (f64, f64) = (10.0, 30.0);

/// A cluster for so many sockets.
#[derive(Clone, Debug, Serialize)]
struct Plan {
    sockets: f64,
    traffic: Traffic,
    nodes: Nodes,
    redis: Shards,
    /// What each client of a lost zone costs as it comes back.
    cost_of_return: Return,
    /// How many they are.
    returning: f64,
    /// By the simulation, where it was asked for.
    storm: Option<Recovery>,
    /// Whether all were back within the time that they have.
    in_time: Option<bool>,
}

/// What was asked, and the answer.
#[derive(Serialize)]
struct Answer<'a> {
    workload: &'a Workload,
    machines: &'a Machines,
    plans: Vec<Plan>,
}

/// What `loadtest plan` prints.
pub(crate) fn answer(ask: &Ask) -> Result<String> {
    let costs = ask.costs.as_deref().map_or_else(|| Ok(Costs::shipped()), Costs::read)?;
    let sockets = if ask.sockets.is_empty() { &USUAL[..] } else { &ask.sockets };
    let plans = sockets.iter().map(|sockets| plan(*sockets, ask, &costs)).collect::<Result<Vec<_>>>()?;
    if ask.json {
        let answer = Answer { workload: &ask.workload, machines: &ask.machines, plans };
        return Ok(serde_json::to_string_pretty(&answer)? + "\n");
    }
    Ok(table::draw(&ask.workload, &ask.machines, &plans))
}

fn plan(sockets: f64, ask: &Ask, costs: &Costs) -> Result<Plan> {
    let sizing = Sizing::new(sockets, &ask.workload, &ask.machines, costs);
    let (nodes, redis) = sizing.solve()?;
    let storm = (ask.storm && sizing.loses_a_zone())
        .then(|| simulate(&storm_of(&sizing, nodes.left, &redis, ask.seed)));
    let in_time = storm.as_ref().map(|storm| storm.is_within(ask.machines.recover_within));
    Ok(Plan {
        sockets,
        traffic: sizing.traffic,
        nodes,
        redis,
        cost_of_return: sizing.cost_of_return(),
        returning: sizing.returning(),
        storm,
        in_time,
    })
}

/// The storm that this many nodes have to take. What they do anyway makes them, and Redis, slower.
fn storm_of(sizing: &Sizing<'_>, left: f64, redis: &Shards, seed: u64) -> Storm {
    let (machines, load) = (sizing.machines, &sizing.load);
    let simulated = (left * MOST_SIMULATED / sizing.returning()).floor().clamp(1.0, left);
    let stands_for = left / simulated;
    let cores = machines.node_cores.floor().max(1.0);
    let beats = redis.partitions * sizing.costs.node_cpu.beat.0;
    let slower = cores / (machines.node_cores - load.node_cores / left - beats).max(f64::MIN_POSITIVE);
    let returned = sizing.cost_of_return();
    Storm {
        clients: whole(sizing.returning() / stands_for),
        stands_for,
        others_in_room: sizing.work.room_size - 1.0,
        nodes: whole(simulated),
        cores: whole(cores),
        backlog: BACKLOG,
        handshake_s: returned.node_handshake_s * slower,
        entry_s: returned.node_entry_s * slower,
        notice_s: sizing.costs.node_cpu.notice.0 * slower,
        shards: shards_of(sizing, left, redis, stands_for),
        partitions: whole(redis.partitions),
        round_trip_s: machines.round_trip,
        noticed_s: if machines.silent { SILENCE_NOTICED_S } else { (0.0, 0.0) },
        backoff: Backoff::SDK,
        patience_s: PATIENCE_S,
        reaped_at_s: REAPED_AFTER_S,
        window_s: RESUME_WINDOW_S,
        seed,
        horizon_s: (10.0 * machines.recover_within).max(300.0),
    }
}

/// The shards as the clients find them: one in each zone's share has lost its master, and first registers its sessions
/// again. Where clients are simulated for others, too, each costs as much as all of those.
fn shards_of(sizing: &Sizing<'_>, nodes: f64, redis: &Shards, stands_for: f64) -> Vec<Shard> {
    let (machines, costs, returned) = (sizing.machines, &sizing.costs.redis_cpu, sizing.cost_of_return());
    let (count, partitions) = (whole(redis.count), whole(redis.partitions));
    let shard = |number: u32| {
        let own = (number..partitions).step_by(count as usize).count();
        let share = f64::from(u32::try_from(own).expect("few partitions")) / redis.partitions;
        let usual = sizing.shard(share, nodes, redis.partitions).cores;
        let slower = 1.0 / (machines.redis_cores - usual).max(f64::MIN_POSITIVE);
        let again = share * sizing.sockets * returned.redis_again_s * slower;
        let fails_over = machines.failover > 0.0 && f64::from(number) < (redis.count / machines.zones).ceil();
        Shard {
            away_until_s: if fails_over { machines.failover + again } else { 0.0 },
            entry_s: returned.redis_entry_s * slower * stands_for,
            reap_s: costs.detach.0 * slower * stands_for,
            notice_s: costs.notice.0 * slower * stands_for,
        }
    };
    (0..count).map(shard).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "machines and clients are fewer than 2^32"
)]
fn whole(number: f64) -> u32 {
    number.round() as u32
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

    fn ask(flags: &str) -> Ask {
        Command::parse_from(["plan"].into_iter().chain(flags.split_whitespace())).ask
    }

    /// The defaults.
    pub(super) fn workload() -> Workload {
        ask("").workload
    }

    pub(super) fn machines() -> Machines {
        ask("").machines
    }

    /// The storm that hits so many of the nodes that the plan calls for.
    fn recovery(ask: &Ask, sockets: f64, of_the_nodes: f64) -> (Nodes, Recovery) {
        let costs = Costs::shipped();
        let sizing = Sizing::new(sockets, &ask.workload, &ask.machines, &costs);
        let (nodes, redis) = sizing.solve().unwrap();
        let storm = storm_of(&sizing, (nodes.left * of_the_nodes).ceil(), &redis, ask.seed);
        (nodes, simulate(&storm))
    }

    #[test]
    fn the_planned_cluster_recovers_in_time() {
        for flags in [
            "",
            "--recover-within 60s",
            "--failover 0s --recover-within 10s",
            "--room-size 2 --call-minutes 5",
            "--resumable false",
            "--zones 2",
        ] {
            let ask = ask(flags);
            let (nodes, recovery) = recovery(&ask, 1e5, 1.0);
            assert!(recovery.is_within(ask.machines.recover_within), "{flags}: {nodes:?} {recovery:?}");
        }
    }

    #[test]
    fn half_of_the_nodes_would_be_too_few_where_the_storm_decides() {
        let ask = ask("--failover 0s --recover-within 4s --node-sockets 1000000 --node-memory 64GiB");
        let (nodes, planned) = recovery(&ask, 2e5, 1.0);
        assert_eq!(nodes.decided_by, size::Resource::Storm);
        assert!(planned.is_within(4.0), "{nodes:?} {planned:?}");
        let (_, halved) = recovery(&ask, 2e5, 0.5);
        assert!(!halved.is_within(4.0), "{halved:?}");
    }

    #[test]
    fn where_some_stand_for_all_it_takes_as_long() {
        let ask = ask("--failover 0s");
        let costs = Costs::shipped();
        let sizing = Sizing::new(1.2e5, &ask.workload, &ask.machines, &costs);
        let (nodes, redis) = sizing.solve().unwrap();
        let all = storm_of(&sizing, nodes.left, &redis, 1);
        let (half, each) = (all.nodes / 2, 2.0);
        let sample = Storm {
            clients: all.clients / 2,
            nodes: half,
            stands_for: each,
            shards: shards_of(&sizing, nodes.left, &redis, each),
            ..all.clone()
        };
        let (all, sample) = (simulate(&all), simulate(&sample));
        let (all_s, sample_s) = (all.max_s.unwrap(), sample.max_s.unwrap());
        assert!((all_s - sample_s).abs() < 0.1 * all_s, "{all_s} {sample_s}");
        assert!((all.clients - sample.clients).abs() < 2.0);
    }

    #[test]
    fn json_has_all_that_the_table_has() {
        let text = answer(&ask("--sockets 1e5 --json")).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["plans"][0]["sockets"], 1e5);
        assert!(answer["plans"][0]["nodes"]["count"].as_f64().unwrap() >= 3.0);
        assert_eq!(answer["machines"]["zones"], 3.0);
    }

    #[test]
    fn the_page_shows_what_the_command_prints() {
        let page = include_str!("../../docs/capacity.md");
        let mut blocks = 0;
        for command in page.split("```sh\nloadtest plan").skip(1) {
            let (flags, rest) =
                command.split_once("\n```\n\n```text\n").expect("each command has its output below");
            let (shown, _) = rest.split_once("```").expect("a block ends");
            assert_eq!(
                shown,
                answer(&ask(flags)).unwrap(),
                "the page's output of `loadtest plan{flags}` is old"
            );
            blocks += 1;
        }
        assert!(blocks >= 1);
    }
}
