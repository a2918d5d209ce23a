//! A Redis with two replicas, and three Sentinels that see to it that there is a master.

use super::{REPLICATE_AT_ONCE, RedisServer, Setup, new_folder, until};
use futures_util::future::join_all;
use redis::{FromRedisValue, cmd};
use std::net::SocketAddr;

const SERVICE: &str = "rooms";

pub(crate) struct Sentinel {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl Sentinel {
    /// Ready to fail over.
    pub(crate) async fn start() -> Self {
        let master = RedisServer::with(&REPLICATE_AT_ONCE).await;
        let port = master.port;
        // In the file, as a Sentinel has a server write down what it was made.
        let follow = format!("replicaof 127.0.0.1 {port}\n");
        let replicas = join_all((0..2).map(|_| RedisServer::configured(&follow, &REPLICATE_AT_ONCE)));
        let sentinels = join_all((0..3).map(|_| watch(port)));
        let (replicas, sentinels) = tokio::join!(replicas, sentinels);
        let servers = [master].into_iter().chain(replicas).collect();
        let started = Self { servers, sentinels };
        started.settle().await;
        started
    }

    /// What `--redis` takes.
    pub(crate) fn url(&self) -> String {
        Self::url_of(&self.sentinels())
    }

    /// What `--redis` takes, where the Sentinels are found elsewhere.
    pub(crate) fn url_of(sentinels: &[SocketAddr]) -> String {
        let hosts: Vec<String> = sentinels.iter().map(ToString::to_string).collect();
        format!("redis+sentinel://{}/{SERVICE}", hosts.join(","))
    }

    pub(crate) fn sentinels(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(RedisServer::address).collect()
    }

    /// The master and the replicas, whoever is which.
    pub(crate) fn servers(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(RedisServer::address).collect()
    }

    /// Waits until all servers run as master and replicas, and the Sentinels know: ready to fail over again.
    pub(crate) async fn settle(&self) {
        // Right after a failover, a Sentinel may still name the one before.
        let has_replicas = async || {
            let master = self.master().await;
            let master = self.servers.iter().find(|server| server.address() == master).expect("a server");
            master.replicas().await == 2
        };
        until("the master has its replicas", has_replicas).await;
        for sentinel in &self.sentinels {
            until("the Sentinels know each other and the replicas", async || knows_all(sentinel).await).await;
        }
    }

    /// Who is the master by the word of the Sentinels: of the first one, until they agree.
    pub(crate) async fn master(&self) -> SocketAddr {
        let (ip, port): (String, u16) = ask(&self.sentinels[0], &["GET-MASTER-ADDR-BY-NAME", SERVICE]).await;
        format!("{ip}:{port}").parse().expect("an address")
    }

    /// Where it was.
    pub(crate) async fn kill_master(&mut self) -> SocketAddr {
        let master = self.master().await;
        self.server(master).kill().await;
        master
    }

    /// To be paused, killed or started anew.
    pub(crate) fn server(&mut self, address: SocketAddr) -> &mut RedisServer {
        self.servers.iter_mut().find(|server| server.address() == address).expect("a server")
    }
}

/// A Sentinel that tells the others of itself every 200 ms instead of 2 s, and asks the servers as often instead of
/// every 10 s: so it is ready soon.
async fn watch(port: u16) -> RedisServer {
    let config = format!(
        "sentinel monitor {SERVICE} 127.0.0.1 {port} 2\n\
         sentinel down-after-milliseconds {SERVICE} 1000\n\
         sentinel failover-timeout {SERVICE} 3000\n"
    );
    let setup = Setup { config, arguments: vec!["--sentinel".to_owned()], ..Setup::default() };
    let sentinel = RedisServer::set_up(setup, new_folder()).await;
    let () = ask(&sentinel, &["DEBUG", "INFO-PERIOD", "200", "PUBLISH-PERIOD", "200"]).await;
    sentinel
}

async fn knows_all(sentinel: &RedisServer) -> bool {
    let others: Vec<Vec<String>> = ask(sentinel, &["SENTINELS", SERVICE]).await;
    let replicas: Vec<Vec<String>> = ask(sentinel, &["REPLICAS", SERVICE]).await;
    let has = |server: &[String], name: &str, value: &str| {
        server.chunks_exact(2).any(|pair| pair[0] == name && pair[1] == value)
    };
    let linked = replicas
        .iter()
        .filter(|replica| has(replica, "flags", "slave") && has(replica, "master-link-status", "ok"));
    others.iter().filter(|other| has(other, "flags", "sentinel")).count() == 2 && linked.count() == 2
}

async fn ask<T: FromRedisValue>(sentinel: &RedisServer, words: &[&str]) -> T {
    let mut connection = sentinel.connection().await;
    cmd("SENTINEL").arg(words).query_async(&mut connection).await.expect("an answer")
}
