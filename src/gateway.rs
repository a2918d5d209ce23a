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
mod drain;
#[cfg(feature = "echo-route")]
mod echo;
mod http;
mod membership;
mod outbox;

pub use self::{admin::admin_routes, http::public_routes, outbox::OutboxLimits};

use self::drain::Phase;
use crate::{exchange::Exchange, metrics::Metrics, session::Rules};
use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
use tokio_util::task::TaskTracker;

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
    /// How long connections may stay once the node drains.
    pub drain: Duration,
}

/// One node's edge: what all of its connections share.
pub struct Gateway {
    rules: Arc<Rules>,
    limits: Limits,
    exchange: Arc<dyn Exchange>,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
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
            phase: watch::Sender::new(Phase::Serving),
            connections: TaskTracker::new(),
        }
    }

    /// Begins to send every connection away. Says whether that had not begun before.
    pub fn drain(&self) -> bool {
        let begun = self.phase.send_if_modified(|phase| {
            let serving = phase.is_serving();
            if serving {
                *phase = Phase::draining(self.limits.drain);
            }
            serving
        });
        if begun {
            self.metrics.draining.set(1);
        }
        begun
    }

    /// Waits until it drains, and returns when that has to end.
    pub async fn draining(&self) -> Instant {
        let mut phase = self.phase.subscribe();
        match phase.wait_for(|phase| !phase.is_serving()).await.as_deref() {
            Ok(Phase::Draining(drain)) => drain.end(),
            _ => Instant::now(),
        }
    }

    /// Ends every connection with `restart`.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopping);
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Waits until there is none. Only for a gateway that takes no more.
    pub async fn deserted(&self) {
        self.connections.close();
        self.connections.wait().await;
    }

    /// Whether it can take a client, or a sentence that says why not.
    pub fn readiness(&self) -> Result<(), String> {
        match *self.phase.borrow() {
            Phase::Serving => self.exchange.health(),
            Phase::Draining(_) => Err("this node is draining".into()),
            Phase::Stopping => Err("this node is stopping".into()),
        }
    }
}
