//! `switchboard health`: asks the node of this machine how it is, as an orchestrator would.

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use std::{net::SocketAddr, time::Duration};
use switchboard::config::HealthConfig;
use tokio::{net::TcpStream, time::timeout};

/// For all of it. Whoever asks has a deadline of its own, and should read a reason before that.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A reason is shorter.
const LONGEST_ANSWER: usize = 4096;

/// What the node says, if it is well.
pub(crate) async fn ask(config: HealthConfig) -> anyhow::Result<String> {
    let HealthConfig { addresses, ready } = config;
    let address = addresses[0];
    let path = if ready { "/readyz" } else { "/livez" };
    match timeout(TIMEOUT, get(&addresses, path)).await {
        Ok(answer) => answer.with_context(|| format!("http://{address}{path}")),
        Err(_) => bail!("http://{address}{path}: no answer within {TIMEOUT:?}"),
    }
}

async fn get(addresses: &[SocketAddr], path: &str) -> anyhow::Result<String> {
    let socket = TcpStream::connect(addresses).await?;
    let address = socket.peer_addr()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(anyhow::Error::from_boxed)?;
    connection.abort();
    let text = String::from_utf8_lossy(&body.to_bytes()).lines().next().unwrap_or_default().to_owned();
    if !head.status.is_success() {
        bail!("{}: {text}", head.status.as_u16());
    }
    Ok(text)
}
