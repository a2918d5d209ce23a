//! The edge: HTTP and WebSockets on one side, sessions and the exchange on the other.
//!
//! ```text
//! http ─upgrade─▶ connection ─Input─▶ session ─Effect─▶ connection ─▶ exchange, socket
//!                     ▲                                                  │
//!                     └──────────────────── outbox ◀────deliver──────────┘
//! ```

mod admin;
mod assets;
mod client_address;
mod connection;
mod door;
mod drain;
#[cfg(feature = "echo-route")]
mod echo;
mod http;
mod limits;
mod membership;
mod origin;
mod outbox;

pub use self::{
    admin::{Admin, admin_routes},
    client_address::{Proxies, ToldBy},
    http::public_routes,
    limits::{Place, Places},
    origin::{AllowedOrigin, Origins},
    outbox::OutboxLimits,
};

use self::{drain::Phase, limits::Arrivals};
use crate::{auth::Auth, exchange::Exchange, metrics::Metrics, session::Rules, traces::Traces};
use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};
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
    /// Open WebSockets from one address.
    pub sockets_per_address: usize,
    /// Joins, resumes and renewals of tokens a second from one address; and connections that others are told of.
    pub joins_per_address: NonZeroU32,
    /// Frames a second from one socket.
    pub messages_per_socket: NonZeroU32,
    /// What may wait for one client.
    pub outbox: OutboxLimits,
    /// How long connections may stay once the node drains.
    pub drain: Duration,
}

/// From where clients may come.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// The pages that may connect.
    pub origins: Origins,
    /// Who may say for whom it asks.
    pub proxies: Arc<Proxies>,
}

/// One node's edge: what all of its connections share.
pub struct Gateway {
    rules: Arc<Rules>,
    limits: Limits,
    auth: Option<Auth>,
    exchange: Arc<dyn Exchange>,
    metrics: Arc<Metrics>,
    traces: Traces,
    edge: Edge,
    places: Arc<Semaphore>,
    addresses: Arc<Places>,
    joins: Arrivals,
    /// Those that others are told of: each costs them something, before anybody is asked for a token.
    connected: Arrivals,
    /// All connections reckon their time from it.
    began: Instant,
    phase: watch::Sender<Phase>,
    connections: TaskTracker,
}

/// Whence a connection comes, as far as the server knows. It puts it into each request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub SocketAddr);

impl Gateway {
    /// A gateway that asks `exchange`, and `auth` who may come in; without it, anybody may.
    pub fn new(
        rules: Rules,
        limits: Limits,
        edge: Edge,
        auth: Option<Auth>,
        exchange: Arc<dyn Exchange>,
        metrics: Arc<Metrics>,
        traces: Traces,
    ) -> Self {
        metrics.sockets_limit.set(i64::try_from(limits.sockets).unwrap_or(i64::MAX));
        Self {
            rules: Arc::new(rules),
            edge,
            places: Arc::new(Semaphore::new(limits.sockets)),
            addresses: Places::new(limits.sockets_per_address),
            joins: Arrivals::new(limits.joins_per_address),
            connected: Arrivals::new(limits.joins_per_address),
            began: Instant::now(),
            limits,
            auth,
            exchange,
            metrics,
            traces,
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
