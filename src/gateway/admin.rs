//! What operators and their tools ask, on a listener of its own.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `api.rs` | the operations under `/api/v1`, and the document that describes them |
//! | `model.rs` | what they answer, as JSON |
//! | `refusal.rs` | why one isn't done |
//! | `access.rs` | who may ask |
//! | `report.rs` | how this node is, for itself and for the others |

mod access;
mod api;
mod model;
mod refusal;
mod report;

use self::{access::Token, refusal::Refusal};
use super::{ClientAddress, Gateway, assets, drain::Phase};
use crate::{
    exchange::{Attendant, Directory},
    secret::Secret,
};
use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{
    sync::{Arc, Weak},
    time::SystemTime,
};

/// What the admin listener serves.
pub struct Admin {
    gateway: Arc<Gateway>,
    directory: Arc<dyn Directory>,
    /// What opens the API; without it, it is closed.
    token: Option<Token>,
    started: SystemTime,
}

impl Admin {
    /// Serves a node, and answers for it when others ask.
    pub fn new(gateway: Arc<Gateway>, directory: Arc<dyn Directory>, token: Option<&Secret>) -> Arc<Self> {
        let started = SystemTime::now();
        let admin = Arc::new(Self { gateway, directory, token: token.map(Token::new), started });
        let attendant: Weak<dyn Attendant> = Arc::<Self>::downgrade(&admin);
        admin.directory.attend(attendant);
        admin
    }
}

/// The routes of the admin listener.
pub fn admin_routes(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/drain", post(drain))
        .route("/", get(assets::serve_admin))
        .route("/{*file}", get(assets::serve_admin))
        .merge(api::routes(&admin))
        .with_state(admin)
}

async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    match admin.gateway.readiness() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match admin.gateway.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Begins to drain the node, or says again what it does already.
async fn drain(
    State(admin): State<Arc<Admin>>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
) -> Response {
    // Any page that an operator looks at could post here. Browsers say so.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "a web page can't drain a node\n").into_response();
    }
    match &admin.token {
        Some(token) if !token.admits(&headers) => return Refusal::Unauthorized.into_response(),
        None if !is_loopback(client) => {
            let why = "without --admin-token, only this machine may drain the node\n";
            return (StatusCode::FORBIDDEN, why).into_response();
        }
        _ => {}
    }
    admin.gateway.drain();
    let sentence = match &*admin.gateway.phase.borrow() {
        Phase::Draining(drain) => format!(
            "this node is draining; connections left: {}, all closed by {}\n",
            admin.gateway.connections(),
            humantime::format_rfc3339_seconds(drain.until())
        ),
        Phase::Serving | Phase::Stopping => "this node is stopping\n".into(),
    };
    (StatusCode::ACCEPTED, sentence).into_response()
}

fn is_loopback(client: Option<Extension<ClientAddress>>) -> bool {
    client.is_some_and(|Extension(ClientAddress(address))| address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_this_machine() {
        let from = |text: &str| Some(Extension(ClientAddress(text.parse().unwrap())));
        for own in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_loopback(from(own)), "{own}");
        }
        for other in ["192.0.2.1:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1", "0.0.0.0:1"] {
            assert!(!is_loopback(from(other)), "{other}");
        }
        assert!(!is_loopback(None));
    }
}
