//! Where requests go.

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{Uri, header::HeaderValue};
use percent_encoding::percent_decode_str;
use std::fmt;
use url::Url;

/// A URL of the operator's. It prints without what may be secret in it: user, password, path and query.
#[derive(Clone)]
pub struct Target {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

impl Target {
    /// Reads an `http` or `https` URL. What is wrong with it is said without it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "takes a URL that begins with http:// or https://".to_owned();
        let mut url = Url::parse(text).map_err(|_| wrong())?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err(wrong());
        }
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<_>>();
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let words = [decoded(url.username()), decoded(url.password().unwrap_or_default())].join(&b':');
            let basic = format!("Basic {}", BASE64_STANDARD.encode(words));
            let mut value = HeaderValue::from_str(&basic).expect("base64 is ASCII");
            value.set_sensitive(true);
            value
        });
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| wrong())?;
        url.set_fragment(None);
        Ok(Self { uri: url.as_str().parse().map_err(|_| wrong())?, authorization })
    }

    /// The same with this path behind its own.
    #[must_use]
    pub fn join(mut self, path: &str) -> Self {
        let (own, query) = (self.uri.path().trim_end_matches('/'), self.uri.query());
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(format!("{own}{path}{query}").parse().expect("parts of URLs"));
        self.uri = Uri::from_parts(parts).expect("a URL with another path");
        self
    }

    /// Where to ask.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Who asks, if the URL says so.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.uri.scheme_str(), self.uri.authority());
        write!(f, "{}://{}", scheme.unwrap_or_default(), authority.map_or("", |authority| authority.as_str()))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_prints_without_its_secrets() {
        let target = Target::parse("https://user:p%40ss@example.org:8443/hook/token?key=1").expect("a URL");
        assert_eq!(
            format!("{target} {target:?}"),
            "https://example.org:8443 Target(https://example.org:8443)"
        );
        assert_eq!(target.uri, "https://example.org:8443/hook/token?key=1");
        let authorization = target.authorization.expect("credentials");
        assert_eq!(authorization, format!("Basic {}", BASE64_STANDARD.encode("user:p@ss")));
        assert!(!format!("{authorization:?}").contains("Basic"));
    }

    #[test]
    fn a_target_is_a_url_of_the_web() {
        for text in
            ["", "example.org/hook", "ftp://example.org/", "http://?key", "mailto:a@b", "https:// /key"]
        {
            let why = Target::parse(text).expect_err(text);
            assert!(text.is_empty() || !why.contains(text), "{why}");
        }
        assert!(Target::parse("http://[::1]:3000").is_ok());
    }

    #[test]
    fn a_path_comes_behind_the_targets_own() {
        for (base, joined) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://a:b@example.org/otlp/?key=1", "https://example.org/otlp/v1/traces?key=1"),
        ] {
            let target = Target::parse(base).expect("a URL").join("/v1/traces");
            assert_eq!(target.uri.to_string(), joined);
            assert_eq!(target.authorization.is_some(), base.contains('@'));
        }
    }
}
