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
use std::{
    collections::HashMap,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    select,
    task::{AbortHandle, Id, JoinSet},
    time::{sleep, timeout},
};
use tracing::{info, warn};

/// How often to ask where everything is although nothing broke: a master may have been replaced without our noticing.
const REFRESH: Duration = Duration::from_secs(5);

/// Before trying again, on average: twice as long each time, until a link lasts.
const FIRST_RETRY: Duration = Duration::from_millis(50);

const LAST_RETRY: Duration = Duration::from_secs(1);

/// A link that was up for so long was well.
const LASTING: Duration = Duration::from_secs(5);

/// How often to tell of the same trouble.
const REMINDER: Duration = Duration::from_secs(10);

/// What is running.
pub(super) struct Supervisor {
    topology: Topology,
    common: Arc<Common>,
    links: JoinSet<Result<(), Trouble>>,
    running: HashMap<Address, Running>,
    /// What was last told of, and when: an outage must not fill the log.
    told: Option<(String, Instant)>,
    retry: Duration,
}

struct Running {
    lanes: Vec<usize>,
    task: AbortHandle,
    since: Instant,
}

impl Supervisor {
    pub(super) fn new(topology: Topology, common: Arc<Common>) -> Self {
        Self {
            topology,
            common,
            links: JoinSet::new(),
            running: HashMap::new(),
            told: None,
            retry: FIRST_RETRY,
        }
    }

    /// Works until the node stops.
    pub(super) async fn run(mut self) {
        let stopping = self.common.stopping.clone();
        while let Some(plan) = stopping.run_until_cancelled(self.topology.resolve()).await {
            let again = match &plan.trouble {
                Some(trouble) => {
                    self.note(trouble);
                    Some(self.next_retry())
                }
                None => (!self.topology.is_fixed()).then_some(REFRESH),
            };
            self.follow(plan).await;
            select! {
                biased;
                () = stopping.cancelled() => {}
                Some(ended) = self.links.join_next_with_id() => {
                    self.ended(ended);
                    while let Some(ended) = self.links.try_join_next_with_id() {
                        self.ended(ended);
                    }
                    sleep(self.next_retry()).await;
                }
                () = after(again) => {}
            }
        }
        // Each link does what is left to do, and gives its leases back.
        let rest = async { while self.links.join_next().await.is_some() {} };
        let _ = timeout(self.common.timeout * 2, rest).await;
    }

    /// Ends the links that the plan doesn't have, and makes those that are missing.
    async fn follow(&mut self, plan: Plan) {
        let moved = self.running.iter().filter(|(address, running)| !plan.has(address, &running.lanes));
        let moved: Vec<_> = moved.map(|(address, _)| address.clone()).collect();
        for address in &moved {
            info!(server = %address, "its partitions moved");
            self.running[address].task.abort();
        }
        while moved.iter().any(|address| self.running.contains_key(address)) {
            let Some(ended) = self.links.join_next_with_id().await else { break };
            self.ended(ended);
        }
        for (server, lanes) in plan.shares {
            if !self.running.contains_key(&server.address) {
                let (address, common, numbers) = (server.address.clone(), self.common.clone(), lanes.clone());
                let task = self.links.spawn(async move { link::run(&server, &numbers, &common).await });
                self.running.insert(address, Running { lanes, task, since: Instant::now() });
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Result<(), Trouble>), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        if let Some((_, running)) = self.running.extract_if(|_, running| running.task.id() == id).next()
            && running.since.elapsed() >= LASTING
        {
            self.retry = FIRST_RETRY;
        }
        if let Ok((_, Err(trouble))) = ended {
            self.note(&trouble);
        }
    }

    fn note(&mut self, trouble: &Trouble) {
        self.common.metrics.link_lost(trouble.fault.label());
        let text = trouble.to_string();
        if self.told.as_ref().is_none_or(|(told, at)| *told != text || at.elapsed() >= REMINDER) {
            warn!("{text}");
            self.told = Some((text.clone(), Instant::now()));
        }
        self.common.note_trouble(text);
    }

    fn next_retry(&mut self) -> Duration {
        let retry = self.retry;
        self.retry = (retry * 2).min(LAST_RETRY);
        with_jitter(retry)
    }
}

/// Waits for so long, or for ever.
async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
}

/// Between a half and one and a half of it.
pub(super) fn with_jitter(time: Duration) -> Duration {
    let random = getrandom::u32().expect("the system has random bytes");
    time.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX))
}
