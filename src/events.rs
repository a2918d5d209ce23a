//! Webhooks: what happens is told to a server of the operator's, after [Standard Webhooks].
//!
//! ```text
//! exchange ── Spool (one a partition) ──▶ Sender ── Message ──▶ Endpoint ── POST ──▶ server
//!                 ▲                          │
//!                 └── what has been sent ────┘
//! ```
//!
//! One sender for each spool, of all nodes, sends one event after the other, so that those of a room arrive in their order.
//! Each is sent until it is taken, or too old. A repeat has the same id and the same body, whichever node makes it.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

mod endpoint;
mod message;
mod pace;
mod sender;

pub use self::endpoint::SigningKey;

use self::{endpoint::Endpoint, sender::Sender};
use crate::{exchange::Spool, metrics::EventMetrics, outbound::Target};
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long senders may take to end when the node stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What webhooks go by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they go.
    pub target: Target,
    /// What they are signed with.
    pub key: SigningKey,
    /// For a request, its answer included.
    pub timeout: Duration,
    /// How old an event may be that still isn't taken.
    pub retry: Duration,
}

/// The senders of a node.
pub struct Webhooks {
    senders: JoinSet<()>,
    stopping: CancellationToken,
}

impl Webhooks {
    /// Sends what comes into these spools, whenever it is this node's turn.
    pub fn start(
        settings: Settings,
        spools: Vec<Arc<dyn Spool>>,
        metrics: &Arc<EventMetrics>,
    ) -> anyhow::Result<Self> {
        info!(target = %settings.target, "events are sent as webhooks");
        let stopping = CancellationToken::new();
        let retry = settings.retry;
        let endpoint = Arc::new(Endpoint::new(settings)?);
        let mut senders = JoinSet::new();
        for spool in spools {
            let sender = Sender::new(spool, endpoint.clone(), retry, metrics.clone(), stopping.clone());
            senders.spawn(sender.run());
        }
        Ok(Self { senders, stopping })
    }

    /// Ends: what is on its way may arrive, and what waits is left to other nodes, or sent if there are none.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        let ended = async { while self.senders.join_next().await.is_some() {} };
        if timeout(STOP_TIMEOUT, ended).await.is_err() {
            warn!("some webhooks did not end in time; leaving them");
        }
    }
}
