//! `/echo`: sends back what it gets, over the same socket as a client's. For conformance suites, and to measure that socket.

use super::Gateway;
use crate::websocket::{Frame, Opening, Outgoing, Socket, Upgrade};
use axum::{extract::State, response::Response};
use std::{ops::ControlFlow, sync::Arc};

/// The suite sends messages of up to 16 MiB.
const MAX_FRAME: usize = 32 * 1024 * 1024;

pub(super) async fn echo(State(gateway): State<Arc<Gateway>>, upgrade: Upgrade) -> Response {
    let (response, opening) = upgrade.accept("");
    tokio::spawn(serve(opening, gateway));
    response
}

async fn serve(opening: Opening, gateway: Arc<Gateway>) {
    let Some(mut socket) = opening.socket(MAX_FRAME, gateway.metrics.clone()).await else { return };
    loop {
        socket.ready().await;
        let (echoes, turn) = take(&mut socket);
        if socket.write(echoes).await.is_err() {
            return;
        }
        if let ControlFlow::Break(code) = turn {
            return match code {
                Some(code) => socket.close(code).await,
                None => socket.part().await,
            };
        }
    }
}

/// What a read brought, to be sent back; and whether it was the last, with the code to close with.
fn take(socket: &mut Socket) -> (Vec<Outgoing>, ControlFlow<Option<crate::protocol::CloseCode>>) {
    let mut echoes = Vec::new();
    while let Some(frame) = socket.take() {
        match frame {
            Frame::Text(text) => echoes.push(Outgoing::Text(text.to_owned().into())),
            Frame::Binary(bytes) => echoes.push(Outgoing::Binary(bytes.to_vec())),
            Frame::Heard => {}
            Frame::Gone(_) => return (echoes, ControlFlow::Break(None)),
            Frame::Broken(code) => return (echoes, ControlFlow::Break(Some(code))),
        }
    }
    (echoes, ControlFlow::Continue(()))
}
