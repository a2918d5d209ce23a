//! The storm after a lost zone, simulated: its clients lose their connections at once, and come back.
//!
//! Each client does as the SDK does (`client/sdk/link.js`, `backoff.js`): it waits for a random time up to a cap that
//! doubles with each attempt, opens a connection, and gives it up when it isn't let in after 10 s. A load balancer sends
//! each attempt to the next node.
//!
//! A node has a few cores. Whom it has accepted goes first, as its accepting task takes turns with all others: so what
//! waits does so in the backlog. While that is full, a connection is refused a place in it, and the client's system knocks
//! again after 1, 2 and 4 s. Whoever is through asks Redis: its room's shard serves one at a time. Work for clients that
//! have given up is done all the same: that is how a storm can feed itself.
//!
//! Time runs in whole nanoseconds, and chance comes from a seed: the same storm is the same each time.

use crate::report::figures::as_f64;
use serde::Serialize;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// Between one knock of a system at a full backlog and the next, seconds: TCP's retransmission of a SYN.
const KNOCKS_S: [u64; 3] = [1, 2, 4];

const SECOND: u64 = 1_000_000_000;

/// What is simulated.
#[derive(Clone, Debug)]
pub(super) struct Storm {
    pub(super) clients: u32,
    /// How many clients, and nodes, each stands for.
    pub(super) stands_for: f64,
    pub(super) others_in_room: f64,
    pub(super) nodes: u32,
    /// Of each node.
    pub(super) cores: u32,
    /// Handshakes that wait at a node.
    pub(super) backlog: usize,
    /// CPU of a node.
    pub(super) handshake_s: f64,
    pub(super) entry_s: f64,
    pub(super) notice_s: f64,
    pub(super) shards: Vec<Shard>,
    pub(super) partitions: u32,
    pub(super) round_trip_s: f64,
    /// Clients notice in between, evenly.
    pub(super) noticed_s: (f64, f64),
    pub(super) backoff: Backoff,
    /// From opening a connection to being let in; else it is given up.
    pub(super) patience_s: f64,
    /// When other nodes take the sessions of the lost ones that aren't back.
    pub(super) reaped_at_s: f64,
    /// Until when a session can be resumed.
    pub(super) window_s: f64,
    pub(super) seed: u64,
    /// When to stop looking.
    pub(super) horizon_s: f64,
}

/// A shard of Redis, and what a client costs it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "all are seconds")]
pub(super) struct Shard {
    /// Until when it serves nobody: it fails over, and registers sessions again.
    pub(super) away_until_s: f64,
    pub(super) entry_s: f64,
    /// To set a session aside, its notices aside.
    pub(super) reap_s: f64,
    /// To tell one member of one change.
    pub(super) notice_s: f64,
}

/// As `client/sdk/backoff.js` has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) min_s: f64,
    pub(super) max_s: f64,
}

impl Backoff {
    pub(super) const SDK: Self = Self { min_s: 0.3, max_s: 10.0 };

    fn after(self, attempt: u32, chance: f64) -> f64 {
        let doublings = i32::try_from(attempt - 1).expect("few attempts").min(60);
        chance * self.max_s.min(self.min_s * 2f64.powi(doublings))
    }
}

/// How it went. Counts are of the whole cluster, where the simulated stand for more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Recovery {
    pub(super) clients: f64,
    /// One of so many was simulated.
    pub(super) one_of: f64,
    /// Seconds since the zone was lost; none where so many didn't come back.
    pub(super) p50_s: Option<f64>,
    pub(super) p99_s: Option<f64>,
    pub(super) max_s: Option<f64>,
    pub(super) peak_connections_per_s: f64,
    /// Handshakes that waited at one node.
    pub(super) peak_queue: usize,
    /// Knocks at a full backlog.
    pub(super) refused: f64,
    /// Connections that were given up.
    pub(super) timeouts: f64,
    /// Came back after the resume window, and had to join anew.
    pub(super) late: f64,
    /// Not back when the simulation ended.
    pub(super) missing: f64,
}

impl Recovery {
    pub(super) fn is_within(&self, seconds: f64) -> bool {
        self.max_s.is_some_and(|max| max <= seconds)
    }
}

/// What happens at some time. An attempt that is no longer the client's is nobody's any more.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    Open { client: u32 },
    Knock { client: u32, attempt: u32, node: u32, knock: usize },
    Ask { client: u32, attempt: u32, node: u32 },
    Done { node: u32, job: Job },
    AtRedis { client: u32, attempt: u32 },
    Answered { client: u32, attempt: u32 },
    GiveUp { client: u32, attempt: u32 },
    Reap,
}

#[derive(Clone, Copy, Default)]
struct Client {
    attempt: u32,
    back_at: Option<u64>,
}

/// A piece of a node's work.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Job {
    Handshake {
        client: u32,
        attempt: u32,
    },
    Entry {
        client: u32,
        attempt: u32,
    },
    /// Tells the members of a room of one that is away, and later back.
    Notices,
}

struct Node {
    idle_cores: u32,
    /// Of those who are accepted.
    jobs: VecDeque<Job>,
    backlog: VecDeque<Job>,
}

struct Simulation<'a> {
    storm: &'a Storm,
    chance: fastrand::Rng,
    clients: Vec<Client>,
    nodes: Vec<Node>,
    next_node: u32,
    /// By when each shard is free.
    shards: Vec<u64>,
    /// What is to come; the second number keeps the order of what comes at the same time.
    agenda: BinaryHeap<Reverse<(u64, u64, Event)>>,
    planned: u64,
    reaped: bool,
    missing: u32,
    connections: Vec<u32>,
    peak_queue: usize,
    refused: u64,
    timeouts: u64,
}

/// Simulates it to its end, or to its horizon.
pub(super) fn simulate(storm: &Storm) -> Recovery {
    let mut simulation = Simulation::new(storm);
    let horizon = nanoseconds(storm.horizon_s);
    while simulation.missing > 0 {
        let Some(Reverse((now, _, event))) = simulation.agenda.pop() else { break };
        if now > horizon {
            break;
        }
        simulation.happen(now, event);
    }
    simulation.recovery()
}

impl<'a> Simulation<'a> {
    fn new(storm: &'a Storm) -> Self {
        let node = || Node { idle_cores: storm.cores, jobs: VecDeque::new(), backlog: VecDeque::new() };
        let mut simulation = Self {
            storm,
            chance: fastrand::Rng::with_seed(storm.seed),
            clients: vec![Client::default(); storm.clients as usize],
            nodes: (0..storm.nodes).map(|_| node()).collect(),
            next_node: 0,
            shards: storm.shards.iter().map(|shard| nanoseconds(shard.away_until_s)).collect(),
            agenda: BinaryHeap::new(),
            planned: 0,
            reaped: false,
            missing: storm.clients,
            connections: Vec::new(),
            peak_queue: 0,
            refused: 0,
            timeouts: 0,
        };
        let (first, last) = storm.noticed_s;
        for client in 0..storm.clients {
            let noticed = first + (last - first) * simulation.chance.f64();
            simulation.retry(nanoseconds(noticed), client);
        }
        simulation.plan(nanoseconds(storm.reaped_at_s), Event::Reap);
        simulation
    }

    fn plan(&mut self, at: u64, event: Event) {
        self.planned += 1;
        self.agenda.push(Reverse((at, self.planned, event)));
    }

    fn retry(&mut self, now: u64, client: u32) {
        let attempt = &mut self.clients[client as usize].attempt;
        *attempt += 1;
        let wait = self.storm.backoff.after(*attempt, self.chance.f64());
        self.plan(now + nanoseconds(wait), Event::Open { client });
    }

    fn is_current(&self, client: u32, attempt: u32) -> bool {
        let client = &self.clients[client as usize];
        client.attempt == attempt && client.back_at.is_none()
    }

    fn happen(&mut self, now: u64, event: Event) {
        let round_trip = nanoseconds(self.storm.round_trip_s);
        match event {
            Event::Open { client } => {
                let attempt = self.clients[client as usize].attempt;
                let node = self.next_node;
                self.next_node = (node + 1) % self.storm.nodes;
                self.plan(now + round_trip / 2, Event::Knock { client, attempt, node, knock: 0 });
                self.plan(now + nanoseconds(self.storm.patience_s), Event::GiveUp { client, attempt });
            }
            Event::Knock { client, attempt, node, knock } if self.is_current(client, attempt) => {
                self.knock(now, client, attempt, node, knock);
            }
            Event::Ask { client, attempt, node } if self.is_current(client, attempt) => {
                self.nodes[node as usize].jobs.push_back(Job::Entry { client, attempt });
                self.work(now, node);
            }
            Event::Done { node, job } => self.done(now, node, job),
            Event::AtRedis { client, attempt } => {
                let done = self.enter(now, client);
                self.plan(done + round_trip / 2, Event::Answered { client, attempt });
            }
            Event::Answered { client, attempt } if self.is_current(client, attempt) => {
                self.clients[client as usize].back_at = Some(now);
                self.missing -= 1;
            }
            Event::GiveUp { client, attempt } if self.is_current(client, attempt) => {
                self.timeouts += 1;
                self.retry(now, client);
            }
            Event::Reap => self.reap(now),
            _ => {}
        }
    }

    fn knock(&mut self, now: u64, client: u32, attempt: u32, number: u32, knock: usize) {
        let storm = self.storm;
        let second = usize::try_from(now / SECOND).expect("seconds are few");
        if second >= self.connections.len() {
            self.connections.resize(second + 1, 0);
        }
        self.connections[second] += 1;
        let node = &mut self.nodes[number as usize];
        if node.backlog.len() >= storm.backlog {
            self.refused += 1;
            if let Some(wait) = KNOCKS_S.get(knock) {
                let again = Event::Knock { client, attempt, node: number, knock: knock + 1 };
                self.plan(now + wait * SECOND, again);
            }
            return;
        }
        node.backlog.push_back(Job::Handshake { client, attempt });
        self.work(now, number);
        self.peak_queue = self.peak_queue.max(self.nodes[number as usize].backlog.len());
    }

    /// Gives idle cores what waits.
    fn work(&mut self, now: u64, number: u32) {
        while self.nodes[number as usize].idle_cores > 0 {
            let node = &mut self.nodes[number as usize];
            let Some(job) = node.jobs.pop_front().or_else(|| node.backlog.pop_front()) else { return };
            node.idle_cores -= 1;
            let cost = match job {
                Job::Handshake { .. } => self.storm.handshake_s,
                Job::Entry { .. } => self.storm.entry_s,
                Job::Notices => 2.0 * self.storm.others_in_room * self.storm.notice_s,
            };
            self.plan(now + nanoseconds(cost), Event::Done { node: number, job });
        }
    }

    fn done(&mut self, now: u64, node: u32, job: Job) {
        self.nodes[node as usize].idle_cores += 1;
        match job {
            // The answer goes to the client, and its request to be let in comes.
            Job::Handshake { client, attempt } => {
                let way = 2 * nanoseconds(self.storm.round_trip_s);
                self.plan(now + way, Event::Ask { client, attempt, node });
            }
            Job::Entry { client, attempt } => self.plan(now, Event::AtRedis { client, attempt }),
            Job::Notices => {}
        }
        self.work(now, node);
    }

    /// The shard lets a client in, after all others before it.
    fn enter(&mut self, now: u64, client: u32) -> u64 {
        let number = (client % self.storm.partitions) as usize % self.shards.len();
        let shard = &self.storm.shards[number];
        // Who had been set aside comes back, which all in the room are told.
        let told = if self.reaped { self.storm.others_in_room * shard.notice_s } else { 0.0 };
        let free_at = &mut self.shards[number];
        *free_at = now.max(*free_at) + nanoseconds(shard.entry_s + told);
        *free_at
    }

    /// Whoever isn't back is set aside, and all in its room are told: by Redis, and by their nodes.
    fn reap(&mut self, now: u64) {
        self.reaped = true;
        let storm = self.storm;
        let away = (0..storm.clients).filter(|client| self.clients[*client as usize].back_at.is_none());
        for client in away.collect::<Vec<_>>() {
            let number = (client % storm.partitions) as usize % self.shards.len();
            let shard = &storm.shards[number];
            let cost = shard.reap_s + storm.others_in_room * shard.notice_s;
            self.shards[number] = now.max(self.shards[number]) + nanoseconds(cost);
            let node = client % storm.nodes;
            self.nodes[node as usize].jobs.push_back(Job::Notices);
            self.work(now, node);
        }
    }

    fn recovery(self) -> Recovery {
        let storm = self.storm;
        let mut back: Vec<u64> = self.clients.iter().filter_map(|client| client.back_at).collect();
        back.sort_unstable();
        let within = |share: f64| {
            let place = (f64::from(storm.clients) * share).ceil().max(1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place among u32 clients"
            )]
            back.get(place as usize - 1).map(|at| seconds(*at))
        };
        let whole = |count: f64| (count * storm.stands_for).round();
        let late = back.iter().filter(|at| seconds(**at) > storm.window_s).count();
        let peak = self.connections.iter().max().copied().unwrap_or_default();
        Recovery {
            clients: whole(f64::from(storm.clients)),
            one_of: storm.stands_for,
            p50_s: within(0.5),
            p99_s: within(0.99),
            max_s: within(1.0),
            peak_connections_per_s: whole(f64::from(peak)),
            peak_queue: self.peak_queue,
            refused: whole(as_f64(self.refused)),
            timeouts: whole(as_f64(self.timeouts)),
            late: whole(as_f64(late as u64)),
            missing: whole(f64::from(self.missing)),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hours at most, and never negative"
)]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

fn seconds(nanoseconds: u64) -> f64 {
    as_f64(nanoseconds) / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Shard = Shard { away_until_s: 0.0, entry_s: 0.0, reap_s: 0.0, notice_s: 0.0 };

    /// So many clients, all at once, at one node with one core, 10 ms each; everything else costs nothing.
    fn bare(clients: u32) -> Storm {
        Storm {
            clients,
            stands_for: 1.0,
            others_in_room: 3.0,
            nodes: 1,
            cores: 1,
            backlog: usize::MAX,
            handshake_s: 0.01,
            entry_s: 0.0,
            notice_s: 0.0,
            shards: vec![IDLE],
            partitions: 1,
            round_trip_s: 0.0,
            noticed_s: (0.0, 0.0),
            backoff: Backoff { min_s: 0.0, max_s: 0.0 },
            patience_s: 10.0,
            reaped_at_s: 7.0,
            window_s: 30.0,
            seed: 1,
            horizon_s: 300.0,
        }
    }

    fn close(figure: Option<f64>, wanted: f64) {
        assert!(figure.is_some_and(|figure| (figure - wanted).abs() < 1e-6), "{figure:?} is not {wanted}");
    }

    #[test]
    fn one_node_takes_each_after_the_other() {
        let recovery = simulate(&bare(500));
        // By twos: the first of two is let in when the second's handshake is over, which began as its own ended.
        close(recovery.p50_s, 2.5);
        close(recovery.p99_s, 4.96);
        close(recovery.max_s, 5.0);
        assert_eq!((recovery.peak_queue, recovery.timeouts, recovery.missing), (499, 0.0, 0.0));
        close(Some(recovery.peak_connections_per_s), 500.0);
    }

    #[test]
    fn two_cores_or_two_nodes_take_half_of_the_time() {
        close(simulate(&Storm { cores: 2, ..bare(500) }).max_s, 2.5);
        close(simulate(&Storm { nodes: 2, ..bare(500) }).max_s, 2.5);
    }

    #[test]
    fn being_let_in_comes_after_the_handshakes_that_came_before() {
        close(simulate(&Storm { entry_s: 0.005, ..bare(400) }).max_s, 400.0 * 0.015);
    }

    #[test]
    fn the_way_takes_its_time() {
        // To the node (a half), the rest of TCP's and of HTTP's handshake, and the request to be let in (two), and back.
        close(simulate(&Storm { round_trip_s: 0.1, ..bare(1) }).max_s, 0.01 + 0.3);
    }

    #[test]
    fn a_shard_serves_one_at_a_time() {
        // The first asks Redis after two handshakes, its own and the next; from there on Redis, the slower one, never rests.
        let shards = vec![Shard { entry_s: 0.02, ..IDLE }];
        close(simulate(&Storm { shards: shards.clone(), ..bare(300) }).max_s, 0.02 + 300.0 * 0.02);
        let two = Storm { shards: [shards.clone(), shards].concat(), partitions: 2, nodes: 2, ..bare(300) };
        close(simulate(&two).max_s, 0.02 + 150.0 * 0.02);
    }

    #[test]
    fn a_shard_that_fails_over_lets_nobody_in_before() {
        let shards = vec![Shard { away_until_s: 5.0, entry_s: 0.01, ..IDLE }];
        close(simulate(&Storm { shards, ..bare(100) }).max_s, 6.0);
    }

    #[test]
    fn who_comes_back_after_the_lease_is_told_of() {
        // 300 are back by 3 s; the other 300 are set aside then, each told to three, and each of their returns again.
        let shards = vec![Shard { reap_s: 0.001, notice_s: 0.001, ..IDLE }];
        let storm = Storm { shards, reaped_at_s: 3.005, ..bare(600) };
        let recovery = simulate(&storm);
        // Redis: 300 times 4 ms from 3 s on, which is over at 4.2; then it keeps up with handshakes.
        close(recovery.p50_s, 3.0);
        close(recovery.max_s, 6.0 + 0.003);
    }

    #[test]
    fn a_full_backlog_makes_systems_knock_again() {
        // One is served and 100 wait; 99 come back after 1 s, when there is place again for all of them.
        let recovery = simulate(&Storm { backlog: 100, ..bare(200) });
        close(recovery.p50_s, 1.0);
        close(recovery.max_s, 2.0);
        assert_eq!((recovery.peak_queue, recovery.refused), (100, 99.0));
    }

    #[test]
    fn a_long_queue_feeds_itself_and_a_bounded_one_does_not() {
        // At 0.1 s each, 1,000 wait for 100 s, but each has patience for 10 s, and what was given up is done all the same.
        let storm = Storm { handshake_s: 0.1, ..bare(1000) };
        let endless = simulate(&storm);
        assert_eq!(endless.max_s, None);
        assert!(endless.missing > 700.0, "{endless:?}");
        let bounded = simulate(&Storm { backlog: 50, backoff: Backoff::SDK, ..storm });
        close(Some(bounded.missing), 0.0);
        assert!(bounded.max_s.unwrap() < 200.0, "{bounded:?}");
        assert!(bounded.late > 0.0);
    }

    #[test]
    fn backoff_is_the_sdks() {
        let cap = |attempt| Backoff::SDK.after(attempt, 1.0);
        for (attempt, most) in (1..).zip([0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 10.0]) {
            close(Some(cap(attempt)), most);
        }
        close(Some(Backoff::SDK.after(2, 0.5)), 0.3);
        let law = include_str!("../../../client/sdk/backoff.js");
        assert!(law.contains("{ minMs = 300, maxMs = 10_000 }"));
        assert!(law.contains("Math.random() * Math.min(maxMs, minMs * 2 ** (attempt - 1))"));
        let link = include_str!("../../../client/sdk/link.js");
        assert!(link.contains("ENTRY_TIMEOUT_MS = 10_000"));
    }

    #[test]
    fn silence_is_noticed_in_its_time() {
        let recovery = simulate(&Storm { noticed_s: (10.0, 30.0), ..bare(100) });
        assert!((15.0..25.0).contains(&recovery.p50_s.unwrap()), "{recovery:?}");
        assert!((28.0..30.5).contains(&recovery.max_s.unwrap()), "{recovery:?}");
    }

    #[test]
    fn the_same_seed_is_the_same_storm() {
        let storm = Storm { backoff: Backoff::SDK, ..bare(300) };
        assert_eq!(simulate(&storm), simulate(&storm));
        assert_ne!(simulate(&storm), simulate(&Storm { seed: 2, ..storm.clone() }));
    }

    #[test]
    fn counts_are_of_all_that_the_simulated_stand_for() {
        let recovery = simulate(&Storm { stands_for: 3.0, ..bare(100) });
        assert_eq!((recovery.clients, recovery.peak_connections_per_s), (300.0, 300.0));
        close(recovery.max_s, 1.0);
    }
}
