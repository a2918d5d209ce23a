//! A node with many members, whose connections to Redis are all cut: how long until its members hear again, and until each
//! knows what it missed.
//!
//! The members are the benchmark's own recipients, without sockets or sessions: each asks `sync` when it hears `Lapse`, as
//! a session does, and checks the answer.

use crate::{
    node::{Node, entry},
    process::{cpu, memory},
    server::Server,
    table::{head, number, row, say, spread},
};
use serde_json::value::RawValue;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};
use switchboard::{
    exchange::{Exchange, Recipient},
    protocol::{Info, RoomName, SocketId},
    room::{Event, Member},
};
use tokio::sync::{
    Notify,
    mpsc::{UnboundedSender, unbounded_channel},
};

const MEMBERS: u32 = 50_000;
const ROOM: u32 = 4;
const RUNS: u32 = 5;

/// What all members share.
struct Everyone {
    members: Vec<Member>,
    joined: AtomicU32,
    lapsed: AtomicU32,
    synced: AtomicU32,
    /// Who is to ask what it missed.
    missing: UnboundedSender<u32>,
    changed: Notify,
}

/// One of them, by its number.
struct One {
    number: u32,
    everyone: Arc<Everyone>,
}

/// What one cut cost.
struct Cut {
    subscribed: f64,
    repaired: f64,
    redis: [f64; 2],
    node: [f64; 2],
}

pub(crate) async fn run() {
    let server = Server::start().await;
    let node = Arc::new(Node::start(&server.url()).await);
    let (missing, mut asked) = unbounded_channel();
    let everyone = Arc::new(Everyone {
        members: (0..MEMBERS).map(member).collect(),
        joined: AtomicU32::new(0),
        lapsed: AtomicU32::new(0),
        synced: AtomicU32::new(0),
        missing,
        changed: Notify::new(),
    });
    let (syncing, all) = (node.clone(), everyone.clone());
    tokio::spawn(async move {
        while let Some(number) = asked.recv().await {
            syncing.exchange.sync(&all.members[number as usize]);
        }
    });

    let (resident, used) = (memory(), server.counts().await.of("used_memory"));
    let joining = Instant::now();
    everyone.join(&node).await;
    say(&format!(
        "{MEMBERS} members, in rooms of {ROOM}, joined in {} s.\n",
        number(joining.elapsed().as_secs_f64())
    ));
    let a_member = |bytes: f64| number(bytes / f64::from(MEMBERS) / 1024.0);
    say(&format!(
        "Memory a member: {} KiB of the node, {} KiB of Redis.\n",
        a_member(memory() - resident),
        a_member(server.counts().await.of("used_memory") - used)
    ));

    let mut cuts = Vec::new();
    for run in 1..=RUNS {
        cuts.push(everyone.cut(&server, run).await);
        assert_eq!(node.metric("switchboard_redis_resubscriptions_total"), (run * MEMBERS).to_string());
    }
    let of = |figure: fn(&Cut) -> f64| spread(&cuts.iter().map(figure).collect::<Vec<_>>());
    head(1, &["after the cut", "seconds", "Redis, CPU s", "node, CPU s"]);
    row(&[
        "subscribed again".into(),
        of(|cut| cut.subscribed),
        of(|cut| cut.redis[0]),
        of(|cut| cut.node[0]),
    ]);
    row(&["views repaired".into(), of(|cut| cut.repaired), of(|cut| cut.redis[1]), of(|cut| cut.node[1])]);
    say(&format!("\nMedians of {RUNS} cuts, and their range."));
    say(&format!("Memory a member after them: {} KiB of the node.", a_member(memory() - resident)));
}

impl Everyone {
    async fn join(self: &Arc<Self>, node: &Node) {
        let shown = RawValue::from_string(r#"{"name":"Ann"}"#.into()).expect("JSON");
        let info = Info::parse(Some(&shown)).expect("short");
        for (number, member) in (0..).zip(&self.members) {
            let one = Arc::new(One { number, everyone: self.clone() });
            node.exchange.join(member, entry(info.clone(), ROOM as usize), one);
        }
        self.until(&self.joined, MEMBERS).await;
    }

    async fn cut(&self, server: &Server, run: u32) -> Cut {
        let cpus = async || (server.counts().await.cpu(), cpu("self"));
        let (before, since) = (cpus().await, Instant::now());
        assert_eq!(server.cut().await, [1, 1], "the node's connections");
        self.until(&self.lapsed, run * MEMBERS).await;
        let (subscribed, between) = (since.elapsed(), cpus().await);
        self.until(&self.synced, run * MEMBERS).await;
        let (repaired, after) = (since.elapsed(), cpus().await);
        for count in [&self.lapsed, &self.synced] {
            assert_eq!(count.load(Ordering::Relaxed), run * MEMBERS, "each once");
        }
        Cut {
            subscribed: subscribed.as_secs_f64(),
            repaired: repaired.as_secs_f64(),
            redis: [between.0 - before.0, after.0 - before.0],
            node: [between.1 - before.1, after.1 - before.1],
        }
    }

    async fn until(&self, counter: &AtomicU32, count: u32) {
        while counter.load(Ordering::Relaxed) < count {
            self.changed.notified().await;
        }
    }

    fn raise(&self, counter: &AtomicU32) {
        if (counter.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(MEMBERS) {
            self.changed.notify_one();
        }
    }

    /// Whether these are all the others in a member's room.
    fn are_peers_of(&self, number: u32, peers: &[SocketId]) -> bool {
        let first = number / ROOM * ROOM;
        let others = (first..first + ROOM).filter(|other| *other != number);
        peers.len() == others.clone().count()
            && others.clone().all(|other| peers.contains(&self.members[other as usize].id))
    }
}

impl Recipient for One {
    fn deliver(&self, event: Event) {
        let everyone = &*self.everyone;
        match event {
            Event::Joined(_) => everyone.raise(&everyone.joined),
            Event::Notice(_) => {}
            Event::Lapse => {
                everyone.raise(&everyone.lapsed);
                // Told to who asks in its place: a recipient may not call the exchange.
                let _ = everyone.missing.send(self.number);
            }
            Event::Synced { snapshot, mailbox } => {
                let peers: Vec<_> = snapshot.peers.iter().map(|peer| peer.id).collect();
                assert!(everyone.are_peers_of(self.number, &peers), "{} is told of {peers:?}", self.number);
                assert_eq!(mailbox, [], "nobody sent anything");
                everyone.raise(&everyone.synced);
            }
            other => panic!("nothing else happens: {other:?}"),
        }
    }

    fn handled(&self, _: u64) {}
}

fn member(number: u32) -> Member {
    let room = RoomName::parse(&format!("a room of ours, {}", number / ROOM)).expect("a name");
    Member::new(room, SocketId::from_random(std::array::from_fn(|_| fastrand::u8(..))))
}
