//! What operators and their tools ask, on a listener of its own.

use super::{Gateway, drain::Phase};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::sync::Arc;

/// The routes of the admin listener.
pub fn admin_routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/drain", post(drain))
        .with_state(gateway)
}

async fn readyz(State(gateway): State<Arc<Gateway>>) -> Response {
    match gateway.readiness() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    match gateway.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Begins to drain the node, or says again what it does already.
async fn drain(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    // Any page that an operator looks at could post here. Browsers say so.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "a web page can't drain a node\n").into_response();
    }
    gateway.drain();
    let sentence = match &*gateway.phase.borrow() {
        Phase::Draining(drain) => format!(
            "this node is draining; connections left: {}, all closed by {}\n",
            gateway.connections(),
            humantime::format_rfc3339_seconds(drain.until())
        ),
        Phase::Serving | Phase::Stopping => "this node is stopping\n".into(),
    };
    (StatusCode::ACCEPTED, sentence).into_response()
}
