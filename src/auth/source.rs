//! Where keys are.

use super::Pace;
use crate::{
    outbound::{self, Client},
    secret::Secret,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, Uri, header};
use std::{fmt, fs, path::PathBuf, time::Duration};
use tokio::task::spawn_blocking;

/// Where keys are, and what of.
#[derive(Clone, Debug)]
pub enum Source {
    /// Here: each signs tokens, and checks them.
    Secrets(Vec<Secret>),
    /// Elsewhere: a JWK set that is read again and again.
    Set(Place, Pace),
}

/// Where a JWK set is. It prints without the URL's query, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// At a URL.
    Url(Uri),
}

/// The largest set that is read, in bytes.
const MOST: usize = 256 * 1024;

/// How long a server may take to send it.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Place {
    /// Whether somebody on the way could put other keys in.
    pub(super) fn is_open_to_tampering(&self) -> bool {
        let Self::Url(url) = self else { return false };
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here =
            host == "localhost" || host.parse().is_ok_and(|host: std::net::IpAddr| host.is_loopback());
        url.scheme_str() != Some("https") && !is_here
    }

    /// A way to read what is there.
    pub(super) fn reader(self) -> Result<Reader, String> {
        match self {
            Self::File(path) => Ok(Reader::File(path)),
            Self::Url(url) => {
                let client = Client::new(TIMEOUT).map_err(|error| format!("no HTTP client: {error}"))?;
                Ok(Reader::Url(url, Box::new(client)))
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => {
                let host = url.authority().map_or("", |authority| authority.as_str());
                write!(f, "{}://{host}{}", url.scheme_str().unwrap_or_default(), url.path())
            }
        }
    }
}

/// Reads a set.
pub(super) enum Reader {
    File(PathBuf),
    Url(Uri, Box<Client>),
}

impl Reader {
    pub(super) async fn read(&self) -> Result<Bytes, String> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let read = spawn_blocking(move || fs::read(path)).await.map_err(|error| error.to_string())?;
                read.map(Bytes::from).map_err(|error| error.to_string())
            }
            Self::Url(url, client) => fetch(url, client).await,
        }
    }
}

async fn fetch(url: &Uri, client: &Client) -> Result<Bytes, String> {
    let request = Request::get(url).header(header::ACCEPT, "application/jwk-set+json, application/json");
    let request = request.body(Full::default()).map_err(|error| error.to_string())?;
    let outbound::Answer { status, body, .. } =
        client.send(request, MOST).await.map_err(|error| error.to_string())?;
    if status == StatusCode::OK { Ok(body) } else { Err(format!("the server answers {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_does_not_print() {
        let url = Place::Url("https://id.example.org:8443/keys?token=hunter2".parse().expect("a URL"));
        assert_eq!([url.to_string(), format!("{url:?}")], ["https://id.example.org:8443/keys"; 2]);
    }

    #[test]
    fn plain_http_is_safe_within_the_machine_only() {
        for (url, open) in [
            ("http://id.example.org/keys", true),
            ("https://id.example.org/keys", false),
            ("http://localhost:1/", false),
            ("http://127.0.0.1:1/", false),
            ("http://[::1]:1/", false),
        ] {
            assert_eq!(Place::Url(url.parse().expect("a URL")).is_open_to_tampering(), open, "{url}");
        }
        assert!(!Place::File("keys.json".into()).is_open_to_tampering());
    }
}
