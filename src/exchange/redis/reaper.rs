//! Takes the sessions of nodes that let their lease lapse, and removes those that nobody resumed in time.
//!
//! Every node reaps: whoever notices first. The scripts take each session once however many do. It is neither hot nor
//! ordered, so its connections are from a pool.

use super::{
    link::{Common, Due, ToReap},
    partition::Partition,
    script::Script,
    supervisor::with_jitter,
};
use deadpool_redis::Connection;
use redis::RedisResult;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::sleep};
use tracing::{debug, info, warn};

/// Sessions taken by one call of the script: it holds Redis up for as long as it runs.
const PORTION: usize = 64;

/// So that not every node begins at the same moment.
const JITTER: Duration = Duration::from_millis(200);

/// What reaps.
pub(super) struct Reaper {
    common: Arc<Common>,
}

impl Reaper {
    pub(super) fn new(common: Arc<Common>) -> Self {
        Self { common }
    }

    /// Works for as long as it may be told of what there is to do.
    pub(super) async fn run(self, mut told: mpsc::Receiver<ToReap>) {
        while let Some(first) = told.recv().await {
            sleep(with_jitter(JITTER)).await;
            self.reap_all(first).await;
            while let Ok(next) = told.try_recv() {
                self.reap_all(next).await;
            }
        }
    }

    async fn reap_all(&self, ToReap { server, due }: ToReap) {
        for (number, due) in due {
            let (pools, within) = (&self.common.pools, self.common.timeout * 4);
            let reaping = async |connection: &mut Connection| self.reap(connection, number, &due).await;
            match (pools.with_connection(&server, within, reaping).await, &due) {
                (Ok(0), _) => {}
                (Ok(sessions), Due::Node(node)) => {
                    info!(node, sessions, "took the sessions of a node that is gone");
                }
                (Ok(sessions), Due::Windows) => debug!(sessions, "removed sessions that nobody resumed"),
                // The next beat tells of it again.
                (Err(trouble), _) => warn!("can't remove the sessions of who is gone: {trouble}"),
            }
        }
    }

    /// Does what is due in one partition, portion by portion; says to how many sessions.
    async fn reap(&self, connection: &mut Connection, number: usize, due: &Due) -> RedisResult<u64> {
        let Partition { at, scripts, .. } = self.common.lanes[number].partition.clone();
        let lease = self.common.lease.as_millis().to_string();
        let (portion, metrics) = (PORTION.to_string(), self.common.metrics.clone());
        let (script, arguments, counted) = match due {
            Due::Node(node) => (Script::Reap, vec![node, &portion, &lease], &metrics.reaped),
            Due::Windows => (Script::Expire, vec![&portion], &metrics.expired),
        };
        let mut sessions = 0;
        loop {
            let mut call = scripts.get(script).key(&at);
            let (taken, left): (u64, u64) = call.arg(&arguments).invoke_async(connection).await?;
            sessions += taken;
            counted.inc_by(taken);
            if left == 0 {
                return Ok(sessions);
            }
        }
    }
}
