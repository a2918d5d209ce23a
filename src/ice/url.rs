//! The URLs of STUN servers (RFC 7064) and of TURN servers (RFC 7065), as `RTCPeerConnection` takes them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The URL of a STUN server: `stun:host` or `stuns:host`, and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StunUrl(String);

impl StunUrl {
    /// Reads one, or `None` where a browser would refuse it.
    pub fn parse(text: &str) -> Option<Self> {
        let place = after_scheme(text, ["stun:", "stuns:"])?;
        is_place(place).then(|| Self(text.into()))
    }
}

impl From<StunUrl> for String {
    fn from(url: StunUrl) -> Self {
        url.0
    }
}

/// The URL of a TURN server: `turn:host` or `turns:host`, perhaps a port, and perhaps `?transport=udp` or `tcp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnUrl(String);

impl TurnUrl {
    /// Reads one, or `None` where a browser would refuse it.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = after_scheme(text, ["turn:", "turns:"])?;
        let (place, transport) = match rest.split_once('?') {
            None => (rest, None),
            Some((place, query)) => (place, Some(query.strip_prefix("transport=")?)),
        };
        let known = transport.is_none_or(|transport| ["udp", "tcp"].contains(&transport));
        (known && is_place(place)).then(|| Self(text.into()))
    }
}

impl From<TurnUrl> for String {
    fn from(url: TurnUrl) -> Self {
        url.0
    }
}

fn after_scheme<'a>(text: &'a str, schemes: [&str; 2]) -> Option<&'a str> {
    schemes.iter().find_map(|scheme| text.strip_prefix(scheme))
}

/// `host [ ":" port ]`, the host an address or a name (RFC 3986, section 3.2.2).
fn is_place(text: &str) -> bool {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = rest.strip_prefix(':');
        return address.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || port.is_some_and(is_port));
    }
    match text.split_once(':') {
        Some((host, port)) => is_host(host) && is_port(port),
        None => is_host(text),
    }
}

fn is_host(text: &str) -> bool {
    let numeric = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let name = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    if numeric { text.parse::<Ipv4Addr>().is_ok() } else { text.trim_end_matches('.').split('.').all(name) }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [&str; 6] = [
        "a",
        "turn.example.org",
        "turn.example.org:3478",
        "192.0.2.1:1",
        "[2001:db8::1]",
        "[2001:db8::1]:65535",
    ];

    const NO_PLACES: [&str; 14] = [
        "", "//a", "a b", "a/b", "a:", "a:0", "a:65536", "a:+1", "a:x", ":3478", "user@a", "1.2.3", "[::1",
        "[a]:1",
    ];

    #[test]
    fn what_a_browser_takes() {
        for place in PLACES {
            for scheme in ["stun", "stuns"] {
                assert!(StunUrl::parse(&format!("{scheme}:{place}")).is_some(), "{scheme}:{place}");
            }
            for (scheme, query) in
                [("turn", ""), ("turns", ""), ("turn", "?transport=udp"), ("turns", "?transport=tcp")]
            {
                let url = format!("{scheme}:{place}{query}");
                assert_eq!(TurnUrl::parse(&url).map(String::from), Some(url));
            }
        }
    }

    #[test]
    fn what_it_refuses() {
        for place in NO_PLACES {
            assert!(StunUrl::parse(&format!("stun:{place}")).is_none(), "stun:{place}");
            assert!(TurnUrl::parse(&format!("turn:{place}")).is_none(), "turn:{place}");
        }
        for url in ["a", "http:a", "turn:a", "stun:a?transport=udp"] {
            assert!(StunUrl::parse(url).is_none(), "{url}");
        }
        for url in ["stun:a", "turn:a?", "turn:a?transport=", "turn:a?transport=sctp", "turn:a?x=1"] {
            assert!(TurnUrl::parse(url).is_none(), "{url}");
        }
    }
}
