//! How long a join takes, into rooms of several sizes, when nothing else happens. All the others are at another node.

use crate::{
    node::{Node, entry},
    process::{Process, orders},
    server::Server,
    table::{head, number, percentile, row, say},
};
use std::{
    array,
    sync::Arc,
    time::{Duration, Instant},
};
use switchboard::{
    exchange::{Exchange, Recipient},
    protocol::{Info, LeaveReason, RoomName, SocketId},
    room::{Event, Member},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{MissedTickBehavior, interval},
};

/// Members, with the one who joins, and the goal for the 99th percentile in microseconds.
const ROOMS: [(usize, f64); 3] = [(2, 1000.0), (16, 1500.0), (64, 3000.0)];
const JOINS: usize = 1000;

/// One joins so often: the one before has long left.
const PACE: Duration = Duration::from_millis(5);

struct Deliveries(UnboundedSender<(Instant, Event)>);

impl Recipient for Deliveries {
    fn deliver(&self, event: Event) {
        // Who has left hears nothing.
        let _ = self.0.send((Instant::now(), event));
    }

    fn handled(&self, _: u64) {}
}

pub(crate) async fn run() {
    let server = Server::start().await;
    let mut crowds = Vec::new();
    for (size, _) in ROOMS {
        let mut crowd = Process::start(&["crowd", &server.url(), &size.to_string()]);
        assert_eq!(crowd.hear().await, "ready");
        crowds.push(crowd);
    }
    let node = Node::start(&server.url()).await;
    let mut took = ROOMS.map(|_| Vec::new());
    let mut pings = Vec::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..JOINS {
        for ((size, _), took) in ROOMS.iter().zip(&mut took) {
            pace.tick().await;
            took.push(join(&node, *size).await);
        }
        pace.tick().await;
        let asked = Instant::now();
        let _: String = server.ask(&["PING"]).await;
        pings.push(asked.elapsed().as_secs_f64() * 1e6);
    }
    head(1, &["", "p50 µs", "p99 µs", "goal, p99"]);
    for ((size, goal), mut took) in ROOMS.into_iter().zip(took) {
        let [p50, p99] = [50, 99].map(|percent| number(percentile(&mut took, percent)));
        row(&[format!("join a room of {size}"), p50, p99, format!("≤ {goal}")]);
    }
    let [p50, p99] = [50, 99].map(|percent| number(percentile(&mut pings, percent)));
    row(&["PING, in the same run".into(), p50, p99, String::new()]);
    say(&format!("\n{JOINS} of each, in turn."));
    for crowd in crowds {
        crowd.end().await;
    }
}

/// Joins and leaves; the microseconds until the answer was there.
async fn join(node: &Node, size: usize) -> f64 {
    let (member, mut events) = (member(size), unbounded_channel());
    let asked = Instant::now();
    enter(node, &member, size, events.0);
    let (answered, peers) = answer(&mut events.1).await;
    assert_eq!(peers, size - 1, "all are there, and nobody else");
    node.exchange.leave(&member, LeaveReason::Left);
    (answered - asked).as_secs_f64() * 1e6
}

/// The others of a room, until standard input ends.
pub(crate) async fn crowd(url: &str, size: &str) {
    let node = Node::start(url).await;
    let size = size.parse().expect("a number");
    let mut crowd = Vec::new();
    for others in 0..size - 1 {
        let (deliveries, mut events) = unbounded_channel();
        enter(&node, &member(size), size, deliveries);
        assert_eq!(answer(&mut events).await.1, others);
        crowd.push(tokio::spawn(async move { while events.recv().await.is_some() {} }));
    }
    say("ready");
    let mut orders = orders();
    while orders.recv().await.is_some() {}
}

fn member(size: usize) -> Member {
    let room = RoomName::parse(&format!("a room of {size}")).expect("a name");
    Member::new(room, SocketId::from_random(array::from_fn(|_| fastrand::u8(..))))
}

fn enter(node: &Node, member: &Member, size: usize, deliveries: UnboundedSender<(Instant, Event)>) {
    node.exchange.join(member, entry(Info::default(), size), Arc::new(Deliveries(deliveries)));
}

/// When the answer came, and how many others it told of.
async fn answer(events: &mut UnboundedReceiver<(Instant, Event)>) -> (Instant, usize) {
    match events.recv().await.expect("an answer") {
        (at, Event::Joined(snapshot)) => (at, snapshot.peers.len()),
        (_, other) => panic!("nothing else happens: {other:?}"),
    }
}
