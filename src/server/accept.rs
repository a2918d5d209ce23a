//! Connections to one listener, each with its own task.

use super::proxy_protocol;
use crate::{
    gateway::{ClientAddress, Place, Places, Proxies},
    metrics::Metrics,
    protocol::Limit,
    websocket::Lingering,
};
use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    io, iter,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::{Notify, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_service::Service;
use tracing::{debug, warn};

/// How long a request under way may still take when its connection has to end.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// A listener being served.
pub struct Serving {
    ends: Ends,
    tasks: TaskTracker,
}

impl Serving {
    /// Serves `routes` on `listener`. Called inside a runtime; dropping what it returns ends nothing.
    pub fn start(listener: TcpListener, routes: Router, limits: HttpLimits) -> Self {
        Self::behind(None, listener, routes, limits)
    }

    /// The same, for clients from anywhere, whom a porter lets in.
    pub(super) fn behind(
        porter: Option<Porter>,
        listener: TcpListener,
        routes: Router,
        limits: HttpLimits,
    ) -> Self {
        let (ends, tasks) = (Ends::default(), TaskTracker::new());
        tasks.spawn(accept(listener, routes, limits, porter, ends.clone(), tasks.clone()));
        Self { ends, tasks }
    }

    /// Takes no more connections, and no more requests on those there are.
    pub(super) fn refuse(&self) {
        self.ends.refusing.cancel();
    }

    /// Lets the requests under way finish soon, and returns when the last connection has gone that isn't a WebSocket.
    pub(super) async fn stop(&self) {
        self.refuse();
        self.ends.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// How a listener's connections hear of its end.
#[derive(Clone, Default)]
struct Ends {
    /// No more connections and requests; those under way may take their time.
    refusing: CancellationToken,
    /// Nor may those.
    stopping: CancellationToken,
}

/// What bounds the connections to a listener.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// How many there may be, WebSockets included. More wait in the system's queue.
    pub connections: usize,
    /// How long one may take to send the head of a request.
    pub handshake_timeout: Duration,
    /// How long one may last that doesn't become a WebSocket.
    pub http_timeout: Duration,
}

/// Knows the addresses that connections come from.
#[derive(Clone)]
pub(super) struct Porter {
    /// Those who may come as often as they like, and may say for whom.
    pub(super) proxies: Arc<Proxies>,
    /// The connections of each other address.
    pub(super) places: Arc<Places>,
    pub(super) metrics: Arc<Metrics>,
}

/// One connection too many from its address.
struct TooMany;

impl Porter {
    fn let_in(&self, address: IpAddr) -> Result<Option<Place>, TooMany> {
        if self.proxies.trusts(address) {
            return Ok(None);
        }
        let place = self.places.take(address).ok_or(TooMany);
        place.map(Some).inspect_err(|TooMany| self.metrics.limit(Limit::AddressSockets))
    }

    /// For whom a connection of a proxy comes, as it says before the request; `None` where it isn't to be served.
    async fn ask(&self, mut stream: Lingering, peer: SocketAddr, patience: Duration) -> Option<Caller> {
        let client = match told_by_proxy(&mut stream, patience).await {
            Ok(told) => told.unwrap_or(peer),
            Err(error) => {
                debug!(%peer, %error, "a proxy didn't say for whom it asks");
                return None;
            }
        };
        // Its proxy has no limit; the client has.
        let Ok(place) = self.let_in(client.ip()) else {
            stream.cut();
            return None;
        };
        stream.hold(place);
        Some((stream, client))
    }
}

/// A connection, and its client.
type Caller = (Lingering, SocketAddr);

async fn told_by_proxy(stream: &mut Lingering, patience: Duration) -> io::Result<Option<SocketAddr>> {
    timeout(patience, proxy_protocol::read(stream)).await?
}

async fn accept(
    listener: TcpListener,
    routes: Router,
    limits: HttpLimits,
    porter: Option<Porter>,
    ends: Ends,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let begin = |stream, peer: SocketAddr, place| {
        let of_address = porter.as_ref().map(|porter| porter.let_in(peer.ip())).transpose();
        // Beyond the spare ones, too: it is closed without a word.
        let Ok(of_address) = of_address else { return };
        let stream = Lingering::new(stream, (place, of_address), tasks.clone());
        tasks.spawn(serve(stream, peer, routes.clone(), limits, porter.clone(), ends.clone()));
    };
    let open = async {
        loop {
            let place = places.clone().acquire_owned().await.expect("nobody closes it");
            match listener.accept().await {
                Ok((stream, peer)) => begin(stream, peer, place),
                Err(error) => wait_out(error).await,
            }
        }
    };
    ends.refusing.run_until_cancelled(open).await;
    // Who waits in the system's queue takes itself for connected, and closing the listener would reset it.
    let mut waiting = iter::from_fn(waiting(listener));
    while let Ok(place) = places.clone().try_acquire_owned() {
        let Some((stream, peer)) = waiting.next() else { return };
        begin(stream, peer, place);
    }
}

/// Takes one connection after the other out of the system's queue, without waiting.
fn waiting(listener: TcpListener) -> impl FnMut() -> Option<(TcpStream, SocketAddr)> {
    // The runtime hears of a connection only as it waits; the system is asked itself.
    let listener = listener.into_std();
    move || {
        let (stream, client) = listener.as_ref().ok()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, client))
    }
}

/// A connection that failed before it was accepted is nobody's loss; but without free files, `accept` fails at once,
/// again and again.
async fn wait_out(error: io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};

    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        warn!(%error, "can't accept connections; trying again in a second");
        sleep(Duration::from_secs(1)).await;
    }
}

async fn serve(
    stream: Lingering,
    peer: SocketAddr,
    routes: Router,
    limits: HttpLimits,
    porter: Option<Porter>,
    ends: Ends,
) {
    let caller = match &porter {
        Some(porter) if porter.proxies.speaks_proxy_protocol(peer.ip()) => {
            let asked = porter.ask(stream, peer, limits.handshake_timeout);
            ends.refusing.run_until_cancelled(asked).await.flatten()
        }
        _ => Some((stream, peer)),
    };
    let Some((stream, client)) = caller else { return };
    let asked = Notify::new();
    let service = service_fn(|mut request: Request<Incoming>| {
        asked.notify_one();
        request.extensions_mut().insert(ClientAddress(client));
        routes.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.handshake_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let over = || either(ends.stopping.cancelled(), sleep(limits.http_timeout));
    let to_end = async {
        either(ends.refusing.cancelled(), over()).await;
        // Its first request may be under way: who connected in time isn't left without an answer.
        either(asked.notified(), sleep(FAREWELL_TIMEOUT)).await;
    };
    let graceful = async {
        select! {
            served = connection.as_mut() => return served,
            () = to_end => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    let too_long = async {
        over().await;
        sleep(FAREWELL_TIMEOUT).await;
    };
    let served = select! {
        served = graceful => served,
        // Who takes longer to send or to read gets no more.
        () = too_long => Ok(()),
    };
    if let Err(error) = served {
        debug!(%client, %error, "request failed");
    }
}

async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    select! {
        () = one => {}
        () = other => {}
    }
}
