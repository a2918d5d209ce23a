//! What can fail, how it is made to, and how it ends.

use super::deployment::{Deployment, Store};
use crate::harness::{Process, Way, until};
use fastrand::Rng;
use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};
use tokio::{task::JoinHandle, time::sleep};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    KillNode,
    DrainNode,
    PauseNode,
    EmptyRedis,
    /// While a node can't hear it, and many clients are away.
    EmptyRedisInTrouble,
    /// It comes back with what it held some seconds ago, as a Redis does that saves snapshots.
    AgeRedis,
    FailOver,
    CutLinks,
    ResetLinks,
    HoldLinks,
    /// In one direction or both, later connections as well.
    BlackHole,
    ResetClients,
    HoldClients,
}

impl Fault {
    pub(super) const STANDALONE: &[Self] = &[
        Self::KillNode,
        Self::DrainNode,
        Self::PauseNode,
        Self::EmptyRedis,
        Self::EmptyRedisInTrouble,
        Self::AgeRedis,
        Self::CutLinks,
        Self::ResetLinks,
        Self::HoldLinks,
        Self::BlackHole,
        Self::ResetClients,
        Self::HoldClients,
    ];

    pub(super) const SENTINEL: &[Self] = &[
        Self::FailOver,
        Self::KillNode,
        Self::DrainNode,
        Self::EmptyRedis,
        Self::EmptyRedisInTrouble,
        Self::CutLinks,
        Self::BlackHole,
        Self::ResetClients,
    ];

    /// The shared state may lose what it has.
    pub(super) fn wipes(self) -> bool {
        matches!(self, Self::EmptyRedis | Self::EmptyRedisInTrouble | Self::AgeRedis | Self::FailOver)
    }
}

/// A fault that has begun.
pub(super) struct Struck {
    fault: Fault,
    node: usize,
    /// How long what isn't over by itself lasts.
    lasts: Duration,
    ways: &'static [Way],
    draining: Option<JoinHandle<Option<i32>>>,
    master: Option<std::net::SocketAddr>,
}

impl Fault {
    /// What has to be done some time before.
    pub(super) async fn prepare(self, deployment: &mut Deployment, rng: &mut Rng) {
        if self == Self::AgeRedis {
            deployment.store.save().await;
            reset_clients(deployment, rng).await;
            sleep(AGE).await;
        }
    }

    /// Begins at once.
    pub(super) async fn strike(
        self,
        deployment: &mut Deployment,
        rng: &mut Rng,
        longest: Duration,
    ) -> Struck {
        let node = rng.usize(..deployment.nodes.len());
        let lasts = longest.mul_f64(0.2 + 0.8 * rng.f64());
        let ways: &[Way] = match rng.u8(..3) {
            0 => &[Way::There],
            1 => &[Way::Back],
            _ => &Way::BOTH,
        };
        let mut struck = Struck { fault: self, node, lasts, ways, draining: None, master: None };
        let place = &mut deployment.nodes[node];
        match self {
            Self::KillNode => place.take().kill().await,
            Self::DrainNode => struck.draining = Some(tokio::spawn(exit_status(place.take()))),
            Self::PauseNode => place.process().pause().await,
            Self::EmptyRedis => deployment.store.empty().await,
            Self::EmptyRedisInTrouble => {
                place.links.hold();
                reset_clients(deployment, rng).await;
                // Before the node makes its links anew.
                sleep(Duration::from_millis(200)).await;
                deployment.store.empty().await;
            }
            Self::AgeRedis => deployment.store.age().await,
            Self::FailOver => {
                let Store::Sentinel(redis) = &mut deployment.store else {
                    unreachable!("only under Sentinels")
                };
                struck.master = Some(redis.kill_master().await);
            }
            Self::CutLinks => place.links.cut().await,
            Self::ResetLinks => place.links.reset().await,
            Self::HoldLinks => place.links.hold(),
            Self::BlackHole => place.links.hold_all(ways),
            Self::ResetClients => reset_clients(deployment, rng).await,
            Self::HoldClients => {
                for place in &deployment.nodes {
                    place.door.hold_some(|| rng.u8(..3) == 0);
                }
            }
        }
        struck
    }
}

/// How old is what Redis saved.
const AGE: Duration = Duration::from_secs(2);

/// A third of their connections.
async fn reset_clients(deployment: &Deployment, rng: &mut Rng) {
    for place in &deployment.nodes {
        place.door.reset_some(|| rng.u8(..3) == 0).await;
    }
}

/// Of a node that is asked to drain, in the end.
async fn exit_status(process: Process) -> Option<i32> {
    process.stop().await.0
}

impl Struck {
    /// Until what failed is there again.
    pub(super) async fn mend(&mut self, deployment: &mut Deployment) {
        let place = &mut deployment.nodes[self.node];
        match self.fault {
            Fault::KillNode => place.start_anew().await,
            Fault::DrainNode => {
                let status = self.draining.take().expect("it drains").await.expect("no panic");
                assert_eq!(status, Some(0), "a node that drains ends well");
                place.start_anew().await;
            }
            Fault::PauseNode => {
                sleep(self.lasts).await;
                place.process().go_on().await;
            }
            Fault::HoldLinks | Fault::BlackHole => {
                sleep(self.lasts).await;
                place.links.release();
            }
            Fault::FailOver => {
                let Store::Sentinel(redis) = &mut deployment.store else {
                    unreachable!("only under Sentinels")
                };
                let old = self.master.expect("it was killed");
                until("there is another master", async || redis.master().await != old).await;
            }
            Fault::EmptyRedisInTrouble => place.links.release(),
            Fault::EmptyRedis
            | Fault::AgeRedis
            | Fault::CutLinks
            | Fault::ResetLinks
            | Fault::ResetClients
            | Fault::HoldClients => {}
        }
    }

    /// Once everybody is back: what stayed broken meanwhile.
    pub(super) async fn clean_up(&self, deployment: &mut Deployment) {
        match (self.fault, &mut deployment.store) {
            (Fault::HoldClients, _) => deployment.nodes.iter().for_each(|place| place.door.release()),
            (Fault::FailOver, Store::Sentinel(redis)) => {
                redis.server(self.master.expect("it was killed")).restart().await;
                redis.settle().await;
            }
            (Fault::EmptyRedis | Fault::EmptyRedisInTrouble, Store::Sentinel(redis)) => redis.settle().await,
            _ => {}
        }
    }
}

impl Display for Struck {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { node, lasts, ways, .. } = self;
        let seconds = lasts.as_secs_f64();
        match self.fault {
            Fault::KillNode => write!(f, "kill -9 of node {node}, started anew"),
            Fault::DrainNode => write!(f, "SIGTERM to node {node}, started anew"),
            Fault::PauseNode => write!(f, "SIGSTOP of node {node} for {seconds:.1} s"),
            Fault::EmptyRedis => write!(f, "kill -9 of Redis, back at once and empty"),
            Fault::EmptyRedisInTrouble => write!(
                f,
                "links of node {node} held, a third of the clients' connections reset, kill -9 of Redis, back empty"
            ),
            Fault::AgeRedis => write!(f, "kill -9 of Redis, back at once with what it held {AGE:?} ago"),
            Fault::FailOver => write!(f, "kill -9 of the master: failover"),
            Fault::CutLinks => write!(f, "links of node {node} to Redis closed"),
            Fault::ResetLinks => write!(f, "links of node {node} to Redis reset"),
            Fault::HoldLinks => write!(f, "links of node {node} to Redis held for {seconds:.1} s"),
            Fault::BlackHole => {
                write!(f, "black hole between node {node} and Redis for {seconds:.1} s, {ways:?}")
            }
            Fault::ResetClients => write!(f, "a third of the clients' connections reset"),
            Fault::HoldClients => write!(f, "a third of the clients' connections held"),
        }
    }
}
