//! Nodes in processes of their own that share a Redis, with a proxy before each node and on each of its links.

use super::{announcer::Announcer, scale::Settings};
use crate::harness::{Process, Proxy, RedisServer, Sentinel, Way, free_port, get, until};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

pub(super) struct Deployment {
    pub(super) store: Store,
    pub(super) nodes: Vec<Place>,
}

pub(super) enum Store {
    Standalone(Box<RedisServer>),
    Sentinel(Box<Sentinel>),
}

/// Where a node is, or is to be again.
pub(super) struct Place {
    /// The node's own.
    address: SocketAddr,
    flags: Vec<String>,
    process: Option<Process>,
    /// For its clients.
    pub(super) door: Proxy,
    pub(super) links: Links,
}

/// A node's ways to Redis.
pub(super) struct Links {
    proxies: Vec<Proxy>,
    /// What `--redis` takes.
    url: String,
    _announcers: Vec<Announcer>,
}

impl Store {
    pub(super) async fn standalone() -> Self {
        Self::Standalone(Box::new(RedisServer::start().await))
    }

    pub(super) async fn sentinel() -> Self {
        Self::Sentinel(Box::new(Sentinel::start().await))
    }

    async fn links(&self) -> Links {
        match self {
            Self::Standalone(redis) => {
                let proxy = Proxy::before(redis.address()).await;
                let url = format!("redis://{}", proxy.address());
                Links { proxies: vec![proxy], url, _announcers: Vec::new() }
            }
            Self::Sentinel(redis) => {
                let mut proxies = Vec::new();
                for server in redis.servers() {
                    proxies.push(Proxy::before(server).await);
                }
                let ports = redis.servers().into_iter().zip(&proxies);
                let ports = ports.map(|(server, proxy)| (server.port(), proxy.address().port())).collect();
                let mut announcers = Vec::new();
                for sentinel in redis.sentinels() {
                    announcers.push(Announcer::before(sentinel, BTreeMap::clone(&ports)).await);
                }
                let addresses: Vec<_> = announcers.iter().map(Announcer::address).collect();
                Links { proxies, url: Sentinel::url_of(&addresses), _announcers: announcers }
            }
        }
    }

    /// It holds what it holds now, when it is started anew with `age`.
    pub(super) async fn save(&self) {
        if let Self::Standalone(redis) = self {
            redis.save().await;
        }
    }

    /// Ends it without a word and starts it anew at once, with what it saved.
    pub(super) async fn age(&mut self) {
        if let Self::Standalone(redis) = self {
            redis.restart_with_what_it_saved().await;
        }
    }

    /// Ends it without a word and starts it anew at once, with nothing in it: under Sentinels too quickly for them to name
    /// another master, so that the replicas follow the empty one.
    pub(super) async fn empty(&mut self) {
        match self {
            Self::Standalone(redis) => redis.restart().await,
            Self::Sentinel(redis) => {
                let master = redis.master().await;
                redis.server(master).restart().await;
            }
        }
    }
}

impl Links {
    pub(super) async fn cut(&self) {
        for proxy in &self.proxies {
            proxy.cut().await;
        }
    }

    pub(super) async fn reset(&self) {
        for proxy in &self.proxies {
            proxy.reset().await;
        }
    }

    pub(super) fn hold(&self) {
        self.proxies.iter().for_each(Proxy::hold);
    }

    pub(super) fn hold_all(&self, ways: &[Way]) {
        self.proxies.iter().for_each(|proxy| proxy.hold_all(ways));
    }

    pub(super) fn release(&self) {
        self.proxies.iter().for_each(Proxy::release);
    }
}

impl Deployment {
    pub(super) async fn start(nodes: usize, store: Store, settings: Settings) -> Self {
        let mut deployment = Self { store, nodes: Vec::new() };
        for _ in 0..nodes {
            let links = deployment.store.links().await;
            deployment.nodes.push(Place::start(links, settings).await);
        }
        deployment
    }

    /// Where clients find the nodes.
    pub(super) fn doors(&self) -> Arc<[SocketAddr]> {
        self.nodes.iter().map(|place| place.door.address()).collect()
    }
}

impl Place {
    async fn start(links: Links, settings: Settings) -> Self {
        let address = (Ipv4Addr::LOCALHOST, free_port()).into();
        let mut flags = settings.flags();
        flags.extend(["--redis".to_owned(), links.url.clone()]);
        let door = Proxy::before(address).await;
        let mut place = Self { address, flags, process: None, door, links };
        place.start_anew().await;
        place
    }

    pub(super) fn process(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.process().admin
    }

    /// The process, which is not to run on.
    pub(super) fn take(&mut self) -> Process {
        self.process.take().expect("it runs")
    }

    /// At the same address.
    pub(super) async fn start_anew(&mut self) {
        let flags: Vec<_> = self.flags.iter().map(String::as_str).collect();
        let process = Process::start_at(self.address, &flags).await;
        until("the node is ready", async || get(process.admin, "/readyz").await.status == 200).await;
        self.process = Some(process);
    }
}
