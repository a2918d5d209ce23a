//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use super::{lingering::Lingering, socket::Socket};
use crate::metrics::Metrics;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use std::sync::Arc;

/// What a server adds to a client's key (section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request for a WebSocket, found to be in order.
pub struct Upgrade {
    upgraded: OnUpgrade,
    accept: HeaderValue,
    protocols: Vec<String>,
}

/// Why a request can't become a WebSocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// It isn't a GET.
    Method,
    /// It doesn't ask for a WebSocket.
    NoUpgrade,
    /// Its connection isn't to be upgraded: the header is missing, or it is HTTP/1.0.
    Connection,
    /// It is of another version than 13, the only one there is.
    Version,
    /// Its key isn't 16 bytes in base64.
    Key,
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refused> {
        let headers = &parts.headers;
        if parts.method != Method::GET {
            return Err(Refused::Method);
        }
        if !tokens(headers, header::UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket")) {
            return Err(Refused::NoUpgrade);
        }
        if !tokens(headers, header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade")) {
            return Err(Refused::Connection);
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(Refused::Version);
        }
        let accept = headers.get(header::SEC_WEBSOCKET_KEY).and_then(accept).ok_or(Refused::Key)?;
        let protocols = tokens(headers, header::SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect();
        let upgraded = parts.extensions.remove::<OnUpgrade>().ok_or(Refused::Connection)?;
        Ok(Self { upgraded, accept, protocols })
    }
}

impl Upgrade {
    /// Accepts: with `protocol`, if the client offers it. Gives the response, and what becomes of the connection once that is
    /// sent.
    pub fn accept(self, protocol: &'static str) -> (Response, Opening) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if self.protocols.iter().any(|offered| offered == protocol) {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        (response, Opening(self.upgraded))
    }
}

/// A connection that is about to be a WebSocket.
pub struct Opening(OnUpgrade);

impl Opening {
    /// The socket, unless the connection breaks first. A message may have up to `limit` bytes.
    pub async fn socket(self, limit: usize, metrics: Arc<Metrics>) -> Option<Socket> {
        let parts = self.0.await.ok()?.downcast::<TokioIo<Lingering>>().ok()?;
        Some(Socket::new(parts.io.into_inner(), &parts.read_buf, limit, metrics))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        type Header = (HeaderName, &'static str);
        const ALLOW: Header = (header::ALLOW, "GET");
        const UPGRADE: Header = (header::UPGRADE, "websocket");
        const VERSION: Header = (header::SEC_WEBSOCKET_VERSION, "13");

        match self {
            Self::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, [ALLOW], "a WebSocket begins with GET\n").into_response()
            }
            Self::NoUpgrade => {
                (StatusCode::UPGRADE_REQUIRED, [UPGRADE], "this is a WebSocket endpoint\n").into_response()
            }
            Self::Connection => {
                let sentence =
                    "send `Connection: upgrade` over HTTP/1.1; a proxy may drop the one or use another\n";
                (StatusCode::UPGRADE_REQUIRED, [UPGRADE], sentence).into_response()
            }
            Self::Version => (StatusCode::UPGRADE_REQUIRED, [VERSION], "send `Sec-WebSocket-Version: 13`\n")
                .into_response(),
            Self::Key => {
                let sentence = "send a `Sec-WebSocket-Key` of 16 random bytes in base64\n";
                (StatusCode::BAD_REQUEST, sentence).into_response()
            }
        }
    }
}

/// The values of a header that lists some, in one line or in several.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The answer to a client's key.
fn accept(key: &HeaderValue) -> Option<HeaderValue> {
    let random = BASE64_STANDARD.decode(key).ok()?;
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    (random.len() == 16)
        .then(|| HeaderValue::try_from(BASE64_STANDARD.encode(digest)).expect("base64 is ASCII"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_in_section_1_3() {
        let answer = accept(&HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(answer, Some(HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        for bad in ["", "c2hvcnQ=", "not base64", "dGhlIHNhbXBsZSBub25jZQ"] {
            assert_eq!(accept(&HeaderValue::from_static(bad)), None, "{bad:?}");
        }
    }
}
