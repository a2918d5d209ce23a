//! What a browser asks for: the WebSocket, the demo room, the SDK.

use super::{
    ClientAddress, Gateway, assets,
    connection::{self, Visitor},
};
use crate::{
    protocol::SUBPROTOCOL,
    websocket::{Refused, Upgrade},
};
use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;
use tracing::{Instrument, debug_span};

/// The routes of the public listener.
pub fn public_routes(gateway: Arc<Gateway>) -> Router {
    let routes = Router::new().route("/ws", get(websocket)).route("/", get(page_or_websocket));
    #[cfg(feature = "echo-route")]
    let routes = routes.route("/echo", get(super::echo::echo));
    routes.route("/{*file}", get(assets::serve)).with_state(gateway)
}

async fn websocket(
    State(gateway): State<Arc<Gateway>>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    upgrade: Result<Upgrade, Refused>,
) -> Response {
    match upgrade {
        Ok(upgrade) => accept(upgrade, gateway, client, &headers),
        Err(refused) => refused.into_response(),
    }
}

/// The SkyRTC client connects to the path of its page.
async fn page_or_websocket(
    State(gateway): State<Arc<Gateway>>,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Result<Upgrade, Refused>,
) -> Response {
    match upgrade {
        Ok(upgrade) => accept(upgrade, gateway, client, &headers),
        Err(Refused::NoUpgrade) => assets::serve(uri, headers).await,
        Err(refused) => refused.into_response(),
    }
}

fn accept(
    upgrade: Upgrade,
    gateway: Arc<Gateway>,
    client: Option<Extension<ClientAddress>>,
    headers: &HeaderMap,
) -> Response {
    let address =
        client.map(|Extension(ClientAddress(peer))| gateway.edge.proxies.client(peer.ip(), headers));
    let visitor = Visitor { address, is_welcome: gateway.edge.origins.admit(headers) };
    let span = debug_span!("connection", client = address.map(tracing::field::display));
    // Counted from here on, so that a node that stops waits for upgrades under way.
    let counted = gateway.connections.token();
    let (response, opening) = upgrade.accept(SUBPROTOCOL);
    tokio::spawn(connection::serve(opening, gateway, visitor, counted).instrument(span));
    response
}
