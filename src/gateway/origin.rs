//! Which pages may connect. A browser lets any page open a WebSocket to anywhere, and says in `Origin` (RFC 6454) which
//! page it is; so it is for the server to refuse. Who isn't a browser can say anything, or nothing: this guards people who
//! look at pages, not the node.

use axum::http::{HeaderMap, header};

/// The pages that may connect, apart from the gateway's own.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<AllowedOrigin>);

/// One setting of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Every page.
    Any,
    /// Pages that have no origin, such as files.
    Null,
    /// The pages of one origin.
    Of(Origin),
}

/// Scheme, host and port. The host is in lower case; the port is the scheme's where none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl AllowedOrigin {
    /// Reads a setting, or says what it takes.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "*" => Ok(Self::Any),
            "null" => Ok(Self::Null),
            _ => Origin::parse(text).map(Self::Of).ok_or_else(|| {
                "takes an origin as browsers write it, scheme://host[:port] without a path, such as \
                 https://example.org; or *, or null"
                    .into()
            }),
        }
    }

    fn admits(&self, origin: Option<&Origin>, is_null: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Null => is_null,
            Self::Of(allowed) => origin == Some(allowed),
        }
    }
}

impl Origins {
    /// These, and the gateway's own.
    pub fn new(allowed: Vec<AllowedOrigin>) -> Self {
        Self(allowed)
    }

    /// Whether a request may become a WebSocket. One that names no origin isn't a page's.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::ORIGIN).iter();
        let (text, other) = (named.next(), named.next());
        let Some(text) = text else { return true };
        let text = text.to_str().ok().filter(|_| other.is_none());
        let origin = text.and_then(Origin::parse);
        let is_own = origin.as_ref().is_some_and(|origin| origin.is_of_host(headers));
        is_own || self.0.iter().any(|allowed| allowed.admits(origin.as_ref(), text == Some("null")))
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let (host, port) = split_authority(authority)?;
        let port = port.or(default_port(&scheme));
        is_scheme.then_some(Self { scheme, host, port })
    }

    /// Whether it is where the request was sent to. The scheme isn't known here, as TLS ends before the gateway.
    fn is_of_host(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| split_authority(host.to_str().ok()?));
        host.is_some_and(|(host, port)| self.host == host && self.port == port.or(default_port(&self.scheme)))
    }
}

/// The host in lower case, and the port that is named.
fn split_authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        // The colon is one in an IPv6 address.
        Some((_, after)) if after.ends_with(']') => (text, None),
        Some((host, port)) => {
            let digits = port.bytes().all(|c| c.is_ascii_digit());
            (host, Some(port.parse().ok().filter(|_| digits)?))
        }
        None => (text, None),
    };
    let is_name = |host: &str| {
        !host.is_empty() && host.bytes().all(|c| c.is_ascii_graphic() && !b"/?#@:[]\\".contains(&c))
    };
    let is_ipv6 = |host: &str| {
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inside.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
    };
    (is_name(host) || is_ipv6(host)).then(|| (host.to_ascii_lowercase(), port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(allowed: &[&str], host: &str, origins: &[&str]) -> bool {
        let allowed = allowed.iter().map(|text| AllowedOrigin::parse(text).expect("an origin")).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a value"));
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().expect("a value"));
        }
        Origins::new(allowed).admit(&headers)
    }

    #[test]
    fn a_page_may_connect_to_where_it_came_from() {
        for (host, origin) in [
            ("example.org", "https://example.org"),
            ("example.org", "http://example.org"),
            ("Example.org:443", "https://example.ORG"),
            ("example.org:8080", "http://example.org:8080"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("[::1]", "https://[::1]"),
        ] {
            assert!(admits(&[], host, &[origin]), "{origin} to {host}");
        }
        assert!(admits(&[], "example.org", &[]), "not a page");
    }

    #[test]
    fn any_other_page_may_not() {
        for (host, origin) in [
            ("example.org", "https://example.com"),
            ("example.org", "https://example.org:8443"),
            ("example.org:80", "https://example.org"),
            ("example.org", "https://a.example.org"),
            ("example.org", "https://example.org.evil.test"),
            ("example.org", "https://example.org/path"),
            ("example.org", "https://user@example.org"),
            ("example.org", "example.org"),
            ("example.org", "://example.org"),
            ("example.org", "https://"),
            ("example.org", "null"),
            ("null", "null"),
            ("example.org", ""),
            ("[::1]:8080", "http://[::2]:8080"),
        ] {
            assert!(!admits(&[], host, &[origin]), "{origin} to {host}");
        }
        let twice = ["https://example.org", "https://example.org"];
        assert!(!admits(&[], "example.org", &twice), "which one is it?");
    }

    #[test]
    fn pages_from_elsewhere_are_named() {
        let allowed = ["https://example.com", "capacitor://localhost", "http://[2001:DB8::1]:8080"];
        for origin in [
            "https://example.com",
            "https://example.com:443",
            "capacitor://localhost",
            "http://[2001:db8::1]:8080",
        ] {
            assert!(admits(&allowed, "example.org", &[origin]), "{origin}");
        }
        for origin in ["http://example.com", "https://example.com:444", "capacitor://localhost:1", "null"] {
            assert!(!admits(&allowed, "example.org", &[origin]), "{origin}");
        }
        assert!(admits(&allowed, "example.org", &["https://example.org"]), "its own, still");
        assert!(admits(&["null"], "example.org", &["null"]));
        assert!(!admits(&["null"], "example.org", &["https://example.com"]));
        for origin in ["null", "https://example.com", "nonsense"] {
            assert!(admits(&["*"], "example.org", &[origin]), "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_told_what_one_is() {
        for text in [
            "",
            "example.org",
            "https://example.org/",
            "https://example.org:x",
            "https://example.org:+1",
            "https://bücher.example",
            "**",
        ] {
            let sentence = AllowedOrigin::parse(text).expect_err(text);
            assert!(sentence.contains("scheme://host[:port]"), "{sentence}");
        }
    }
}
