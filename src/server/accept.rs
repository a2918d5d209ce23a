//! Connections to one listener, each with its own task.

use crate::{gateway::ClientAddress, websocket::Lingering};
use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{net::TcpListener, select, sync::Semaphore, time::sleep};
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
        let (ends, tasks) = (Ends::default(), TaskTracker::new());
        let accepting = accept(listener, routes, limits, ends.clone(), tasks.clone());
        tasks.spawn(ends.refusing.clone().run_until_cancelled_owned(accepting));
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

async fn accept(listener: TcpListener, routes: Router, limits: HttpLimits, ends: Ends, tasks: TaskTracker) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let place = places.clone().acquire_owned().await.expect("nobody closes it");
        match listener.accept().await {
            Ok((stream, client)) => {
                let stream = Lingering::new(stream, place, tasks.clone());
                tasks.spawn(serve(stream, client, routes.clone(), limits, ends.clone()));
            }
            Err(error) => wait_out(error).await,
        }
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

async fn serve(stream: Lingering, client: SocketAddr, routes: Router, limits: HttpLimits, ends: Ends) {
    let service = service_fn(|mut request: Request<Incoming>| {
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
    let graceful = async {
        select! {
            served = connection.as_mut() => return served,
            () = either(ends.refusing.cancelled(), over()) => connection.as_mut().graceful_shutdown(),
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
