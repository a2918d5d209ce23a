//! Who may ask: who has the token, and no other site's page.

use super::{Admin, refusal::Refusal};
use crate::{gateway::Origins, secret::Secret};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The token, as its hash: so what is compared has one length, whatever is guessed, and the time that it takes tells nothing
/// of the token.
pub(super) struct Token(Secret);

impl Token {
    pub(super) fn new(token: &Secret) -> Self {
        Self(Secret::new(digest(token.reveal())))
    }

    /// Whether a request has it. What is missing or malformed is compared like what is wrong.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let said = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        self.0.is(&digest(bearer(said).unwrap_or_default()))
    }
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// The token of `Bearer token`; the scheme's case doesn't matter (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// Lets a request through, or says why not; and counts it.
pub(super) async fn guard(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    let answer = match admin.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    admin.gateway.metrics.admin_request(answer.status().as_u16());
    answer
}

impl Admin {
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if !is_own_page(headers) {
            return Err(Refusal::Forbidden("a page of another site can't use this API"));
        }
        match &self.token {
            None => Err(Refusal::Forbidden("this API is closed; --admin-token opens it")),
            Some(token) if token.admits(headers) => Ok(()),
            Some(_) => Err(Refusal::Unauthorized),
        }
    }
}

/// Whether no page asks, or one that came from here. Browsers name the page's site in `Origin`. Some leave it out when a page
/// asks its own site.
fn is_own_page(headers: &HeaderMap) -> bool {
    Origins::default().admit(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_the_token_opens() {
        let token = Token::new(&Secret::new(*b"a token of the operator's"));
        let admits = |value| token.admits(&headers(&[(header::AUTHORIZATION, value)]));
        assert!(admits("Bearer a token of the operator's") && admits("bearer a token of the operator's"));
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a token of the operator",
            "Bearer a token of the operator's ",
            "Bearer  a token of the operator's",
            "Basic a token of the operator's",
            "a token of the operator's",
        ] {
            assert!(!admits(wrong), "{wrong:?}");
        }
        assert!(!token.admits(&HeaderMap::new()));
    }

    #[test]
    fn a_page_is_from_here_or_from_elsewhere() {
        let host = (header::HOST, "admin.example:9090");
        let asks = |origin| is_own_page(&headers(&[host.clone(), (header::ORIGIN, origin)]));
        assert!(asks("http://admin.example:9090") && asks("https://ADMIN.example:9090"));
        for other in ["http://admin.example", "http://evil.example:9090", "null", "", "admin.example:9090"] {
            assert!(!asks(other), "{other:?}");
        }
        assert!(is_own_page(&HeaderMap::new()), "no page");
        assert!(!is_own_page(&headers(&[(header::ORIGIN, "http://admin.example:9090")])), "who knows?");
    }
}
