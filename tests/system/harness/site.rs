//! One gateway to its clients: a node, or several that share their rooms. Clients come to its doors in turn, so that no
//! two in a row are on the same node.

use super::{Client, HaProxy, Node, RedisServer};
use std::{
    any::Any,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

pub(crate) struct Site {
    doors: Vec<SocketAddr>,
    visitors: AtomicUsize,
    /// What stands behind the doors, for as long as the site does.
    _house: Box<dyn Any + Send + Sync>,
}

/// Runs a case on each kind of site, all with the same flags.
pub(crate) async fn on_each_site(flags: &[&str], case: impl AsyncFn(&Site)) {
    // It is seen where a case fails.
    eprintln!("on one node, with its rooms in memory");
    case(&Site::alone(flags).await).await;
    eprintln!("on three nodes that share a Redis");
    case(&Site::cluster(3, flags).await).await;
    eprintln!("on three nodes behind HAProxy");
    case(&Site::behind_haproxy(flags).await).await;
}

impl Site {
    /// One node, with its rooms in memory.
    pub(crate) async fn alone(flags: &[&str]) -> Self {
        let node = Node::with(flags).await;
        Self::new(vec![node.address], node)
    }

    /// Nodes that share a Redis of their own, each with a door.
    pub(crate) async fn cluster(nodes: usize, flags: &[&str]) -> Self {
        let (redis, nodes) = cluster(nodes, flags).await;
        Self::new(nodes.iter().map(|node| node.address).collect(), (nodes, redis))
    }

    /// Three such nodes behind one door.
    async fn behind_haproxy(flags: &[&str]) -> Self {
        let (redis, nodes) = cluster(3, flags).await;
        let haproxy = HaProxy::before(&nodes.iter().map(|node| &**node).collect::<Vec<_>>()).await;
        Self::new(vec![haproxy.address()], (haproxy, nodes, redis))
    }

    fn new(doors: Vec<SocketAddr>, house: impl Any + Send + Sync) -> Self {
        Self { doors, visitors: AtomicUsize::new(0), _house: Box::new(house) }
    }

    /// The next door.
    pub(crate) fn door(&self) -> SocketAddr {
        self.doors[self.visitors.fetch_add(1, Ordering::Relaxed) % self.doors.len()]
    }

    /// A client that speaks the native dialect.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&format!("ws://{}/ws", self.door())).await
    }

    /// A client that speaks as SkyRTC's, on its page's own path.
    pub(crate) async fn skyrtc_client(&self) -> Client {
        Client::connect(&format!("ws://{}/", self.door())).await.speaking_skyrtc()
    }

    /// Clients that joined a room one after the other; each has heard of all the others.
    pub(crate) async fn room<const N: usize>(&self, room: &str) -> [Client; N] {
        Client::gather(room, async || self.client().await).await
    }

    /// A witness that nothing is under way to these members of a room: it joins, and its coming is the next thing that
    /// each of them hears. Then it goes.
    pub(crate) async fn witness_silence<const N: usize>(&self, room: &str, mut members: [&mut Client; N]) {
        let mut witness = self.client().await;
        witness.join(room).await;
        for member in &mut members {
            member.hear_newcomer(&witness).await;
        }
        let id = witness.id.clone();
        witness.close().await;
        for member in &mut members {
            member.hear_leaver(&id).await;
        }
    }
}

async fn cluster(nodes: usize, flags: &[&str]) -> (RedisServer, Vec<Node>) {
    let redis = RedisServer::start().await;
    let url = redis.url();
    let flags = [&["--redis", &url], flags].concat();
    let mut started = Vec::new();
    for _ in 0..nodes {
        started.push(Node::with(&flags).await);
    }
    (redis, started)
}
