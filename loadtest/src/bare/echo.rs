//! WebSocket frames sent back: tokio and tungstenite, a task a socket, as most write it.

use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime, spawn,
};
use tokio_tungstenite::accept_async;

pub(super) fn run(listen: SocketAddr) -> anyhow::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(listen))
}

async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    super::introduce(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // What ends one connection is no matter of the others.
        spawn(async move { echo(stream).await.ok() });
    }
}

async fn echo(stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}
