//! Keeps a link to each server that is needed, wherever the partitions are at the moment.
//!
//! Whatever ends a link, the answer is the same: ask anew where everything is, and serve each lane by one link to the
//! server that has its partition now. A lane goes to another link only when the one it had is over.

use super::{
    address::Address,
    link::{self, Common},
    topology::{Plan, Topology},
    trouble::Trouble,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    select,
    task::{AbortHandle, Id, JoinSet},
    time::{sleep, timeout},
};
use tracing::{info, warn};

/// How often to ask where everything is although nothing broke: a master may have been replaced without our noticing.
const REFRESH: Duration = Duration::from_secs(5);

/// Before trying again, on average: long enough not to burden a server that is starting.
const RETRY: Duration = Duration::from_millis(100);

/// What is running.
pub(super) struct Supervisor {
    topology: Topology,
    common: Arc<Common>,
    links: JoinSet<Result<(), Trouble>>,
    running: HashMap<Address, Running>,
}

struct Running {
    lanes: Vec<usize>,
    task: AbortHandle,
}

impl Supervisor {
    pub(super) fn new(topology: Topology, common: Arc<Common>) -> Self {
        Self { topology, common, links: JoinSet::new(), running: HashMap::new() }
    }

    /// Works until the node stops.
    pub(super) async fn run(mut self) {
        let stopping = self.common.stopping.clone();
        while !stopping.is_cancelled() {
            let pause = match self.topology.resolve().await {
                Ok(plan) => {
                    self.follow(plan).await;
                    (!self.topology.is_fixed()).then_some(REFRESH)
                }
                Err(trouble) => {
                    self.note(&trouble);
                    Some(RETRY)
                }
            };
            select! {
                biased;
                () = stopping.cancelled() => {}
                Some(ended) = self.links.join_next_with_id(), if !self.links.is_empty() => {
                    self.ended(ended);
                    sleep(with_jitter(RETRY)).await;
                }
                () = sleep(pause.unwrap_or(Duration::MAX)), if pause.is_some() => {}
            }
        }
        // Each link does what is left to do, and gives its leases back.
        let rest = async { while self.links.join_next().await.is_some() {} };
        let _ = timeout(self.common.timeout * 2, rest).await;
    }

    /// Ends the links that the plan doesn't have, and makes those that are missing.
    async fn follow(&mut self, plan: Plan) {
        let keeps = |address: &Address, running: &Running| {
            plan.shares.iter().any(|(server, lanes)| server.address == *address && *lanes == running.lanes)
        };
        for running in self.running.iter().filter(|(address, running)| !keeps(address, running)) {
            info!(server = %running.0, "its partitions moved");
            running.1.task.abort();
        }
        let leaving: Vec<_> = self
            .running
            .iter()
            .filter(|(address, running)| !keeps(address, running))
            .map(|(_, running)| running.task.id())
            .collect();
        while self.running.values().any(|running| leaving.contains(&running.task.id())) {
            let Some(ended) = self.links.join_next_with_id().await else { break };
            self.ended(ended);
        }
        for (server, lanes) in plan.shares {
            if !self.running.contains_key(&server.address) {
                let (address, common, numbers) = (server.address.clone(), self.common.clone(), lanes.clone());
                let task = self.links.spawn(async move { link::run(&server, &numbers, &common).await });
                self.running.insert(address, Running { lanes, task });
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<(), Trouble>), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        self.running.retain(|_, running| running.task.id() != id);
        if let Ok((_, Err(trouble))) = ended {
            self.note(&trouble);
        }
    }

    fn note(&self, trouble: &Trouble) {
        self.common.metrics.link_lost(trouble.fault.label());
        warn!("{trouble}");
        self.common.trouble.send_replace(Some(trouble.to_string()));
    }
}

/// Between a half and one and a half of it.
pub(super) fn with_jitter(time: Duration) -> Duration {
    let random = getrandom::u32().expect("the system has random bytes");
    time.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX))
}
