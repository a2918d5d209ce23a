//! Requests of this node to servers of the operator's: small, over http or https, with a deadline.

mod target;

pub use self::target::Target;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, body::Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as Hyper, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{io, time::Duration};
use tokio::time::timeout;

/// Sends requests. A clone shares its connections.
#[derive(Clone, Debug)]
pub struct Client {
    hyper: Hyper<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// For a whole request, its answer included.
    timeout: Duration,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// When the server wants to be asked again, if it says so in seconds (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// Its body.
    pub body: Bytes,
}

/// Why nothing came back. The text names no secret.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server can't be reached, or broke off.
    #[error("{0}")]
    Http(String),
    /// It takes too long.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Late(Duration),
}

impl Client {
    /// A client that trusts the certificates that the system trusts.
    pub fn new(timeout: Duration) -> io::Result<Self> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(tokio_rustls::rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { hyper: Hyper::builder(TokioExecutor::new()).build(connector), timeout })
    }

    /// Sends a request of whose answer the body doesn't matter.
    pub async fn tell(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        /// A short body is read, so that the connection can be used again.
        const SHORT: usize = 64 * 1024;

        let exchange = async {
            let response = self.hyper.request(request).await.map_err(|error| Failure::Http(told(&error)))?;
            let (status, retry_after) = head(&response);
            // The server has said what there was to say.
            let _ = timeout(self.timeout / 10, Limited::new(response.into_body(), SHORT).collect()).await;
            Ok(Answer { status, retry_after, body: Bytes::new() })
        };
        timeout(self.timeout, exchange).await.unwrap_or(Err(Failure::Late(self.timeout)))
    }

    /// Sends a request, and reads at most `most` bytes of what comes back.
    pub async fn send(&self, request: Request<Full<Bytes>>, most: usize) -> Result<Answer, Failure> {
        let exchange = async {
            let response = self.hyper.request(request).await.map_err(|error| Failure::Http(told(&error)))?;
            read(response, most).await
        };
        timeout(self.timeout, exchange).await.unwrap_or(Err(Failure::Late(self.timeout)))
    }
}

async fn read(response: hyper::Response<Incoming>, most: usize) -> Result<Answer, Failure> {
    let (status, retry_after) = head(&response);
    let body = Limited::new(response.into_body(), most).collect().await;
    let body = body.map_err(|error| Failure::Http(error.to_string()))?.to_bytes();
    Ok(Answer { status, retry_after, body })
}

fn head(response: &hyper::Response<Incoming>) -> (StatusCode, Option<Duration>) {
    let after = response.headers().get(hyper::header::RETRY_AFTER);
    let retry_after = after.and_then(|after| after.to_str().ok()?.parse().ok()).map(Duration::from_secs);
    (response.status(), retry_after)
}

/// An error, with what caused it: hyper's own text says only that something failed.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", told(cause)),
        None => error.to_string(),
    }
}
