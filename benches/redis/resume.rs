//! What a session that can be resumed takes in memory, beside one that can't: of Redis and of its node.
//!
//! As many of each, on a node and a server of their own, in rooms of four; then with messages in each mailbox that nobody
//! acknowledges. What it costs in CPU is a transport of `relay`.

use crate::{
    frame::Frames,
    node::{Node, entry, resumable},
    process::{Process, memory, orders},
    server::Server,
    table::{head, number, row, say},
};
use std::{array, sync::Arc};
use switchboard::{
    exchange::{Exchange, Recipient},
    protocol::{Info, RoomName, Signal, SignalKind, SocketId},
    room::{Event, Member},
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const MEMBERS: usize = 10_000;
const ROOM: usize = 4;
const WAITING: [u64; 3] = [0, 2, 16];
const LENGTH: usize = 300;

pub(crate) async fn run() {
    say(&format!("{MEMBERS} members in rooms of {ROOM}; messages of {LENGTH} bytes; KiB a member.\n"));
    head(1, &["a session", "messages that wait", "Redis", "node"]);
    for kind in ["plain", "resumable"] {
        let mut crowd = Process::start(&["crowd-of", kind]);
        let most = if kind == "plain" { 1 } else { WAITING.len() };
        for waiting in &WAITING[..most] {
            let told = crowd.ask(&waiting.to_string()).await;
            let (redis, node) = told.split_once(' ').expect("two numbers");
            row(&[kind.into(), waiting.to_string(), redis.into(), node.into()]);
        }
        crowd.end().await;
    }
}

/// Its members join; for each order, so many messages are to wait for each, and what a member takes is said.
pub(crate) async fn crowd(kind: &str) {
    let server = Server::start().await;
    let node = Node::start(&server.url()).await;
    let frames = Frames::of(LENGTH);
    let (resident, used) = (memory(), server.counts().await.of("used_memory"));
    let (heard, mut events) = unbounded_channel();
    let members: Vec<Member> = (0..MEMBERS).map(member).collect();
    for member in &members {
        let entry = match kind {
            "plain" => entry(Info::default(), ROOM),
            _ => resumable(Info::default(), ROOM),
        };
        node.exchange.join(member, entry, Arc::new(Ear(heard.clone())));
    }
    for _ in &members {
        assert!(matches!(events.recv().await, Some(Event::Joined(_))));
    }
    let (mut orders, mut sent) = (orders(), 0);
    while let Some(order) = orders.recv().await {
        let waiting: u64 = order.parse().expect("a number");
        for n in sent + 1..=waiting {
            for (number, member) in members.iter().enumerate() {
                let neighbour = members[number ^ 1].id;
                let signal = Signal {
                    kind: SignalKind::Message,
                    from: member.id,
                    n,
                    frame: frames.write(number, n).into(),
                    trace: None,
                };
                node.exchange.post(member, neighbour, signal);
            }
            for _ in &members {
                assert!(matches!(events.recv().await, Some(Event::Signal(_))));
            }
        }
        sent = waiting;
        let a_member = |bytes: f64| number(bytes / 1024.0 / f64::from(u32::try_from(MEMBERS).expect("few")));
        let redis = a_member(server.counts().await.of("used_memory") - used);
        say(&format!("{redis} {}", a_member(memory() - resident)));
    }
}

fn member(number: usize) -> Member {
    let room = RoomName::parse(&format!("a room of ours, {}", number / ROOM)).expect("a name");
    Member::new(room, SocketId::from_random(array::from_fn(|_| fastrand::u8(..))))
}

struct Ear(UnboundedSender<Event>);

impl Recipient for Ear {
    fn deliver(&self, event: Event) {
        // Who comes is of no interest.
        if matches!(event, Event::Joined(_) | Event::Signal(_)) {
            let _ = self.0.send(event);
        }
    }

    fn handled(&self, _: u64) {}
}
