//! A Redis Cluster: three masters, each with a replica.

use super::{REPLICATE_AT_ONCE, RedisServer, until};
use futures_util::future::join_all;
use redis::{FromRedisValue, Value, aio::MultiplexedConnection, cmd, from_redis_value};
use std::net::SocketAddr;
use tokio::process::Command;

pub(crate) struct Cluster {
    servers: Vec<RedisServer>,
}

impl Cluster {
    /// Ready to fail over.
    pub(crate) async fn start() -> Self {
        let flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        let flags = [flags, REPLICATE_AT_ONCE].concat();
        let servers = join_all((0..6).map(|_| RedisServer::with(&flags))).await;
        create(&servers).await;
        for server in &servers {
            until("the cluster is ready", async || is_ready(server).await).await;
        }
        let replicated = async || {
            let replicas = join_all(servers.iter().map(RedisServer::replicas)).await;
            replicas.iter().sum::<usize>() == 3
        };
        until("each master has its replica", replicated).await;
        Self { servers }
    }

    /// What `--redis` takes.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<String> = self.servers.iter().map(|server| server.address().to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// Who has a key by the word of the first node that runs.
    pub(crate) async fn master_of(&self, key: &str) -> SocketAddr {
        let node = self.servers.iter().find(|server| server.runs()).expect("a node that runs");
        let slot: u16 = ask(node, &["KEYSLOT", key]).await;
        let shares = shares(node).await;
        shares.iter().find(|share| (share.first..=share.last).contains(&slot)).expect("its share").nodes[0]
    }

    /// Where it was.
    pub(crate) async fn kill_master_of(&mut self, key: &str) -> SocketAddr {
        let master = self.master_of(key).await;
        self.server(master).kill().await;
        master
    }

    /// Every key that matches, wherever it is.
    pub(crate) async fn keys(&self, pattern: &str) -> Vec<String> {
        let running = self.servers.iter().filter(|server| server.runs());
        let mut keys = join_all(running.map(|server| server.keys(pattern))).await.concat();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Begins to move the slot of a key to another master, as `redis-cli --cluster reshard` does it. Until the move is
    /// finished, what is asked for keys that aren't there is sent to and fro.
    pub(crate) async fn begin_to_move_slot_of(&mut self, key: &str) -> SlotMove {
        let from = self.master_of(key).await;
        let shares = shares(self.server(from)).await;
        let to = shares.iter().map(|share| share.nodes[0]).find(|master| *master != from);
        let to = to.expect("another master");
        let (source, target) = (self.server(from).connection().await, self.server(to).connection().await);
        let slot: u16 = run(&source, &["CLUSTER", "KEYSLOT", key]).await;
        let slot = slot.to_string();
        let old: String = run(&source, &["CLUSTER", "MYID"]).await;
        let new: String = run(&target, &["CLUSTER", "MYID"]).await;
        () = run(&target, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &old]).await;
        () = run(&source, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &new]).await;
        SlotMove { source, target, to, new, slot }
    }

    /// To be paused, killed or started anew: with its place in the cluster, and no data.
    pub(crate) fn server(&mut self, address: SocketAddr) -> &mut RedisServer {
        self.servers.iter_mut().find(|server| server.address() == address).expect("a server")
    }
}

/// A slot that is on its way from one master to another.
pub(crate) struct SlotMove {
    source: MultiplexedConnection,
    target: MultiplexedConnection,
    to: SocketAddr,
    new: String,
    slot: String,
}

impl SlotMove {
    /// Moves the keys that the slot has now.
    pub(crate) async fn move_keys(&self) {
        let keys: Vec<String> = run(&self.source, &["CLUSTER", "GETKEYSINSLOT", &self.slot, "1000"]).await;
        let (host, port) = (self.to.ip().to_string(), self.to.port().to_string());
        let mut migrate = vec!["MIGRATE", &host, &port, "", "0", "5000", "REPLACE", "KEYS"];
        migrate.extend(keys.iter().map(String::as_str));
        () = run(&self.source, &migrate).await;
    }

    /// Gives the slot to its new master, with what keys have come up meanwhile.
    pub(crate) async fn finish(self) {
        self.move_keys().await;
        for connection in [&self.target, &self.source] {
            () = run(connection, &["CLUSTER", "SETSLOT", &self.slot, "NODE", &self.new]).await;
        }
    }
}

async fn create(servers: &[RedisServer]) {
    let addresses = servers.iter().map(|server| server.address().to_string());
    let output = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(addresses)
        .args(["--cluster-replicas", "1", "--cluster-yes"])
        .kill_on_drop(true)
        .output()
        .await
        .expect("redis-cli");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Whether this node knows of all slots, and of a replica for each.
async fn is_ready(node: &RedisServer) -> bool {
    let info: String = ask(node, &["INFO"]).await;
    let shares = shares(node).await;
    info.contains("cluster_state:ok")
        && shares.len() == 3
        && shares.iter().all(|share| share.nodes.len() == 2)
}

/// Some slots, and who has them: first the master.
struct Share {
    first: u16,
    last: u16,
    nodes: Vec<SocketAddr>,
}

async fn shares(node: &RedisServer) -> Vec<Share> {
    let slots: Vec<Vec<Value>> = ask(node, &["SLOTS"]).await;
    let number = |value: &Value| from_redis_value(value.clone()).expect("a number");
    let address = |value: &Value| {
        let words: Vec<Value> = from_redis_value(value.clone()).expect("a node");
        let ip: String = from_redis_value(words[0].clone()).expect("an address");
        SocketAddr::new(ip.parse().expect("an address"), number(&words[1]))
    };
    let share = |row: &Vec<Value>| Share {
        first: number(&row[0]),
        last: number(&row[1]),
        nodes: row[2..].iter().map(address).collect(),
    };
    slots.iter().map(share).collect()
}

async fn ask<T: FromRedisValue>(node: &RedisServer, words: &[&str]) -> T {
    cmd("CLUSTER").arg(words).query_async(&mut node.connection().await).await.expect("an answer")
}

async fn run<T: FromRedisValue>(connection: &MultiplexedConnection, words: &[&str]) -> T {
    let mut command = cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async(&mut connection.clone()).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}
