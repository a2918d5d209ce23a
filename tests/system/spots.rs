//! The dangerous spots of resuming, each made to happen: what is under way while a session changes its connection, its node,
//! or its life.

mod drains;
mod ends;
mod keys;
mod replies;
mod takeovers;

use crate::harness::{Client, Node, Proxy, RedisServer, Resumable};
use redis::cmd;

/// Ann's node and Ben's, each with a proxy before its Redis, and one for Ben's connections.
struct Scene {
    redis: RedisServer,
    links: [Proxy; 2],
    door: Proxy,
    nodes: [Node; 2],
    ann: Resumable,
    ben: Resumable,
}

impl Scene {
    /// Ann is on the first node, Ben on the second, and they know each other.
    async fn set(flags: &[&str]) -> Self {
        let redis = RedisServer::start().await;
        let links = [Proxy::before(redis.address()).await, Proxy::before(redis.address()).await];
        let urls = links.each_ref().map(|link| format!("redis://{}", link.address()));
        let start = async |url: &str| Node::with(&[&["--redis", url], flags].concat()).await;
        let nodes = [start(&urls[0]).await, start(&urls[1]).await];
        let door = Proxy::before(nodes[1].address).await;
        let mut ann = Resumable::join(nodes[0].client().await, "room").await;
        let ben = Resumable::join(through(&door).await, "room").await;
        ann.hear_of("new_peer", &ben.id).await;
        Self { redis, links, door, nodes, ann, ben }
    }

    /// What is said now arrives both ways, and nothing before it.
    async fn goes_on(&mut self) {
        for _ in 0..2 {
            let n = self.ann.say(None).await;
            self.ben.hear_messages(&self.ann.id, [n]).await;
            let n = self.ben.say(None).await;
            self.ann.hear_messages(&self.ben.id, [n]).await;
        }
    }

    /// A field of Ben's session in Redis.
    async fn session(&self, field: &str) -> Option<String> {
        let keys = self.redis.keys(&format!("*:s:{}", self.ben.id)).await;
        let [key] = &keys[..] else { return None };
        let mut get = cmd("HGET");
        get.arg(key).arg(field).query_async(&mut self.redis.connection().await).await.expect("a field")
    }
}

async fn through(proxy: &Proxy) -> Client {
    Client::connect(&format!("ws://{}/ws", proxy.address())).await
}
