//! What a browser asks for: the WebSocket, the demo room, the SDK.

use super::{ClientAddress, Gateway, assets, connection, socket};
use crate::protocol::SUBPROTOCOL;
use axum::{
    Extension, Router,
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;
use tracing::{Instrument, debug_span};

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

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
    upgrade: Upgrade,
) -> Response {
    match upgrade {
        Ok(upgrade) => accept(upgrade, gateway, client),
        Err(WebSocketUpgradeRejection::InvalidConnectionHeader(_)) => {
            (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], "this is a WebSocket endpoint\n")
                .into_response()
        }
        Err(rejection) => rejection.into_response(),
    }
}

/// The SkyRTC client connects to the path of its page.
async fn page_or_websocket(
    State(gateway): State<Arc<Gateway>>,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    match upgrade {
        Ok(upgrade) => accept(upgrade, gateway, client),
        Err(rejection) if asks_for_websocket(&headers) => rejection.into_response(),
        Err(_) => assets::serve(uri, headers).await,
    }
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn accept(
    upgrade: WebSocketUpgrade,
    gateway: Arc<Gateway>,
    client: Option<Extension<ClientAddress>>,
) -> Response {
    let client = client.map(|Extension(ClientAddress(address))| address);
    let span = debug_span!("connection", client = client.map(tracing::field::display));
    // Counted from here on, so that a node that stops waits for upgrades under way.
    let counted = gateway.connections.token();
    socket::configure(upgrade, gateway.limits.frame)
        .protocols([SUBPROTOCOL])
        .on_upgrade(move |socket| connection::serve(socket, gateway, counted).instrument(span))
}
