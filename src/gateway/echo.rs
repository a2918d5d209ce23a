//! `/echo`: sends back what it gets, over the same socket as a client's. For conformance suites only.

use super::{
    Gateway,
    socket::{self, Frame, Socket},
};
use axum::{
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use futures_util::StreamExt;
use std::sync::Arc;

/// The suite sends messages of up to 16 MiB.
const MAX_FRAME: usize = 32 * 1024 * 1024;

pub(super) async fn echo(State(gateway): State<Arc<Gateway>>, upgrade: WebSocketUpgrade) -> Response {
    socket::configure(upgrade, MAX_FRAME).on_upgrade(move |socket| echo_all(socket, gateway))
}

async fn echo_all(mut socket: WebSocket, gateway: Arc<Gateway>) {
    while let Some(message) = socket.next().await {
        match message {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) => {
                if let Frame::Broken(code) = socket::broken(error) {
                    Socket::new(socket, gateway.metrics.clone()).close(code).await;
                }
                return;
            }
        }
    }
}
