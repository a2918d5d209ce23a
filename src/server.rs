//! A whole node: built, served, and stopped.

mod accept;
mod proxy_protocol;

pub use self::accept::{HttpLimits, Serving};

use self::accept::Porter;
use crate::{
    auth::{self, Auth},
    events::{self, Webhooks},
    exchange::{
        Directory, Exchange, MailboxLimits, Spool,
        memory::Memory,
        redis::{self, Redis},
    },
    gateway::{Admin, Edge, Gateway, Limits, Places, admin_routes, public_routes},
    metrics::Metrics,
    secret::Secret,
    session::Rules,
    traces::{self, Traces},
};
use anyhow::Context;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket},
    select,
    time::{Instant, timeout, timeout_at},
};
use tracing::{info, warn};

/// Connections that may wait to be accepted: a node's clients come back all at once. The system may allow fewer
/// (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Connections of clients beyond their WebSockets: pages being loaded, and sockets that are told that there is no place.
const SPARE_CONNECTIONS: usize = 256;

/// Connections of one address beyond its WebSockets, for the same: a browser loads a page over six.
const SPARE_CONNECTIONS_PER_ADDRESS: usize = 32;

/// Connections of operators.
const OPERATORS: usize = 64;

/// How long connections may take to end when the node stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What its sessions go by.
    pub rules: Rules,
    /// What bounds it.
    pub limits: Limits,
    /// From where its clients may come.
    pub edge: Edge,
    /// What is kept at most for a member that can't take it at the moment.
    pub mailbox: MailboxLimits,
    /// How long a client may take to send the head of a request.
    pub handshake_timeout: Duration,
    /// How long an HTTP connection may last that doesn't become a WebSocket.
    pub http_timeout: Duration,
    /// The Redis that rooms are in; without it, they are in memory.
    pub redis: Option<redis::Settings>,
    /// What tokens have to be like; without it, anybody may come in.
    pub auth: Option<auth::Settings>,
    /// What opens the admin API; without it, that is closed.
    pub admin_token: Option<Secret>,
    /// Events that wait for who sends them, in each of the spools beside rooms in memory; 0 where nobody does.
    pub spool_length: usize,
    /// Where events are sent, if anywhere.
    pub webhooks: Option<events::Settings>,
    /// Where sampled messages are traced to, if anywhere.
    pub traces: Option<traces::Settings>,
}

impl Settings {
    /// The files that a node may have open at once: its connections, and its own.
    pub fn open_files(&self) -> usize {
        self.limits.sockets + SPARE_CONNECTIONS + OPERATORS + 64
    }
}

/// The sockets that a node listens on.
pub struct Listeners {
    public: TcpListener,
    admin: TcpListener,
}

impl Listeners {
    /// Binds both; port 0 is any free port. Called inside a runtime.
    pub fn bind(public: SocketAddr, admin: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self { public: bind("--listen", public)?, admin: bind("--admin-listen", admin)? })
    }

    /// Where clients connect.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where operators connect.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }
}

fn bind(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let listen = || {
        let socket = socket?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("can't listen on {address} ({setting})"))
}

/// Serves until it is asked to stop, by `asked_to_stop` or by an operator; then drains, and returns when every connection has
/// ended. Asked a second time by `asked_to_stop`, it ends them at once.
pub async fn run(
    listeners: Listeners,
    settings: Settings,
    mut asked_to_stop: impl AsyncFnMut(),
) -> anyhow::Result<()> {
    let (address, admin) = (listeners.address()?, listeners.admin_address()?);
    let Settings {
        rules,
        limits,
        edge,
        mailbox,
        handshake_timeout,
        http_timeout,
        redis,
        auth,
        admin_token,
        spool_length,
        webhooks,
        traces,
    } = settings;
    let (connections, time_to_drain) = (limits.sockets + SPARE_CONNECTIONS, limits.drain);
    let for_clients = HttpLimits { connections, handshake_timeout, http_timeout };
    let for_operators = HttpLimits { connections: OPERATORS, ..for_clients };
    let metrics = Arc::new(Metrics::new()?);
    let (traces, exporter) = match traces {
        None => (Traces::default(), None),
        Some(settings) => {
            let (traces, exporter) = Traces::new(settings, metrics.traces.clone());
            (traces, Some(exporter))
        }
    };
    let redis = match redis {
        None => None,
        Some(settings) => select! {
            started = Redis::start(settings, metrics.exchange.clone(), traces.clone()) => Some(started?),
            () = asked_to_stop() => return Ok(()),
        },
    };
    let auth = match auth {
        None => None,
        Some(settings) => select! {
            started = Auth::start(settings, metrics.clone()) => Some(started?),
            () = asked_to_stop() => return Ok(()),
        },
    };
    let rooms = if let Some(redis) = &redis {
        Rooms::in_redis(redis)
    } else {
        Rooms::in_memory(Memory::new(mailbox, spool_length, metrics.exchange.clone(), traces.clone()))
    };
    let exporting = exporter.map(|exporter| exporter.start(rooms.directory.node())).transpose()?;
    let webhooks = match webhooks {
        Some(settings) => Some(Webhooks::start(settings, rooms.spools, &metrics.events)?),
        None => None,
    };
    let porter = Porter {
        proxies: edge.proxies.clone(),
        places: Places::new(limits.sockets_per_address.saturating_add(SPARE_CONNECTIONS_PER_ADDRESS)),
        metrics: metrics.clone(),
    };
    let gateway = Arc::new(Gateway::new(rules, limits, edge, auth, rooms.exchange, metrics, traces));
    let public = Serving::behind(Some(porter), listeners.public, public_routes(gateway.clone()), for_clients);
    let administration = Admin::new(gateway.clone(), rooms.directory, admin_token.as_ref());
    let operators = Serving::start(listeners.admin, admin_routes(administration), for_operators);
    info!(%address, %admin, "listening");

    let because = select! {
        because = drained(&gateway, &public, time_to_drain) => because,
        () = asked_twice(&gateway, asked_to_stop) => "asked again",
    };
    info!(because, connections = gateway.connections(), "stopping");
    if timeout(STOP_TIMEOUT, stop(&gateway, &public, &operators)).await.is_err() {
        warn!("some connections did not end in time; leaving them");
    }
    if let Some(webhooks) = webhooks {
        webhooks.stop().await;
    }
    // What Redis still answers is traced, too; both together are to take no longer than Redis alone may.
    let exported_by = Instant::now() + traces::STOP_TIMEOUT;
    if let Some(redis) = redis {
        redis.stop().await;
    }
    if let Some(exporting) = exporting {
        exporting.stop(exported_by).await;
    }
    info!("stopped");
    Ok(())
}

/// The rooms, as each knows them who has to do with them.
struct Rooms {
    exchange: Arc<dyn Exchange>,
    directory: Arc<dyn Directory>,
    spools: Vec<Arc<dyn Spool>>,
}

impl Rooms {
    fn in_redis(redis: &Arc<Redis>) -> Self {
        Self { spools: redis.spools(), exchange: redis.clone(), directory: redis.clone() }
    }

    fn in_memory(memory: Memory) -> Self {
        let memory = Arc::new(memory);
        Self { spools: memory.spools(), exchange: memory.clone(), directory: memory }
    }
}

/// Waits until the node has drained, and says how that ended.
async fn drained(gateway: &Gateway, public: &Serving, time: Duration) -> &'static str {
    let end = gateway.draining().await;
    public.refuse();
    let within = humantime::format_duration(time);
    info!(connections = gateway.connections(), %within, "draining; a second signal stops at once");
    match timeout_at(end, gateway.deserted()).await {
        Ok(()) => "every connection has ended",
        Err(_) => "the time is over",
    }
}

/// Drains when it is asked to stop, and waits until it is asked again.
async fn asked_twice(gateway: &Gateway, mut asked_to_stop: impl AsyncFnMut()) {
    asked_to_stop().await;
    if !gateway.drain() {
        info!("draining already; a second signal stops at once");
    }
    asked_to_stop().await;
}

/// Ends every connection that is left.
async fn stop(gateway: &Gateway, public: &Serving, operators: &Serving) {
    gateway.stop();
    // A request under way may become a WebSocket, and what a WebSocket leaves may linger.
    public.stop().await;
    gateway.deserted().await;
    public.stop().await;
    operators.stop().await;
}
