//! One partition on a Redis of its own, asked by its scripts; and those who listen to what they publish.

use crate::harness::{RedisServer, patient};
use redis::{
    AsyncCommands, Client, FromRedisValue, PushInfo, PushKind, Script, ToRedisArgs, Value,
    aio::MultiplexedConnection, from_redis_value,
};
use std::fs;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(super) const SCRIPTS: [&str; 10] =
    ["beat", "broadcast", "info", "join", "leave", "post", "reap", "retire", "sync", "trim"];

/// The partition's prefix.
pub(super) const AT: &str = "sb:{0-12}:";

/// Two nodes.
pub(super) const NORTH: &str = "north";
pub(super) const SOUTH: &str = "south";

/// A session, and where it belongs. Ann, Ben and Cat drink tea; Dan plays chess.
pub(super) struct Seat {
    pub(super) sid: &'static str,
    pub(super) room: &'static str,
    pub(super) node: &'static str,
    pub(super) info: &'static str,
}

pub(super) const ANN: Seat = Seat { sid: "ann00000000000000000", room: "tea", node: NORTH, info: r#""Ann""# };
pub(super) const BEN: Seat = Seat { sid: "ben00000000000000000", room: "tea", node: SOUTH, info: r#""Ben""# };
pub(super) const CAT: Seat = Seat { sid: "cat00000000000000000", room: "tea", node: NORTH, info: "null" };
pub(super) const DAN: Seat = Seat { sid: "dan00000000000000000", room: "chess", node: SOUTH, info: "7" };

impl Seat {
    /// Its mailbox, and the name of its channel.
    pub(super) fn mailbox(&self) -> String {
        format!("{AT}q:{}:{}", self.sid, self.room)
    }

    pub(super) fn version(&self) -> String {
        version_of(self.room)
    }

    /// As a snapshot shows it to others.
    pub(super) fn shown(&self, joined: u64) -> Shown {
        (self.sid.to_owned(), self.info.to_owned(), joined)
    }

    /// The same session, as another node would speak for it.
    pub(super) fn claimed_by(&self, node: &'static str) -> Self {
        Self { node, ..*self }
    }
}

pub(super) fn version_of(room: &str) -> String {
    format!("{AT}rv:{room}")
}

/// Id, info and the version that its joining made.
pub(super) type Shown = (String, String, u64);

#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    pub(super) version: u64,
    pub(super) others: Vec<Shown>,
}

impl Snapshot {
    /// Sorted by version, as a gateway sorts it.
    fn read(answer: Value) -> Self {
        let words: Vec<String> = from_redis_value(answer).expect("words");
        let (version, others) = words.split_first().expect("a version");
        let number = |word: &String| word.parse().expect("a version");
        let shown = |words: &[String]| (words[0].clone(), words[1].clone(), number(&words[2]));
        let mut others: Vec<Shown> = others.chunks_exact(3).map(shown).collect();
        others.sort_by_key(|(_, _, joined)| *joined);
        Self { version: number(version), others }
    }
}

pub(super) struct Partition {
    server: RedisServer,
    redis: MultiplexedConnection,
}

impl Partition {
    /// Nobody is there, and neither are nodes.
    pub(super) async fn deserted() -> Self {
        let server = RedisServer::start().await;
        Self { redis: server.connection().await, server }
    }

    /// Asked by a user of whom Redis' own list says what it may.
    pub(super) async fn with_user(acl: &str) -> Self {
        let server = RedisServer::with_user(acl).await;
        let client = Client::open(server.url()).expect("a URL");
        Self {
            redis: client.get_multiplexed_async_connection_with_config(&patient()).await.expect("a server"),
            server,
        }
    }

    /// Nobody is there yet; both nodes hold long leases.
    pub(super) async fn start() -> Self {
        let partition = Self::deserted().await;
        for node in [NORTH, SOUTH] {
            partition.beat(node, 60_000).await;
        }
        partition
    }

    /// These joined, one after the other. The last one's version comes with it.
    pub(super) async fn with(seats: &[&Seat]) -> (Self, u64) {
        let partition = Self::start().await;
        let mut version = 0;
        for seat in seats {
            version = partition.join(seat).await.version;
        }
        (partition, version)
    }

    pub(super) async fn join(&self, seat: &Seat) -> Snapshot {
        Snapshot::read(self.try_join(seat, 8).await)
    }

    pub(super) async fn try_join(&self, seat: &Seat, capacity: usize) -> Value {
        self.join_through(seat, capacity, 1).await
    }

    pub(super) async fn join_through(&self, seat: &Seat, capacity: usize, link: u64) -> Value {
        let (capacity, link) = (capacity.to_string(), link.to_string());
        self.ask("join", AT, &[seat.room, seat.sid, seat.node, seat.info, &capacity, &link]).await
    }

    pub(super) async fn leave(&self, seat: &Seat, reason: &str) -> u64 {
        self.ask("leave", AT, &[seat.room, seat.sid, seat.node, reason]).await
    }

    pub(super) async fn info(&self, seat: &Seat, info: &str) -> i64 {
        self.info_through(seat, info, 1).await
    }

    pub(super) async fn info_through(&self, seat: &Seat, info: &str, link: u64) -> i64 {
        self.ask("info", AT, &[seat.room, seat.sid, seat.node, info, &link.to_string()]).await
    }

    pub(super) async fn sync(&self, seat: &Seat) -> Option<(Snapshot, Vec<String>)> {
        let answer: Option<(Value, Vec<String>)> =
            self.ask("sync", AT, &[seat.room, seat.sid, seat.node]).await;
        answer.map(|(snapshot, mailbox)| (Snapshot::read(snapshot), mailbox))
    }

    pub(super) async fn post(&self, to: &Seat, message: &str) -> i64 {
        self.ask("post", &to.mailbox(), &[message]).await
    }

    pub(super) async fn broadcast(&self, from: &Seat, message: &str) -> Vec<String> {
        self.ask("broadcast", AT, &[from.room, from.sid, message]).await
    }

    pub(super) async fn trim(&self, seat: &Seat, message: &str) -> u64 {
        self.ask("trim", &seat.mailbox(), &[message]).await
    }

    /// Whether the lease was held, and who is to be reaped.
    pub(super) async fn beat(&self, node: &str, lease: u64) -> (bool, Vec<String>) {
        self.beat_through(node, lease, 1).await
    }

    pub(super) async fn beat_through(&self, node: &str, lease: u64, link: u64) -> (bool, Vec<String>) {
        self.beat_with(node, lease, link, "").await
    }

    pub(super) async fn probe(&self, node: &str, lease: u64, nonce: &str) -> (bool, Vec<String>) {
        self.beat_with(node, lease, 1, nonce).await
    }

    async fn beat_with(&self, node: &str, lease: u64, link: u64, nonce: &str) -> (bool, Vec<String>) {
        let (lease, link) = (lease.to_string(), link.to_string());
        let answer: Vec<Value> = self.ask("beat", AT, &[node, &lease, &link, nonce]).await;
        let (held, dead) = answer.split_first().expect("an answer");
        let held: u64 = from_redis_value(held.clone()).expect("0 or 1");
        (held == 1, dead.iter().map(|node| from_redis_value(node.clone()).expect("a node")).collect())
    }

    /// How many were removed, and how many are left.
    pub(super) async fn reap(&self, node: &str, most: usize) -> (u64, u64) {
        self.ask("reap", AT, &[node, &most.to_string()]).await
    }

    pub(super) async fn retire(&self, node: &str) -> u64 {
        self.ask("retire", AT, &[node]).await
    }

    /// Lets a node's lease lapse, by Redis' own clock.
    pub(super) async fn lapse(&self, node: &str) {
        self.beat(node, 20).await;
        let expiry: u64 = self.redis().zscore(format!("{AT}nodes"), node).await.expect("a lease");
        crate::harness::until("the lease lapses", async || self.now().await >= expiry).await;
    }

    /// Redis' time in milliseconds.
    pub(super) async fn now(&self) -> u64 {
        let (seconds, micros): (u64, u64) =
            redis::cmd("TIME").query_async(&mut self.redis()).await.expect("the time");
        seconds * 1000 + micros / 1000
    }

    pub(super) async fn mailbox(&self, seat: &Seat) -> Vec<String> {
        self.redis().lrange(seat.mailbox(), 0, -1).await.expect("a list")
    }

    /// Every key that there is, without the partition's prefix.
    pub(super) async fn keys(&self) -> Vec<String> {
        let keys: Vec<String> = self.redis().keys("*").await.expect("keys");
        let mut keys: Vec<String> =
            keys.iter().map(|key| key.strip_prefix(AT).expect("a key of the partition").to_owned()).collect();
        keys.sort();
        keys
    }

    /// Everything that is stored: what differs has been changed.
    pub(super) async fn contents(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut contents = Vec::new();
        for key in self.keys().await {
            let dump = redis::cmd("DUMP").arg(format!("{AT}{key}")).query_async(&mut self.redis()).await;
            contents.push((key, dump.expect("a dump")));
        }
        contents
    }

    /// How often a command was called since the server started, by scripts or else.
    pub(super) async fn calls(&self, command: &str) -> u64 {
        let info: String =
            redis::cmd("INFO").arg("commandstats").query_async(&mut self.redis()).await.expect("counts");
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |line| line.split(',').next().expect("a number").parse().expect("a number"))
    }

    pub(super) async fn listen(&self, channels: &[String]) -> Ear {
        Ear::open(&self.server, channels).await
    }

    /// Listens to the channels of everybody, members or not.
    pub(super) async fn listen_everywhere(&self) -> Ear {
        self.listen(&[ANN, BEN, CAT, DAN].map(|seat| seat.mailbox())).await
    }

    /// As one of several at once: over a connection of its own.
    pub(super) async fn another(&self) -> MultiplexedConnection {
        self.server.connection().await
    }

    /// For what the scripts don't do.
    pub(super) fn redis(&self) -> MultiplexedConnection {
        self.redis.clone()
    }

    async fn ask<T: FromRedisValue>(&self, name: &str, key: &str, arguments: &[&str]) -> T {
        ask(&mut self.redis(), name, key, arguments).await
    }
}

/// Runs a script, as the gateway puts it together.
pub(super) async fn ask<T: FromRedisValue>(
    redis: &mut MultiplexedConnection,
    name: &str,
    key: &str,
    arguments: &[impl ToRedisArgs],
) -> T {
    let script = script(name);
    let mut call = script.key(key);
    for argument in arguments {
        call.arg(argument);
    }
    call.invoke_async(redis).await.unwrap_or_else(|error| panic!("{name}.lua: {error}"))
}

fn script(name: &str) -> Script {
    let read =
        |name: &str| fs::read_to_string(format!("src/exchange/redis/lua/{name}.lua")).expect("a script");
    let text = read(name);
    if ["post", "trim"].contains(&name) {
        return Script::new(&text);
    }
    let (flags, body) = text.split_once('\n').expect("a line of flags");
    Script::new(&[flags, &read("prelude"), body].join("\n"))
}

/// One who listens to channels.
pub(super) struct Ear {
    redis: MultiplexedConnection,
    pushed: UnboundedReceiver<PushInfo>,
}

impl Ear {
    async fn open(server: &RedisServer, channels: &[String]) -> Self {
        let (sender, pushed) = unbounded_channel();
        let client = Client::open(format!("{}?protocol=resp3", server.url())).expect("a URL");
        let config = patient().set_push_sender(sender);
        let mut redis = client.get_multiplexed_async_connection_with_config(&config).await.expect("a server");
        for channel in channels {
            () = redis::cmd("SSUBSCRIBE").arg(channel).query_async(&mut redis).await.expect("subscribed");
        }
        Self { redis, pushed }
    }

    /// What was published since it was last asked: channel and text, the channels sorted, each in its order.
    pub(super) async fn heard(&mut self) -> Vec<(String, String)> {
        // What was published comes before the answer.
        () = redis::cmd("PING").query_async(&mut self.redis).await.expect("an answer");
        let mut heard = Vec::new();
        while let Ok(push) = self.pushed.try_recv() {
            if push.kind == PushKind::SMessage {
                let [channel, text] = push.data.try_into().expect("a channel and a text");
                let word = |value| from_redis_value(value).expect("a word");
                heard.push((word(channel), word(text)));
            }
        }
        heard.sort_by(|(one, _): &(String, String), (other, _)| one.cmp(other));
        heard
    }
}
