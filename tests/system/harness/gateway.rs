//! A gateway on an exchange of the test's own.

use super::Endpoints;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use switchboard::{
    config::Config,
    exchange::{Exchange, memory::Memory},
    gateway::{Admin, Gateway, admin_routes, public_routes},
    metrics::Metrics,
    server::{HttpLimits, Serving},
    traces::Traces,
};
use tokio::net::TcpListener;

/// Serves until the test ends.
pub(crate) async fn gateway(exchange: Arc<dyn Exchange>, flags: &[&str]) -> Endpoints {
    let arguments = ["switchboard"].iter().chain(flags).map(Into::into).collect();
    let settings = Config::read(arguments).expect("flags").server();
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let nobody = Memory::new(settings.mailbox, 0, metrics.exchange.clone(), Traces::default());
    let (rules, limits, edge) = (settings.rules, settings.limits, settings.edge);
    let gateway = Gateway::new(rules, limits, edge, None, exchange, metrics, Traces::default());
    let gateway = Arc::new(gateway);
    Endpoints {
        address: serve(public_routes(gateway.clone())).await,
        admin: serve(admin_routes(Admin::new(gateway, Arc::new(nobody), None))).await,
    }
}

async fn serve(routes: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let forever = Duration::from_hours(1);
    let limits = HttpLimits { connections: 1000, handshake_timeout: forever, http_timeout: forever };
    Serving::start(listener, routes, limits);
    address
}
