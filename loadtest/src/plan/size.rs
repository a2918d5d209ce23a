//! How many nodes and shards it takes: what each resource asks for, the most of which decides.
//!
//! Nodes are counted so that those of all zones but one carry everything, within what the headroom leaves; and take the
//! lost zone's clients in, within half of the time that there is for it, with all that they have. The other half is for
//! what comes unevenly: back-off, refused connections, time-outs. The simulation looks whether that was enough.

use super::{
    ask::{Machines, Workload},
    costs::Costs,
    traffic::{Load, Traffic},
};
use anyhow::{Result, bail};
use serde::Serialize;
use std::fmt;

/// Beats of a node in each partition, in a second (`src/exchange/redis/link.rs`, with a lease of 6 s or more).
const BEATS: f64 = 1.0;

/// Connections of a node to a shard: one that asks, one that listens, and one to take over the sessions of dead nodes.
const LINKS: f64 = 3.0;

/// For how long Redis holds what a lost node isn't reading any more: its lease, and a second.
const UNREAD_S: f64 = 7.0;

/// The most that Redis holds for one connection (`client-output-buffer-limit pubsub`).
const UNREAD_BYTES: f64 = 32.0 * 1024.0 * 1024.0;

/// More partitions than this aren't taken: each costs each node a beat a second.
const MOST_PARTITIONS: f64 = 4096.0;

/// What a machine may have too little of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Resource {
    Memory,
    Places,
    Cpu,
    Network,
    Storm,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Places => "places",
            Self::Cpu => "CPU",
            Self::Network => "network",
            Self::Storm => "a lost zone",
        })
    }
}

/// The nodes, and what each of them has to do when one zone is lost.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Nodes {
    /// In all zones.
    pub(super) count: f64,
    /// When one is lost.
    pub(super) left: f64,
    pub(super) decided_by: Resource,
    pub(super) sockets_each: f64,
    pub(super) memory_each: f64,
    pub(super) cores_each: f64,
    /// Bytes a second.
    pub(super) in_each: f64,
    pub(super) out_each: f64,
}

/// The shards (masters), and what the busiest of them has to do.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shards {
    pub(super) count: f64,
    pub(super) partitions: f64,
    pub(super) decided_by: Resource,
    pub(super) memory_each: f64,
    pub(super) cores_each: f64,
    pub(super) in_each: f64,
    pub(super) out_each: f64,
    pub(super) connections_each: f64,
}

/// What one returning client costs, and what a shard that failed over has to do for each of its sessions.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "all are seconds, and JSON has to say so")]
pub(super) struct Return {
    pub(super) node_handshake_s: f64,
    pub(super) node_entry_s: f64,
    pub(super) redis_entry_s: f64,
    /// Registered again, and looked at again: of each session, not only of those that return.
    pub(super) redis_again_s: f64,
}

/// All that sizes are worked out of.
pub(super) struct Sizing<'a> {
    pub(super) sockets: f64,
    pub(super) work: &'a Workload,
    pub(super) machines: &'a Machines,
    pub(super) costs: &'a Costs,
    pub(super) traffic: Traffic,
    pub(super) load: Load,
}

impl<'a> Sizing<'a> {
    pub(super) fn new(sockets: f64, work: &'a Workload, machines: &'a Machines, costs: &'a Costs) -> Self {
        let traffic = Traffic::of(sockets, work);
        Self { sockets, work, machines, costs, traffic, load: traffic.load(sockets, costs) }
    }

    /// Nodes cost Redis beats, and partitions cost nodes beats; where the shards need more partitions, both begin anew.
    pub(super) fn solve(&self) -> Result<(Nodes, Shards)> {
        let machines = self.machines;
        if self.loses_a_zone() && machines.recover_within <= machines.failover {
            bail!("--recover-within has to be longer than --failover: until then Redis itself isn't back");
        }
        let mut partitions = machines.redis_partitions;
        while partitions <= MOST_PARTITIONS {
            let nodes = self.nodes(partitions)?;
            if let Some(shards) = self.shards(nodes.count, partitions) {
                return Ok((nodes, shards));
            }
            partitions *= 2.0;
        }
        bail!(
            "no number of Redis shards is enough: one partition of {MOST_PARTITIONS} is more than a shard can take"
        )
    }

    pub(super) fn loses_a_zone(&self) -> bool {
        self.machines.zones > 1.0
    }

    /// Clients that come back when a zone is lost.
    pub(super) fn returning(&self) -> f64 {
        if self.loses_a_zone() { (self.sockets / self.machines.zones).ceil() } else { 0.0 }
    }

    pub(super) fn cost_of_return(&self) -> Return {
        let (node, redis, others) = (&self.costs.node_cpu, &self.costs.redis_cpu, self.work.room_size - 1.0);
        let (node_entry_s, redis_entry_s) = if self.work.resumable {
            (node.resume.0, redis.resume.0)
        } else {
            // The old one is reaped, the new one joins, and all others are told of both.
            let told = 2.0 * others;
            (node.join.0 + told * node.notice.0, redis.leave.0 + redis.join.0 + told * redis.notice.0)
        };
        let fails_over = self.loses_a_zone() && self.machines.failover > 0.0;
        let redis_again_s = if fails_over { redis.restore.0 + redis.sync.0 } else { 0.0 };
        Return { node_handshake_s: node.handshake.0, node_entry_s, redis_entry_s, redis_again_s }
    }

    /// Cores that each node's beats take.
    fn beating(&self, partitions: f64) -> f64 {
        partitions * BEATS * self.costs.node_cpu.beat.0
    }

    fn nodes(&self, partitions: f64) -> Result<Nodes> {
        let (machines, load, bytes) = (self.machines, &self.load, &self.costs.bytes);
        let free = 1.0 - machines.headroom;
        let memory = &self.costs.node_memory;
        let socket = memory.socket.0 + memory.member.0 + memory.kernel.0;
        let (beats_in, beats_out) =
            (partitions * BEATS * bytes.beat_from_redis.0, partitions * BEATS * bytes.beat_to_redis.0);
        let (into, out) = (load.from_clients + load.from_redis, load.to_clients + load.to_redis);
        let network = machines.node_network * free;
        let returned = self.cost_of_return();
        let storm = self.returning() * (returned.node_handshake_s + returned.node_entry_s)
            / (machines.recover_within / 2.0);
        let all = machines.node_cores - self.beating(partitions);
        let needs = [
            (Resource::Memory, over(self.sockets * socket, machines.node_memory * free - memory.base.0)),
            (Resource::Places, over(self.sockets, machines.node_sockets)),
            (Resource::Cpu, over(load.node_cores, machines.node_cores * free - self.beating(partitions))),
            (Resource::Network, over(into, network - beats_in).max(over(out, network - beats_out))),
            (Resource::Storm, if self.loses_a_zone() { over(load.node_cores + storm, all) } else { 0.0 }),
        ];
        // Compared before they are made whole: what decides is what there is least of.
        let (decided_by, left) = most(&needs);
        let count = self.in_all_zones(left.ceil());
        if !count.is_finite() {
            bail!("a node is too small: its {decided_by} doesn't hold what it needs before the first socket");
        }
        let left = self.left_of(count);
        Ok(Nodes {
            count,
            left,
            decided_by,
            sockets_each: self.sockets / left,
            memory_each: memory.base.0 + self.sockets / left * socket,
            cores_each: load.node_cores / left + self.beating(partitions),
            in_each: into / left + beats_in,
            out_each: out / left + beats_out,
        })
    }

    /// The same number in each zone, so that without one of them there are at least so many.
    fn in_all_zones(&self, left: f64) -> f64 {
        let zones = self.machines.zones;
        let left = left.max(1.0);
        if self.loses_a_zone() { (left / (zones - 1.0)).ceil() * zones } else { left }
    }

    pub(super) fn left_of(&self, count: f64) -> f64 {
        if self.loses_a_zone() { count / self.machines.zones * (self.machines.zones - 1.0) } else { count }
    }

    /// The fewest shards that are enough; none where there would have to be more than partitions.
    fn shards(&self, nodes: f64, partitions: f64) -> Option<Shards> {
        let mut count = 1.0;
        let mut decided_by = None;
        while count <= partitions {
            let each = self.shard(share(count, partitions), nodes, partitions);
            let (fullest, part) = self.fullest(&each);
            // What kept one shard less from being enough.
            let decided_by =
                *decided_by.insert(if part <= 1.0 { decided_by.unwrap_or(fullest) } else { fullest });
            if part <= 1.0 {
                return Some(Shards {
                    count,
                    partitions,
                    decided_by,
                    memory_each: each.memory,
                    cores_each: each.cores,
                    in_each: each.into,
                    out_each: each.out,
                    connections_each: nodes * LINKS,
                });
            }
            count += 1.0;
        }
        None
    }

    /// What a shard has least of, and how much of what it may use it does: more than 1 is too much.
    fn fullest(&self, each: &Shard) -> (Resource, f64) {
        let machines = self.machines;
        let free = 1.0 - machines.headroom;
        let time = (machines.recover_within - machines.failover) / 2.0;
        let storm = if self.loses_a_zone() { each.recovers_s / time } else { 0.0 };
        most(&[
            (Resource::Memory, each.memory / (machines.redis_memory * free)),
            (Resource::Cpu, each.cores / (machines.redis_cores * free)),
            (Resource::Network, each.into.max(each.out) / (machines.redis_network * free)),
            (Resource::Storm, storm),
        ])
    }

    /// What a shard has to do that has this share of all rooms.
    pub(super) fn shard(&self, share: f64, nodes: f64, partitions: f64) -> Shard {
        let (load, bytes, memory) = (&self.load, &self.costs.bytes, &self.costs.redis_memory);
        let beats = nodes * partitions * share * BEATS;
        let cores = share * load.redis_cores + beats * self.costs.redis_cpu.beat.0;
        let unread = if self.loses_a_zone() {
            let lost = nodes / self.machines.zones;
            let each = UNREAD_S * share * load.from_redis / nodes;
            lost * each.min(UNREAD_BYTES)
        } else {
            0.0
        };
        let returned = self.cost_of_return();
        let storm =
            share * (self.sockets * returned.redis_again_s + self.returning() * returned.redis_entry_s);
        let free = self.machines.redis_cores - cores;
        Shard {
            memory: memory.base.0 + share * load.redis_bytes + unread,
            cores,
            into: share * load.to_redis + beats * bytes.beat_to_redis.0,
            out: share * (load.from_redis + load.to_replicas)
                + beats * (bytes.beat_from_redis.0 + bytes.beat_to_redis.0),
            recovers_s: if free > 0.0 { storm / free } else { f64::INFINITY },
        }
    }
}

/// What one shard has to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard {
    pub(super) memory: f64,
    pub(super) cores: f64,
    pub(super) into: f64,
    pub(super) out: f64,
    /// Work that a lost zone makes it, in seconds beside everything else.
    pub(super) recovers_s: f64,
}

/// The busiest shard's share of all rooms: partitions are whole.
fn share(shards: f64, partitions: f64) -> f64 {
    (partitions / shards).ceil() / partitions
}

/// How many it takes, not yet made whole; endless where one can't do anything at all.
fn over(need: f64, each: f64) -> f64 {
    if each > 0.0 { need / each } else { f64::INFINITY }
}

fn most(needs: &[(Resource, f64)]) -> (Resource, f64) {
    let first = needs[0];
    needs.iter().skip(1).fold(first, |most, next| if next.1 > most.1 { *next } else { most })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{machines, workload};
    use super::*;

    fn solve(sockets: f64, change: impl FnOnce(&mut Workload, &mut Machines)) -> (Nodes, Shards) {
        let (mut work, mut machines, costs) = (workload(), machines(), Costs::shipped());
        change(&mut work, &mut machines);
        Sizing::new(sockets, &work, &machines, &costs).solve().unwrap()
    }

    #[test]
    fn what_there_is_least_of_decides() {
        let (nodes, _) = solve(1e6, |_, machines| machines.node_memory = 512.0 * 1024.0 * 1024.0);
        assert_eq!(nodes.decided_by, Resource::Memory);
        let (nodes, _) = solve(1e6, |_, machines| machines.node_sockets = 1000.0);
        assert_eq!((nodes.decided_by, nodes.count), (Resource::Places, 1500.0));
        let (nodes, shards) = solve(1e6, |work, _| (work.call_minutes, work.room_size) = (1.0, 8.0));
        assert_eq!((nodes.decided_by, shards.decided_by), (Resource::Cpu, Resource::Cpu));
        let (nodes, _) = solve(1e6, |_, machines| machines.node_network = 2e5);
        assert_eq!(nodes.decided_by, Resource::Network);
        let (nodes, shards) =
            solve(1e6, |_, machines| (machines.recover_within, machines.failover) = (2.0, 0.0));
        assert_eq!((nodes.decided_by, shards.decided_by), (Resource::Storm, Resource::Storm));
    }

    #[test]
    fn what_is_left_of_the_nodes_holds_all_sockets_with_headroom() {
        for sockets in [1e4, 1e5, 1e6, 1e7] {
            let (nodes, shards) = solve(sockets, |_, _| {});
            let machines = machines();
            assert!((nodes.left * 3.0 - nodes.count * 2.0).abs() < 1e-9, "{nodes:?}");
            assert!(nodes.sockets_each <= machines.node_sockets);
            assert!(nodes.memory_each <= machines.node_memory / 2.0);
            assert!(nodes.cores_each <= machines.node_cores / 2.0);
            assert!(shards.memory_each <= machines.redis_memory / 2.0);
            assert!(shards.cores_each <= machines.redis_cores / 2.0);
            assert!(shards.count <= shards.partitions);
        }
    }

    #[test]
    fn more_shards_than_partitions_take_more_partitions() {
        let (_, shards) = solve(1e7, |_, machines| machines.redis_partitions = 2.0);
        assert!(shards.count > 2.0 && shards.partitions >= shards.count, "{shards:?}");
    }

    #[test]
    fn partitions_are_whole_so_that_five_shards_are_no_better_than_four_thirds_of_four() {
        assert!((share(4.0, 16.0) - 4.0 / 16.0).abs() < 1e-9);
        assert!((share(5.0, 16.0) - 4.0 / 16.0).abs() < 1e-9);
        assert!((share(6.0, 16.0) - 3.0 / 16.0).abs() < 1e-9);
    }

    #[test]
    fn with_one_zone_there_is_nothing_to_spare() {
        let (nodes, _) = solve(1e6, |_, machines| machines.zones = 1.0);
        assert!((nodes.count - nodes.left).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let (work, mut machines, costs) = (workload(), machines(), Costs::shipped());
        machines.node_memory = 1e6;
        let error = Sizing::new(1e5, &work, &machines, &costs).solve().unwrap_err().to_string();
        assert!(error.contains("memory"), "{error}");
        machines.node_memory = 1e9;
        machines.recover_within = 3.0;
        let error = Sizing::new(1e5, &work, &machines, &costs).solve().unwrap_err().to_string();
        assert!(error.contains("--failover"), "{error}");
    }
}
