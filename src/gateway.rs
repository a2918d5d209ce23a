//! The edge: HTTP and WebSockets on one side, sessions and the exchange on the other.
//!
//! ```text
//! http ─upgrade─▶ connection ─Input─▶ session ─Effect─▶ connection ─▶ exchange, socket
//!                     ▲                                                  │
//!                     └──────────────────── outbox ◀────deliver──────────┘
//! ```

mod admin;
mod assets;
mod connection;
#[cfg(feature = "echo-route")]
mod echo;
mod http;
mod membership;
mod outbox;
mod socket;

pub use self::{admin::admin_routes, http::public_routes, outbox::OutboxLimits};

use crate::{exchange::Exchange, metrics::Metrics, session::Rules};
use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What bounds a gateway.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest frame a client may send, in bytes.
    pub frame: usize,
    /// Members of a room.
    pub room_capacity: NonZeroUsize,
    /// Open WebSockets.
    pub sockets: usize,
    /// What may wait for one client.
    pub outbox: OutboxLimits,
}

/// One node's edge: what all of its connections share.
pub struct Gateway {
    rules: Arc<Rules>,
    limits: Limits,
    exchange: Arc<dyn Exchange>,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
    connections: TaskTracker,
}

/// Whence a connection comes. The server puts it into each request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub SocketAddr);

impl Gateway {
    /// A gateway that asks `exchange`.
    pub fn new(rules: Rules, limits: Limits, exchange: Arc<dyn Exchange>, metrics: Arc<Metrics>) -> Self {
        Self {
            rules: Arc::new(rules),
            places: Arc::new(Semaphore::new(limits.sockets)),
            limits,
            exchange,
            metrics,
            stopping: CancellationToken::new(),
            connections: TaskTracker::new(),
        }
    }

    /// Ends every connection with `restart`, and returns when the last has gone.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.connections.close();
        self.connections.wait().await;
    }

    /// Whether it can take a client, or a sentence that says why not.
    pub fn readiness(&self) -> Result<(), String> {
        if self.stopping.is_cancelled() {
            return Err("this node is stopping".into());
        }
        self.exchange.health()
    }
}
