//! One partition on a Redis of its own, asked by its scripts; and those who listen to what they publish.

use crate::harness::{RedisServer, patient, until};
use redis::{
    AsyncCommands, Client, FromRedisValue, PushInfo, PushKind, Script, ToRedisArgs, Value,
    aio::MultiplexedConnection, from_redis_value,
};
use std::fs;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(super) const SCRIPTS: [&str; 25] = [
    "ack",
    "announce",
    "audit",
    "beat",
    "broadcast",
    "close",
    "connected",
    "detach",
    "expire",
    "hook",
    "info",
    "join",
    "kick",
    "leave",
    "post",
    "reap",
    "reply",
    "restore",
    "resume",
    "retire",
    "room",
    "rooms",
    "socket",
    "sync",
    "trim",
];

/// The partition's prefix.
pub(super) const AT: &str = "sb:{0-12}:";

/// Two nodes.
pub(super) const NORTH: &str = "north";
pub(super) const SOUTH: &str = "south";

/// The server's process, and the life of the data in it.
pub(super) const SERVER: &str = "server";
pub(super) const DATA: &str = "data";

/// Long leases: none lapses by itself.
pub(super) const LEASE: u64 = 60_000;

/// How long a session outlives its connection.
pub(super) const WINDOW: u64 = 30_000;

/// How long the sessions of a node that is reaped have been without it.
pub(super) const REAPED_AFTER: u64 = 6_000;

/// A session, and where it belongs. Ann, Ben and Cat drink tea; Dan plays chess.
pub(super) struct Seat {
    pub(super) sid: &'static str,
    pub(super) room: &'static str,
    pub(super) node: &'static str,
    pub(super) info: &'static str,
    /// The connection that speaks for it.
    pub(super) attempt: u64,
}

pub(super) const ANN: Seat =
    Seat { sid: "ann00000000000000000", room: "tea", node: NORTH, info: r#""Ann""#, attempt: 0 };
pub(super) const BEN: Seat =
    Seat { sid: "ben00000000000000000", room: "tea", node: SOUTH, info: r#""Ben""#, attempt: 0 };
pub(super) const CAT: Seat =
    Seat { sid: "cat00000000000000000", room: "tea", node: NORTH, info: "null", attempt: 0 };
pub(super) const DAN: Seat =
    Seat { sid: "dan00000000000000000", room: "chess", node: SOUTH, info: "7", attempt: 0 };

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
        (self.sid.to_owned(), self.info.to_owned(), joined, HERE)
    }

    /// As a snapshot shows it while it has no connection.
    pub(super) fn shown_away(&self, joined: u64) -> Shown {
        (self.sid.to_owned(), self.info.to_owned(), joined, AWAY)
    }

    /// The same session, as another node would speak for it.
    pub(super) fn claimed_by(&self, node: &'static str) -> Self {
        Self { node, ..*self }
    }

    /// The same session, as the connection that resumed it by this attempt speaks for it.
    pub(super) fn resumed_by(&self, attempt: u64, node: &'static str) -> Self {
        Self { node, attempt, ..*self }
    }

    /// A message from it.
    pub(super) fn says(&self, n: u64) -> String {
        format!("Mm{}{n} {{}}", self.sid)
    }
}

pub(super) fn version_of(room: &str) -> String {
    format!("{AT}rv:{room}")
}

/// Id, info, the version that its joining made, and whether it is away.
pub(super) type Shown = (String, String, u64, bool);

const HERE: bool = false;
const AWAY: bool = true;

/// Why a sync shows nothing.
pub(super) const GONE: u64 = 0;
pub(super) const REPLACED: u64 = 1;

/// What a client had: of whom, and up to which number.
pub(super) type Had<'a> = &'a [(&'a Seat, u64)];

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
        let shown = |words: &[String]| {
            let [id, info, joined, away] = words else { panic!("not in fours: {words:?}") };
            (
                id.clone(),
                info.clone(),
                number(joined),
                ["0", "1"].iter().position(|word| word == away) == Some(1),
            )
        };
        let mut others: Vec<Shown> = others.chunks(4).map(shown).collect();
        others.sort_by_key(|(_, _, joined, _)| *joined);
        Self { version: number(version), others }
    }
}

/// What the answer to a resume tells.
#[derive(Debug, PartialEq)]
pub(super) struct Resumed {
    pub(super) snapshot: Snapshot,
    pub(super) mailbox: Vec<String>,
    pub(super) info: String,
    pub(super) window: u64,
    pub(super) has_gap: bool,
}

/// What a beat says of its node.
#[derive(Clone, Copy)]
pub(super) struct Beat<'a> {
    pub(super) node: &'a str,
    pub(super) lease: u64,
    pub(super) link: u64,
    pub(super) nonce: &'a str,
    pub(super) server: &'a str,
    /// The term that the node knows.
    pub(super) known: &'a str,
    /// For the data, if it has no name.
    pub(super) name: &'a str,
}

impl<'a> Beat<'a> {
    /// Of a node that has just come.
    pub(super) fn of(node: &'a str, lease: u64) -> Self {
        Self { node, lease, link: 1, nonce: "", server: SERVER, known: "", name: DATA }
    }

    /// Of one that knew this term.
    pub(super) fn knowing(node: &'a str, lease: u64, known: &'a str) -> Self {
        Self { known, ..Self::of(node, lease) }
    }
}

/// What the answer to a beat tells.
#[derive(Debug, PartialEq)]
pub(super) struct Pulse {
    pub(super) held: bool,
    pub(super) term: String,
    pub(super) gathering: u64,
    /// How many sessions the node has; -1 for an earlier link.
    pub(super) sessions: i64,
    pub(super) expired: bool,
    pub(super) dead: Vec<String>,
}

pub(super) struct Partition {
    server: RedisServer,
    redis: MultiplexedConnection,
    /// What its stream of events keeps.
    events: usize,
}

/// What the answer to a sender of webhooks tells, if the partition is its own.
#[derive(Debug, PartialEq)]
pub(super) struct Turn {
    /// It was the last that had it before.
    pub(super) again: bool,
    pub(super) waiting: u64,
    pub(super) lost: u64,
    pub(super) passed: u64,
    /// The ids of the events.
    pub(super) given: Vec<String>,
}

impl Partition {
    /// Nobody is there, and neither are nodes.
    pub(super) async fn deserted() -> Self {
        let server = RedisServer::start().await;
        Self { redis: server.connection().await, server, events: 0 }
    }

    /// Asked by a user of whom Redis' own list says what it may.
    pub(super) async fn with_user(acl: &str) -> Self {
        let server = RedisServer::with_user(acl).await;
        let client = Client::open(server.url()).expect("a URL");
        Self {
            redis: client.get_multiplexed_async_connection_with_config(&patient()).await.expect("a server"),
            server,
            events: 0,
        }
    }

    /// From now on it tells of its rooms, and keeps about so many events.
    pub(super) fn telling(self, events: usize) -> Self {
        Self { events, ..self }
    }

    /// Nobody is there yet; both nodes hold long leases.
    pub(super) async fn start() -> Self {
        let partition = Self::deserted().await;
        for node in [NORTH, SOUTH] {
            partition.beat(node, LEASE).await;
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

    /// Joins so that it can come back with this key.
    pub(super) async fn join_to_return(&self, seat: &Seat, key: &str) -> Snapshot {
        let window = WINDOW.to_string();
        let entry = [seat.room, seat.sid, seat.node, seat.info, "8", "1", key, &window];
        Snapshot::read(self.ask("join", AT, &entry).await)
    }

    pub(super) async fn join_through(&self, seat: &Seat, capacity: usize, link: u64) -> Value {
        let (capacity, link) = (capacity.to_string(), link.to_string());
        self.ask("join", AT, &[seat.room, seat.sid, seat.node, seat.info, &capacity, &link]).await
    }

    pub(super) async fn leave(&self, seat: &Seat, reason: &str) -> u64 {
        self.ask("leave", AT, &[seat.room, seat.sid, seat.node, &seat.attempt.to_string(), reason]).await
    }

    pub(super) async fn info(&self, seat: &Seat, info: &str) -> i64 {
        self.info_through(seat, info, 1).await
    }

    pub(super) async fn info_through(&self, seat: &Seat, info: &str, link: u64) -> i64 {
        let (attempt, link) = (seat.attempt.to_string(), link.to_string());
        self.ask("info", AT, &[seat.room, seat.sid, seat.node, &attempt, info, &link]).await
    }

    /// The room and the mailbox, or why there are none.
    pub(super) async fn sync(&self, seat: &Seat) -> Result<(Snapshot, Vec<String>), u64> {
        let answer = self.ask("sync", AT, &[seat.room, seat.sid, seat.node, &seat.attempt.to_string()]).await;
        if let Value::Int(why) = answer {
            return Err(why.try_into().expect("0 or 1"));
        }
        let (snapshot, mailbox): (Value, Vec<String>) = from_redis_value(answer).expect("two parts");
        Ok((Snapshot::read(snapshot), mailbox))
    }

    /// Takes a session up by this seat's attempt and on its node, or says why not.
    pub(super) async fn resume(
        &self,
        seat: &Seat,
        key: &str,
        next: &str,
        had: Had<'_>,
    ) -> Result<Resumed, String> {
        self.resume_through(seat, [key, next], had, 1).await
    }

    pub(super) async fn resume_through(
        &self,
        seat: &Seat,
        [key, next]: [&str; 2],
        had: Had<'_>,
        link: u64,
    ) -> Result<Resumed, String> {
        let (attempt, link) = (seat.attempt.to_string(), link.to_string());
        let claim = [seat.room, seat.sid, seat.node, &attempt, &link, key, next];
        let claim = claim.into_iter().map(ToOwned::to_owned).chain(written(had)).collect::<Vec<_>>();
        let answer: Value = self.ask("resume", AT, &claim).await;
        if let Value::BulkString(_) = answer {
            return Err(from_redis_value(answer).expect("a word"));
        }
        let (snapshot, mailbox, info, window, has_gap): (Value, _, _, _, u64) =
            from_redis_value(answer).expect("four parts");
        Ok(Resumed { snapshot: Snapshot::read(snapshot), mailbox, info, window, has_gap: has_gap == 1 })
    }

    pub(super) async fn detach(&self, seat: &Seat) -> u64 {
        self.ask("detach", AT, &[seat.room, seat.sid, seat.node, &seat.attempt.to_string()]).await
    }

    /// How many messages were taken out.
    pub(super) async fn ack(&self, seat: &Seat, had: Had<'_>) -> u64 {
        let words = [seat.room, seat.sid].map(ToOwned::to_owned);
        let words = words.into_iter().chain(written(had)).collect::<Vec<_>>();
        let (taken, left): (u64, u64) = self.ask("ack", AT, &words).await;
        assert_eq!(left, (self.mailbox(seat).await.len() as u64).saturating_sub(1));
        taken
    }

    /// Registers a session again, as its node knows it: with the key that its client used last, and the one it was told since.
    pub(super) async fn restore(&self, seat: &Seat, keys: Option<[&str; 2]>) -> Value {
        self.restore_through(seat, keys, 1).await
    }

    pub(super) async fn restore_through(&self, seat: &Seat, keys: Option<[&str; 2]>, link: u64) -> Value {
        let (attempt, link, window) = (seat.attempt.to_string(), link.to_string(), WINDOW.to_string());
        let mut record = vec![seat.room, seat.sid, seat.node, &attempt, seat.info, &link];
        if let Some([key, next]) = keys {
            record.extend([key, next, &window]);
        }
        self.ask("restore", AT, &record).await
    }

    /// The node's sessions, each with its room and attempt, sorted.
    pub(super) async fn audit(&self, node: &str) -> Vec<[String; 3]> {
        let words: Vec<String> = self.ask("audit", AT, &[node]).await;
        let (sessions, rest) = words.as_chunks::<3>();
        assert_eq!(rest, [""; 0], "in threes");
        let mut sessions = sessions.to_vec();
        sessions.sort();
        sessions
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
        let Pulse { held, dead, .. } = self.pulse(Beat { link, ..Beat::of(node, lease) }).await;
        (held, dead)
    }

    pub(super) async fn pulse(&self, beat: Beat<'_>) -> Pulse {
        let (lease, link) = (beat.lease.to_string(), beat.link.to_string());
        let words = [beat.node, &lease, &link, beat.nonce, beat.server, beat.known, beat.name];
        let answer: Vec<Value> = self.ask("beat", AT, &words).await;
        let [held, term, gathering, sessions, expired, dead @ ..] = answer.as_slice() else {
            panic!("not a pulse: {answer:?}")
        };
        let flag = |value: &Value| match value {
            Value::Int(0) => false,
            Value::Int(1) => true,
            other => panic!("neither yes nor no: {other:?}"),
        };
        Pulse {
            held: flag(held),
            term: from_redis_value(term.clone()).expect("a term"),
            gathering: from_redis_value(gathering.clone()).expect("a time"),
            sessions: from_redis_value(sessions.clone()).expect("a number"),
            expired: flag(expired),
            dead: dead.iter().map(|node| from_redis_value(node.clone()).expect("a node")).collect(),
        }
    }

    /// How many were taken, and how many are left.
    pub(super) async fn reap(&self, node: &str, most: usize) -> (u64, u64) {
        self.ask("reap", AT, &[node, &most.to_string(), &REAPED_AFTER.to_string()]).await
    }

    /// How many were removed, and whether more may be left.
    pub(super) async fn expire(&self, most: usize) -> (u64, bool) {
        self.ask("expire", AT, &[&most.to_string()]).await
    }

    pub(super) async fn retire(&self, node: &str) -> u64 {
        self.ask("retire", AT, &[node]).await
    }

    /// Whether it was there.
    pub(super) async fn kick(&self, seat: &Seat) -> bool {
        self.ask("kick", AT, &[seat.sid]).await
    }

    /// How many were removed, and how many are left.
    pub(super) async fn close(&self, room: &str, most: usize) -> (u64, u64) {
        self.ask("close", AT, &[room, &most.to_string()]).await
    }

    /// How many members there are.
    pub(super) async fn announce(&self, room: &str, frame: &str) -> u64 {
        self.ask("announce", AT, &[room, frame]).await
    }

    /// Rooms after this one, with their members.
    pub(super) async fn rooms(&self, after: &str, most: usize) -> Vec<(String, u64)> {
        self.ask("rooms", AT, &[after, &most.to_string()]).await
    }

    /// The room's version, and of each member id, joining version, node, whether it can be resumed, and info.
    pub(super) async fn room(&self, room: &str) -> (String, Vec<[String; 5]>) {
        let mut words: Vec<String> = self.ask("room", AT, &[room]).await;
        let (version, (members, rest)) = (words.remove(0), words.as_chunks::<5>());
        assert_eq!(rest, [""; 0], "in fives");
        (version, members.to_vec())
    }

    /// Room, node, whether it can be resumed, and info; or nothing.
    pub(super) async fn socket(&self, seat: &Seat) -> Vec<String> {
        self.ask("socket", AT, &[seat.sid]).await
    }

    pub(super) async fn reply(&self, name: &str, answer: &str) -> u64 {
        self.ask("reply", AT, &[name, answer, "10000"]).await
    }

    /// Why it ended, as its node would hear it that hadn't.
    pub(super) async fn epitaph(&self, seat: &Seat) -> Value {
        self.ask("sync", AT, &[seat.room, seat.sid, seat.node, &seat.attempt.to_string()]).await
    }

    /// Tells of clients that connected to the north node.
    pub(super) async fn connected(&self, clients: &[(&Seat, &str)]) -> u64 {
        let clients = clients.iter().flat_map(|(seat, address)| [seat.sid, address]);
        let words: Vec<&str> = [NORTH].into_iter().chain(clients).collect();
        self.ask("connected", AT, &words).await
    }

    /// Asks for so many events to send, as a node that has sent up to one, with which so many are passed; or how long another sends them.
    pub(super) async fn turn(
        &self,
        node: &str,
        lease: u64,
        sent: (&str, u64),
        most: u64,
    ) -> Result<Turn, u64> {
        let words = [node, &lease.to_string(), sent.0, &sent.1.to_string(), &most.to_string()];
        let answer: Vec<Value> = self.ask("hook", AT, &words).await;
        let number = |value: &Value| from_redis_value::<u64>(value.clone()).expect("a number");
        if number(&answer[0]) == 0 {
            return Err(number(&answer[1]));
        }
        let [had, _, waiting, lost, passed, given @ ..] = answer.as_slice() else {
            panic!("not a turn: {answer:?}")
        };
        let id = |value: &Value| from_redis_value::<(String, Value)>(value.clone()).expect("an event").0;
        Ok(Turn {
            again: number(had) == 2,
            waiting: number(waiting),
            lost: number(lost),
            passed: number(passed),
            given: given.iter().map(id).collect(),
        })
    }

    /// The events told so far, oldest first: their fields but the time, in their order.
    pub(super) async fn told(&self) -> Vec<String> {
        let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
            .arg(format!("{AT}events"))
            .arg(&["-", "+"])
            .query_async(&mut self.redis())
            .await
            .expect("a stream");
        let written = entries.into_iter().map(|(id, fields)| {
            // Redis names an entry by the time of its adding, which is later than that of its script by a moment.
            let [added, time] = [&id.split('-').next().expect("a time").to_owned(), &fields[3]]
                .map(|ms| ms.parse::<u64>().expect("ms"));
            assert!((time..time + 10_000).contains(&added), "{id} {fields:?}");
            fields
                .chunks(2)
                .filter(|pair| pair[0] != "time")
                .map(|pair| pair.join("="))
                .collect::<Vec<_>>()
                .join(" ")
        });
        written.collect()
    }

    /// Lets a node's lease lapse, by Redis' own clock.
    pub(super) async fn lapse(&self, node: &str) {
        self.beat(node, 20).await;
        let expiry: u64 = self.redis().zscore(format!("{AT}nodes"), node).await.expect("a lease");
        self.until_past(expiry).await;
    }

    /// Waits for a moment of Redis' clock to pass.
    pub(super) async fn until_past(&self, moment: u64) {
        until("the time passes", async || self.now().await > moment).await;
    }

    /// When the window of a session that is away is over, in Redis' time.
    pub(super) async fn window_of(&self, seat: &Seat) -> Option<u64> {
        self.redis().zscore(format!("{AT}dt"), seat.sid).await.expect("a time, or none")
    }

    /// Lets a session's window be over.
    pub(super) async fn expire_window_of(&self, seat: &Seat) {
        assert!(self.window_of(seat).await.is_some(), "it isn't away");
        let over = self.now().await - 1;
        () = self.redis().zadd(format!("{AT}dt"), seat.sid, over).await.expect("set");
    }

    /// All that is stored is lost, and the process goes on.
    pub(super) async fn lose_everything(&self) {
        () = redis::cmd("FLUSHALL").query_async(&mut self.redis()).await.expect("done");
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

    async fn ask<T: FromRedisValue>(&self, name: &str, key: &str, arguments: &[impl ToRedisArgs]) -> T {
        run(&mut self.redis(), &script(name, self.events), name, key, arguments).await
    }
}

fn written(had: Had<'_>) -> impl Iterator<Item = String> {
    had.iter().flat_map(|(seat, n)| [seat.sid.to_owned(), n.to_string()])
}

/// Runs a script, as the gateway puts it together.
pub(super) async fn ask<T: FromRedisValue>(
    redis: &mut MultiplexedConnection,
    name: &str,
    key: &str,
    arguments: &[impl ToRedisArgs],
) -> T {
    run(redis, &script(name, 0), name, key, arguments).await
}

async fn run<T: FromRedisValue>(
    redis: &mut MultiplexedConnection,
    script: &Script,
    name: &str,
    key: &str,
    arguments: &[impl ToRedisArgs],
) -> T {
    let mut call = script.key(key);
    for argument in arguments {
        call.arg(argument);
    }
    call.invoke_async(redis).await.unwrap_or_else(|error| panic!("{name}.lua: {error}"))
}

/// What a node puts before each script, from its settings.
fn constants(events: usize) -> String {
    format!("local MAILBOX_MESSAGES, MAILBOX_BYTES, EVENTS = 1024, 524288, {events}")
}

fn script(name: &str, events: usize) -> Script {
    let read =
        |name: &str| fs::read_to_string(format!("src/exchange/redis/lua/{name}.lua")).expect("a script");
    let text = read(name);
    let (flags, body) = text.split_once('\n').expect("a line of flags");
    let shared = if ["post", "trim"].contains(&name) { String::new() } else { read("prelude") };
    Script::new(&[flags, &constants(events), &shared, body].join("\n"))
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
