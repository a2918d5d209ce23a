//! One of the two nodes of the relay benchmark, in a process of its own.
//!
//! Each pair has a partner at either node. Messages go to and fro: who gets one sends one. So as many are under way, all the
//! time, as the left node sent first. Orders come on standard input:
//!
//! | order | answer |
//! | --- | --- |
//! | | `ready`, once all partners know each other |
//! | `start` | |
//! | `mark` | `commands batches`, sent until now; from now on latencies are kept |
//! | `report` | the same, then each latency in microseconds |
//! | `stop` | `sent heard`: once all messages are home, if it is the left node |

use crate::{
    bare,
    frame::{Frames, Said, now},
    node::{Node, entry, resumable},
    process::orders,
    table::say,
};
use std::{
    array,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use switchboard::{
    exchange::{Exchange, Recipient},
    protocol::{Info, LeaveReason, RoomName, Signal, SignalKind, SocketId},
    room::{Change, Event, Member, Notice},
};
use tokio::{
    select,
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    time::{sleep, sleep_until},
};

/// What all partners of a node share.
pub(crate) struct Game {
    pub(crate) pairs: usize,
    pub(crate) frames: Frames,
    /// Messages of each pair that the left partner sends first; 0 at the right node.
    pub(crate) serves: u64,
    /// Between getting a message and sending the next.
    pub(crate) pause: Duration,
    pub(crate) is_left: bool,
    started: watch::Sender<bool>,
    stopping: AtomicBool,
    ready: AtomicU64,
    home: AtomicU64,
    changed: Notify,
    sent: AtomicU64,
    heard: AtomicU64,
    /// In nanoseconds, while they are kept.
    latencies: Mutex<Option<Vec<u64>>>,
}

/// Commands and writes since the start, as two numbers.
pub(crate) trait Batches {
    fn batches(&self) -> String;
}

/// `TRANSPORT URL left|right PAIRS SERVES PAUSE LENGTH`
pub(crate) async fn run(words: &[&str]) {
    let [transport, port, side, pairs, serves, pause, length] = words else {
        panic!("seven words: {words:?}")
    };
    let number = |word: &str| word.parse::<usize>().expect("a number");
    let is_left = *side == "left";
    let game = Arc::new(Game {
        pairs: number(pairs),
        frames: Frames::of(number(length)),
        serves: if is_left { number(serves) as u64 } else { 0 },
        pause: Duration::from_millis(number(pause) as u64),
        is_left,
        started: watch::Sender::new(false),
        stopping: AtomicBool::new(false),
        ready: AtomicU64::new(0),
        home: AtomicU64::new(0),
        changed: Notify::new(),
        sent: AtomicU64::new(0),
        heard: AtomicU64::new(0),
        latencies: Mutex::new(None),
    });
    if ["exchange", "resumable"].contains(transport) {
        let is_resumable = *transport == "resumable";
        let node = Node::start(&format!("redis://127.0.0.1:{port}")).await;
        let members: Vec<_> = (0..game.pairs).map(|pair| enter(&node, &game, pair, is_resumable)).collect();
        obey(&game, &node).await;
        for member in &members {
            node.exchange.leave(member, LeaveReason::Left);
        }
        node.exchange.stop().await;
    } else {
        let player = bare::start(transport, port, game.clone()).await;
        obey(&game, &player).await;
    }
}

/// Does what it is told, until it is told to stop.
async fn obey(game: &Game, batches: &impl Batches) {
    game.until(&game.ready, game.pairs as u64).await;
    say("ready");
    let mut orders = orders();
    while let Some(order) = orders.recv().await {
        let sent = batches.batches();
        match order.as_str() {
            "start" => drop(game.started.send_replace(true)),
            "mark" => {
                *game.latencies.lock().expect("no panic") = Some(Vec::new());
                say(&sent);
            }
            "report" => {
                let latencies = game.latencies.lock().expect("no panic").take().unwrap_or_default();
                let latencies = latencies.iter().map(|latency| format!(" {}", latency / 1000));
                say(&format!("{sent}{}", latencies.collect::<String>()));
            }
            "stop" => {
                game.stopping.store(true, Ordering::Relaxed);
                game.until(&game.home, game.serves * game.pairs as u64).await;
                let [sent, heard] = [&game.sent, &game.heard].map(|count| count.load(Ordering::Relaxed));
                return say(&format!("{sent} {heard}"));
            }
            order => panic!("an order: {order}"),
        }
    }
}

impl Game {
    async fn until(&self, counter: &AtomicU64, count: u64) {
        while counter.load(Ordering::Relaxed) < count {
            self.changed.notified().await;
        }
    }

    fn raise(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(crate) fn is_ready(&self) {
        self.raise(&self.ready);
    }

    pub(crate) async fn started(&self) {
        self.started.subscribe().wait_for(|started| *started).await.expect("a game");
    }

    /// Before the first message: somewhere in a pause, so that they spread.
    pub(crate) async fn spread(&self) {
        if self.pause > Duration::ZERO {
            sleep(self.pause.mul_f64(fastrand::f64())).await;
        }
    }

    /// Between a message and the next.
    pub(crate) async fn pause(&self) {
        if self.pause > Duration::ZERO {
            sleep(self.pause).await;
        }
    }

    /// The next frame of a partner who sent `n` before.
    pub(crate) fn next(&self, pair: usize, n: &mut u64) -> String {
        *n += 1;
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.frames.write(pair, *n)
    }

    /// Checks a frame that a partner got who had `n` before. Says whether it is to be answered.
    pub(crate) fn hear(&self, pair: usize, n: &mut u64, frame: &str) -> bool {
        let said = self.frames.read(frame);
        assert_eq!(said, Said { pair, n: *n + 1, at: said.at }, "each message once, in order");
        *n += 1;
        self.heard.fetch_add(1, Ordering::Relaxed);
        if let Some(latencies) = &mut *self.latencies.lock().expect("no panic") {
            latencies.push(now().saturating_sub(said.at));
        }
        let is_home = self.is_left && self.stopping.load(Ordering::Relaxed);
        if is_home {
            self.raise(&self.home);
        }
        !is_home
    }
}

impl Batches for Node {
    fn batches(&self) -> String {
        let of = |what| self.metric(&format!("switchboard_redis_batch_commands_{what}"));
        format!("{} {}", of("sum"), of("count"))
    }
}

/// A member of one pair's room.
struct Partner {
    pair: usize,
    member: Member,
    exchange: Arc<dyn Exchange>,
    events: UnboundedReceiver<Event>,
    game: Arc<Game>,
    sent: u64,
    heard: u64,
    /// Of one that can be resumed.
    acks: Option<Acks>,
}

/// When it says what it had: after 32 messages, or a second after one.
#[derive(Default)]
struct Acks {
    since: Option<Instant>,
    messages: u32,
}

struct Deliveries(UnboundedSender<Event>);

impl Recipient for Deliveries {
    fn deliver(&self, event: Event) {
        // Who has left hears nothing.
        let _ = self.0.send(event);
    }

    fn handled(&self, _: u64) {}
}

/// Joins a pair's room, and plays there.
fn enter(node: &Node, game: &Arc<Game>, pair: usize, is_resumable: bool) -> Member {
    let room = RoomName::parse(&format!("pair {pair}")).expect("a name");
    let member = Member::new(room, SocketId::from_random(array::from_fn(|_| fastrand::u8(..))));
    let (deliveries, events) = unbounded_channel();
    let exchange = node.exchange.clone();
    let entry = if is_resumable { resumable } else { entry };
    exchange.join(&member, entry(Info::default(), 2), Arc::new(Deliveries(deliveries)));
    let partner = Partner {
        pair,
        member: member.clone(),
        exchange,
        events,
        game: game.clone(),
        sent: 0,
        heard: 0,
        acks: is_resumable.then(Acks::default),
    };
    tokio::spawn(partner.play());
    member
}

impl Partner {
    async fn play(mut self) {
        let peer = self.meet().await;
        self.game.is_ready();
        if self.game.serves > 0 {
            self.game.started().await;
            self.game.spread().await;
        }
        for _ in 0..self.game.serves {
            self.send(peer);
        }
        while let Some(event) = self.next(peer).await {
            match event {
                Event::Signal(signal) => {
                    assert_eq!((signal.from, signal.n), (peer, self.heard + 1), "who, in order, once");
                    if let Some(acks) = &mut self.acks {
                        acks.messages += 1;
                        acks.since.get_or_insert_with(Instant::now);
                    }
                    if self.game.hear(self.pair, &mut self.heard, signal.frame.as_str()) {
                        self.game.pause().await;
                        self.send(peer);
                    }
                }
                Event::Notice(Notice { change: Change::Left(id, _), .. }) => assert_eq!(id, peer),
                other => panic!("nothing else happens: {other:?}"),
            }
        }
    }

    /// The next event; until then, it acknowledges what is due.
    async fn next(&mut self, peer: SocketId) -> Option<Event> {
        while let Some(Acks { since: Some(since), messages }) = &self.acks {
            let due = *since + Duration::from_secs(1);
            if *messages < 32 {
                select! {
                    biased;
                    event = self.events.recv() => return event,
                    () = sleep_until(due.into()) => {}
                }
            }
            self.exchange.acknowledge(&self.member, vec![(peer, self.heard)]);
            self.acks = Some(Acks::default());
        }
        self.events.recv().await
    }

    /// Waits for the answer to joining, and for the other.
    async fn meet(&mut self) -> SocketId {
        let (mut peer, mut is_in) = (None, false);
        while !is_in || peer.is_none() {
            match self.events.recv().await.expect("an event") {
                Event::Joined(snapshot) => {
                    is_in = true;
                    peer = peer.or(snapshot.peers.first().map(|peer| peer.id));
                }
                Event::Notice(Notice { change: Change::Joined(newcomer), .. }) => peer = Some(newcomer.id),
                other => panic!("nothing else happens: {other:?}"),
            }
        }
        peer.expect("met")
    }

    fn send(&mut self, to: SocketId) {
        let frame = self.game.next(self.pair, &mut self.sent).into();
        let signal =
            Signal { kind: SignalKind::Message, from: self.member.id, n: self.sent, frame, trace: None };
        self.exchange.post(&self.member, to, signal);
    }
}
