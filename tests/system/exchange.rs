//! What every exchange promises, written against the trait: a new exchange passes it unchanged.

mod directory;
mod resume;

use crate::harness::{Cluster, RedisServer, Sentinel, documented_user, until};
use std::{
    array,
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use switchboard::{
    config::Config,
    exchange::{Directory, Entry, Exchange, MailboxLimits, Recipient, memory::Memory, redis::Redis},
    metrics::Metrics,
    protocol::{
        Address, ClientEvent, ClientFrame, Dialect, Had, Info, LeaveReason, Peer, ResumeKey, RoomName,
        Signal, SocketId,
    },
    room::{Attachment, Change, Claim, Event, Lifeline, Member, Notice, Refusal, Snapshot},
    traces::Traces,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

#[tokio::test]
async fn memory_behaves() {
    let metrics = Metrics::new().expect("metrics").exchange;
    behaves(vec![Arc::new(Memory::new(MailboxLimits::default(), 0, metrics, Traces::default()))]).await;
}

#[tokio::test]
async fn a_standalone_redis_behaves() {
    let redis = RedisServer::start().await;
    behaves(three_nodes(&[redis.url()], &[]).await).await;
}

#[tokio::test]
async fn a_master_that_sentinels_know_behaves() {
    let redis = Sentinel::start().await;
    behaves(three_nodes(&[redis.url()], &[]).await).await;
}

#[tokio::test]
async fn a_redis_cluster_behaves() {
    let redis = Cluster::start().await;
    behaves(three_nodes(&[redis.url()], &[]).await).await;
}

#[tokio::test]
async fn a_user_who_may_do_no_more_than_it_must_behaves() {
    let redis = RedisServer::with_user(&documented_user()).await;
    behaves(three_nodes(&[redis.url()], &[]).await).await;
    // Nodes that are gone at once leave their members to one that comes after.
    let newcomer = three_nodes(&[redis.url()], &["--lease=1s", "--redis-timeout=300ms"]).await;
    let clean = async || redis.keys("sb:*:n:*").await.is_empty();
    until("their members are reaped", clean).await;
    drop(newcomer);
    let denied: Vec<redis::Value> =
        redis::cmd("ACL").arg("LOG").query_async(&mut redis.connection().await).await.expect("a log");
    assert_eq!(denied, []);
}

#[tokio::test]
async fn an_encrypted_redis_behaves() {
    let redis = RedisServer::with_tls().await;
    let authority = redis.ca_file();
    behaves(three_nodes(&[redis.url()], &["--redis-ca", authority.to_str().expect("a path")]).await).await;
}

#[tokio::test]
async fn independent_servers_behave() {
    let servers = [RedisServer::start().await, RedisServer::start().await, RedisServer::start().await];
    behaves(three_nodes(&servers.each_ref().map(RedisServer::url), &[]).await).await;
    for server in &servers {
        let keys: usize =
            redis::cmd("DBSIZE").query_async(&mut server.connection().await).await.expect("a number");
        assert!(keys > 5, "each has a share: {keys}");
    }
}

/// Three nodes' exchanges, which meet in Redis.
async fn three_nodes(urls: &[String], flags: &[&str]) -> Vec<Arc<Redis>> {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let mut arguments = vec!["switchboard".to_owned()];
        arguments.extend(urls.iter().map(|url| format!("--redis={url}")));
        arguments.extend(flags.iter().map(ToString::to_string));
        let arguments = arguments.into_iter().map(Into::into).collect();
        let settings = Config::read(arguments).expect("flags").server().redis.expect("URLs");
        let metrics = Metrics::new().expect("metrics").exchange;
        nodes.push(Redis::start(settings, metrics, Traces::default()).await.expect("a node"));
    }
    nodes
}

fn exchanges(nodes: Vec<Arc<impl Exchange>>) -> Vec<Arc<dyn Exchange>> {
    nodes.into_iter().map(|node| node as _).collect()
}

/// The whole suite, on an exchange of one node or of several. Each case has a room of its own.
async fn behaves(nodes: Vec<Arc<impl Exchange + Directory>>) {
    let directories: Vec<Arc<dyn Directory>> = nodes.iter().map(|node| node.clone() as _).collect();
    let nodes = exchanges(nodes);
    let nodes = nodes.as_slice();
    members_hear_of_each_other(&Room::on(nodes)).await;
    versions_rise_by_one(&Room::on(nodes)).await;
    peers_are_in_the_order_of_their_joining(&Room::on(nodes)).await;
    a_room_has_a_capacity(&Room::on(nodes)).await;
    messages_arrive_in_order_after_their_sender(&Room::on(nodes)).await;
    a_message_to_nobody_is_gone(&Room::on(nodes)).await;
    rooms_do_not_hear_each_other(&Room::on(nodes), &Room::on(nodes)).await;
    a_broadcast_reaches_all_the_others(&Room::on(nodes)).await;
    info_is_told_to_all(&Room::on(nodes)).await;
    leaving_twice_is_leaving_once(&Room::on(nodes)).await;
    a_snapshot_is_the_truth(&Room::on(nodes)).await;
    who_has_left_has_no_say(&Room::on(nodes)).await;
    who_has_left_hears_no_more(&Room::on(nodes)).await;
    joiners_at_once_do_not_miss_each_other(&Room::on(nodes)).await;
    a_burst_reaches_everybody_or_is_told_as_failed(&Room::on(nodes)).await;
    what_was_posted_is_told_as_handled(&Room::on(nodes)).await;
    resume::behaves(nodes).await;
    directory::behaves(nodes, &directories).await;
}

async fn members_hear_of_each_other(room: &Room<'_>) {
    let mut ann = room.guest();
    assert_eq!(ann.join().await.peers, []);
    let mut ben = room.guest();
    let snapshot = ben.join_showing(r#"{"name":"Ben"}"#).await;
    assert_eq!(snapshot.peers, [ann.shown("null")]);
    assert_eq!(ann.change().await, Change::Joined(ben.shown(r#"{"name":"Ben"}"#)));
    ben.leave(LeaveReason::Left);
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
}

async fn versions_rise_by_one(room: &Room<'_>) {
    let mut ann = room.guest();
    let version = ann.join().await.version;
    let mut ben = room.guest();
    let joined = ben.join().await.version;
    ben.show("1");
    ben.leave(LeaveReason::Lost);
    let changes = [
        Change::Joined(ben.shown("null")),
        Change::Info(ben.shown("1")),
        Change::Left(ben.id(), LeaveReason::Lost),
    ];
    for (version, change) in (version + 1..).zip(changes) {
        assert_eq!(ann.notice().await, Notice { version, change });
    }
    assert_eq!(joined, version + 1, "the newcomer's snapshot is of the version that it made");
}

async fn peers_are_in_the_order_of_their_joining(room: &Room<'_>) {
    let [mut ann, ben, cat, mut dan, eve] = room.guests().await;
    cat.leave(LeaveReason::Left);
    assert_eq!(dan.change().await, Change::Left(cat.id(), LeaveReason::Left));
    assert_eq!(ids(&dan.sync().await), [ann.id(), ben.id(), eve.id()]);
    ann.show("1");
    assert_eq!(ann.change().await, Change::Left(cat.id(), LeaveReason::Left));
    assert_eq!(ann.change().await, Change::Info(ann.shown("1")));
    let mut fay = room.guest();
    assert_eq!(ids(&fay.join().await), [ann.id(), ben.id(), dan.id(), eve.id()]);
}

async fn a_room_has_a_capacity(room: &Room<'_>) {
    let [mut ann, dan] = room.guests().await;
    let mut ben = room.guest();
    assert_eq!(ben.ask_to_join(2).await, Event::Refused(Refusal::Full));
    ben.leave(LeaveReason::Lost);
    dan.leave(LeaveReason::Left);
    assert_eq!(ann.change().await, Change::Left(dan.id(), LeaveReason::Left));
    let mut cat = ben.neighbour();
    assert!(matches!(cat.ask_to_join(2).await, Event::Joined(_)), "there is room again");
    assert_eq!(ann.change().await, Change::Joined(cat.shown("null")), "nothing of who wasn't let in");
    ben.has_heard_nothing();
}

async fn messages_arrive_in_order_after_their_sender(room: &Room<'_>) {
    let mut ann = room.guest();
    ann.join().await;
    let mut ben = room.guest();
    ben.join().await;
    for n in 1..=100 {
        ben.post(ann.id(), n);
    }
    ben.leave(LeaveReason::Left);
    assert_eq!(ann.change().await, Change::Joined(ben.shown("null")));
    for n in 1..=100 {
        assert_eq!(ann.next().await, Event::Signal(ben.signal(n)));
    }
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
    ann.hears_nothing().await;
}

async fn a_message_to_nobody_is_gone(room: &Room<'_>) {
    let mut ann = room.guest();
    ann.join().await;
    let stranger = room.guest().id();
    ann.post(stranger, 7);
    assert_eq!(ann.next().await, Event::Gone { to: stranger, n: 7 });
}

async fn rooms_do_not_hear_each_other(room: &Room<'_>, another: &Room<'_>) {
    let mut ann = room.guest();
    ann.join().await;
    let mut ben = another.guest();
    assert_eq!(ben.join().await.peers, []);
    ben.post(ann.id(), 1);
    assert_eq!(ben.next().await, Event::Gone { to: ann.id(), n: 1 });
    ben.broadcast(2);
    ben.hears_nothing().await;
    ann.hears_nothing().await;
}

async fn a_broadcast_reaches_all_the_others(room: &Room<'_>) {
    let [mut ann, mut ben, mut cat] = room.guests().await;
    ann.broadcast(1);
    assert_eq!(ben.next().await, Event::Signal(ann.signal(1)));
    assert_eq!(cat.next().await, Event::Signal(ann.signal(1)));
    ann.hears_nothing().await;
}

async fn info_is_told_to_all(room: &Room<'_>) {
    let [mut ann, mut ben] = room.guests().await;
    ben.show(r#"{"hand":"up"}"#);
    let shown = Change::Info(ben.shown(r#"{"hand":"up"}"#));
    assert_eq!(ann.change().await, shown);
    assert_eq!(ben.change().await, shown, "the one who shows it learns the version");
    let mut cat = room.guest();
    assert_eq!(cat.join().await.peers, [ann.shown("null"), ben.shown(r#"{"hand":"up"}"#)]);
}

async fn leaving_twice_is_leaving_once(room: &Room<'_>) {
    let [mut ann, ben] = room.guests().await;
    ben.leave(LeaveReason::Left);
    ben.leave(LeaveReason::Lost);
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
    let mut cat = ben.neighbour();
    cat.join().await;
    assert_eq!(ann.change().await, Change::Joined(cat.shown("null")));
}

async fn a_snapshot_is_the_truth(room: &Room<'_>) {
    let [mut ann, mut ben, cat] = room.guests().await;
    ben.show("1");
    assert_eq!(ann.change().await, Change::Info(ben.shown("1")));
    cat.leave(LeaveReason::Left);
    let notice = ann.notice().await;
    assert_eq!(notice.change, Change::Left(cat.id(), LeaveReason::Left));
    assert_eq!(ann.sync().await, Snapshot { version: notice.version, peers: vec![ben.shown("1")] });
    assert_eq!(ben.change().await, Change::Info(ben.shown("1")));
    assert_eq!(ben.notice().await, notice);
}

async fn who_has_left_has_no_say(room: &Room<'_>) {
    let [mut ann, mut ben] = room.guests().await;
    ben.leave(LeaveReason::Left);
    ben.post(ann.id(), 1);
    ben.broadcast(2);
    ben.show("1");
    ben.exchange.sync(&ben.member);
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
    let mut cat = ben.neighbour();
    cat.join().await;
    assert_eq!(ann.change().await, Change::Joined(cat.shown("null")));
    ben.has_heard_nothing();
}

async fn who_has_left_hears_no_more(room: &Room<'_>) {
    let [mut ann, mut ben] = room.guests().await;
    let mut cat = ben.neighbour();
    cat.join().await;
    let came = Change::Joined(cat.shown("null"));
    assert_eq!((ann.change().await, ben.change().await), (came.clone(), came));
    ben.leave(LeaveReason::Left);
    let left = Change::Left(ben.id(), LeaveReason::Left);
    assert_eq!((ann.change().await, cat.change().await), (left.clone(), left));
    ann.post(ben.id(), 1);
    assert_eq!(ann.next().await, Event::Gone { to: ben.id(), n: 1 });
    ann.broadcast(2);
    ann.show("1");
    assert_eq!(cat.next().await, Event::Signal(ann.signal(2)));
    assert_eq!(cat.change().await, Change::Info(ann.shown("1")));
    ben.has_heard_nothing();
}

/// More than a mailbox holds, all at once: each message is heard once, in order, or its sender is told that it isn't.
async fn a_burst_reaches_everybody_or_is_told_as_failed(room: &Room<'_>) {
    const SAID: u64 = 30;

    let mut guests: [Guest; 40] = room.guests().await;
    for n in 1..=SAID {
        for guest in &guests {
            guest.broadcast(n);
        }
    }
    let expected = guests.len() * (guests.len() - 1) * usize::try_from(SAID).expect("few");
    // By sender and receiver.
    let mut heard: BTreeMap<(SocketId, SocketId), Vec<u64>> = BTreeMap::new();
    let mut failed = heard.clone();
    let accounted_for = async || {
        for guest in &mut guests {
            while let Ok(event) = guest.events.try_recv() {
                match event {
                    Event::Signal(Signal { from, n, .. }) => {
                        heard.entry((from, guest.id())).or_default().push(n);
                    }
                    Event::Failed { to: Some(to), n: Some(n) } => {
                        failed.entry((guest.id(), to)).or_default().push(n);
                    }
                    other => panic!("nobody did anything else: {other:?}"),
                }
            }
        }
        heard.values().chain(failed.values()).map(Vec::len).sum::<usize>() == expected
    };
    until("every message is accounted for", accounted_for).await;
    for (pair, numbers) in &mut heard {
        assert!(numbers.is_sorted(), "{pair:?}: {numbers:?}");
        numbers.extend(failed.remove(pair).unwrap_or_default());
        numbers.sort_unstable();
        assert_eq!(*numbers, (1..=SAID).collect::<Vec<_>>(), "{pair:?}");
    }
    assert_eq!(heard.len(), guests.len() * (guests.len() - 1), "everybody heard of everybody: {failed:?}");
}

async fn what_was_posted_is_told_as_handled(room: &Room<'_>) {
    let [ann, mut ben] = room.guests().await;
    ann.post(ben.id(), 1);
    ann.is_told_as_handled(1).await;
    ann.broadcast(2);
    ann.is_told_as_handled(2).await;
    ann.post(room.guest().id(), 3);
    ann.is_told_as_handled(3).await;
    for n in 1..=2 {
        assert_eq!(ben.next().await, Event::Signal(ann.signal(n)));
    }
    // One at the end of many tells of them all.
    for n in 4..=200 {
        ann.post(ben.id(), n);
    }
    ann.is_told_as_handled(200).await;
    ben.never_posted();
}

async fn joiners_at_once_do_not_miss_each_other(room: &Room<'_>) {
    const CROWD: usize = 30;
    let joining = (0..CROWD).map(|_| {
        let mut guest = room.guest();
        tokio::spawn(async move {
            let mut known = guest.join().await.peers.len();
            while known < CROWD - 1 {
                let Change::Joined(_) = guest.change().await else { panic!("nobody left") };
                known += 1;
            }
            guest
        })
    });
    for guest in joining.collect::<Vec<_>>() {
        guest.await.expect("each heard of all the others").hears_nothing().await;
    }
}

/// A room that nobody used before. Each guest comes to the next node.
struct Room<'a> {
    nodes: &'a [Arc<dyn Exchange>],
    name: RoomName,
    guests: Cell<usize>,
}

impl<'a> Room<'a> {
    fn on(nodes: &'a [Arc<dyn Exchange>]) -> Self {
        let name = RoomName::parse(&format!("room {}", fastrand::u64(..))).expect("a name");
        Self { nodes, name, guests: Cell::new(0) }
    }

    fn guest(&self) -> Guest {
        let number = self.guests.replace(self.guests.get() + 1);
        Guest::new(self.node(number), self.name.clone())
    }

    fn node(&self, number: usize) -> &'a Arc<dyn Exchange> {
        &self.nodes[number % self.nodes.len()]
    }

    /// Guests who joined one after the other and heard of each other.
    async fn guests<const N: usize>(&self) -> [Guest; N] {
        let mut guests: Vec<Guest> = Vec::new();
        for _ in 0..N {
            let mut newcomer = self.guest();
            newcomer.join().await;
            for earlier in &mut guests {
                assert_eq!(earlier.change().await, Change::Joined(newcomer.shown("null")));
            }
            guests.push(newcomer);
        }
        guests.try_into().unwrap_or_else(|_| unreachable!("N were made"))
    }
}

/// A member, without a socket or a session.
struct Guest {
    exchange: Arc<dyn Exchange>,
    member: Member,
    /// Deliveries that overtook the answer to its joining.
    overtaking: VecDeque<Event>,
    deliveries: Arc<Deliveries>,
    events: UnboundedReceiver<Event>,
    /// What it was told when it came back: it may be told that once more.
    known: Option<Known>,
}

struct Deliveries {
    events: UnboundedSender<Event>,
    handled: AtomicU64,
}

/// The version of a room, and the last message from each of its members.
struct Known(u64, BTreeMap<SocketId, u64>);

impl Recipient for Deliveries {
    fn deliver(&self, event: Event) {
        // A guest who has gone home hears nothing.
        let _ = self.events.send(event);
    }

    fn handled(&self, n: u64) {
        let before = self.handled.swap(n, Ordering::Relaxed);
        assert!(before <= n, "{n} after {before}");
    }
}

impl Guest {
    fn new(exchange: &Arc<dyn Exchange>, room: RoomName) -> Self {
        let id = SocketId::from_random(array::from_fn(|_| fastrand::u8(..)));
        Self::speaking_for(Member::new(room, id), exchange)
    }

    fn speaking_for(member: Member, exchange: &Arc<dyn Exchange>) -> Self {
        let (sender, events) = unbounded_channel();
        let deliveries = Arc::new(Deliveries { events: sender, handled: AtomicU64::new(0) });
        let overtaking = VecDeque::new();
        Self { exchange: exchange.clone(), member, overtaking, deliveries, events, known: None }
    }

    /// Another guest, who comes to the same node. What it asks is asked after what this one did.
    fn neighbour(&self) -> Self {
        Self::new(&self.exchange, self.member.room.clone())
    }

    fn id(&self) -> SocketId {
        self.member.id
    }

    fn shown(&self, info: &str) -> Peer {
        Peer::here(self.member.id, self::info(info))
    }

    async fn join(&mut self) -> Snapshot {
        self.join_showing("null").await
    }

    async fn join_showing(&mut self, info: &str) -> Snapshot {
        self.join_with(info, None).await
    }

    async fn join_with(&mut self, info: &str, lifeline: Option<Lifeline>) -> Snapshot {
        match self.ask(info, 1000, lifeline).await {
            Event::Joined(snapshot) => snapshot,
            other => panic!("expected to be in, got {other:?}"),
        }
    }

    /// Asks to be let into a room of so many, and returns the answer.
    async fn ask_to_join(&mut self, capacity: usize) -> Event {
        self.ask("null", capacity, None).await
    }

    async fn ask(&mut self, info: &str, capacity: usize, lifeline: Option<Lifeline>) -> Event {
        let capacity = NonZeroUsize::new(capacity).expect("some");
        let entry = Entry { info: self::info(info), capacity, lifeline };
        self.exchange.join(&self.member, entry, self.deliveries.clone());
        self.answer().await
    }

    /// The answer to what it asked.
    async fn answer(&mut self) -> Event {
        loop {
            match self.delivered().await {
                answer @ (Event::Joined(_) | Event::Resumed { .. } | Event::Refused(_)) => return answer,
                overtaking => self.overtaking.push_back(overtaking),
            }
        }
    }

    fn leave(&self, reason: LeaveReason) {
        self.exchange.leave(&self.member, reason);
    }

    fn show(&self, info: &str) {
        self.exchange.set_info(&self.member, self::info(info));
    }

    fn post(&self, to: SocketId, n: u64) {
        self.exchange.post(&self.member, to, self.signal(n));
    }

    fn broadcast(&self, n: u64) {
        self.exchange.broadcast(&self.member, self.signal(n));
    }

    fn signal(&self, n: u64) -> Signal {
        let frame = ClientFrame::parse(r#"{"eventName":"message","data":{"body":1}}"#).expect("a frame");
        let Ok(ClientEvent::Relay(relay)) = frame.event(Dialect::Native) else { panic!("a message") };
        assert_eq!(relay.address, Address::Room);
        relay.sign(self.member.id, n)
    }

    /// The truth, asked for when all that came before it was heard.
    async fn sync(&mut self) -> Snapshot {
        self.exchange.sync(&self.member);
        match self.next().await {
            Event::Synced { snapshot, .. } => snapshot,
            other => panic!("expected a snapshot, got {other:?}"),
        }
    }

    async fn next(&mut self) -> Event {
        loop {
            let event = match self.overtaking.pop_front() {
                Some(event) => event,
                None => self.delivered().await,
            };
            if !self.known.as_ref().is_some_and(|known| known.covers(&event)) {
                return event;
            }
        }
    }

    async fn delivered(&mut self) -> Event {
        timeout(Duration::from_secs(10), self.events.recv()).await.expect("an event in time").expect("open")
    }

    async fn notice(&mut self) -> Notice {
        match self.next().await {
            Event::Notice(notice) => notice,
            other => panic!("expected a notice, got {other:?}"),
        }
    }

    async fn change(&mut self) -> Change {
        self.notice().await.change
    }

    /// Nothing is under way to it, and what it asked is done: a message that it posts to itself now is the next thing it
    /// hears.
    async fn hears_nothing(&mut self) {
        let n = fastrand::u64(1_000_000..=Signal::MAX_N);
        self.post(self.id(), n);
        assert_eq!(self.next().await, Event::Signal(self.signal(n)));
    }

    /// It is out, and there was nothing more for it.
    fn has_heard_nothing(&mut self) {
        assert_eq!(self.overtaking.pop_front().or(self.events.try_recv().ok()), None);
    }

    /// It is told so of its messages up to this one, and not of more.
    async fn is_told_as_handled(&self, n: u64) {
        let handled = || self.deliveries.handled.load(Ordering::Relaxed);
        until("its messages are handled", async || handled() >= n).await;
        assert_eq!(handled(), n);
    }

    fn never_posted(&self) {
        assert_eq!(self.deliveries.handled.load(Ordering::Relaxed), 0);
    }
}

impl Known {
    fn covers(&self, event: &Event) -> bool {
        match event {
            Event::Notice(notice) => notice.version <= self.0,
            Event::Signal(signal) => self.1.get(&signal.from).is_some_and(|last| signal.n <= *last),
            _ => false,
        }
    }
}

fn ids(snapshot: &Snapshot) -> Vec<SocketId> {
    snapshot.peers.iter().map(|peer| peer.id).collect()
}

fn info(json: &str) -> Info {
    Info::parse(Some(serde_json::from_str(json).expect("JSON"))).expect("short")
}
