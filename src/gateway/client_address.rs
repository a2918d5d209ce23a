//! Whose connection it is, where it comes through proxies.
//!
//! Each proxy adds the address that it sees to what it was told, and anybody can tell anything. So what was told is read
//! from its end, past the proxies that are trusted; the first other address is the client's, as the last trusted proxy saw
//! it. What stands before that is hearsay.

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The proxies that may say for whom they ask, and how they do.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    trusted: Vec<IpNet>,
    told_by: ToldBy,
}

/// How a proxy says for whom it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToldBy {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY protocol, version 1 or 2, before the request.
    ProxyProtocol,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Proxies {
    /// These are trusted.
    pub fn new(trusted: Vec<IpNet>, told_by: ToldBy) -> Self {
        Self { trusted, told_by }
    }

    /// Whether this is one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Whether what this address sends begins with the PROXY protocol.
    pub fn speaks_proxy_protocol(&self, address: IpAddr) -> bool {
        self.told_by == ToldBy::ProxyProtocol && self.trusts(address)
    }

    /// Whose request it is that came from `peer`.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let mut hops = match self.told_by {
            ToldBy::XForwardedFor => x_forwarded_for(headers),
            ToldBy::Forwarded => forwarded(headers),
            ToldBy::ProxyProtocol => return peer,
        };
        let mut client = peer;
        while self.trusts(client)
            && let Some(Some(before)) = hops.pop()
        {
            client = before;
        }
        client
    }
}

/// The addresses in the order of the way; `None` for what isn't one.
type Hops = Vec<Option<IpAddr>>;

fn x_forwarded_for(headers: &HeaderMap) -> Hops {
    let lines = headers.get_all(X_FORWARDED_FOR).into_iter();
    // Bytes, so that one that is no text spoils its own element only.
    lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b',').map(address_in)).collect()
}

fn address_in(element: &[u8]) -> Option<IpAddr> {
    address(str::from_utf8(element).ok()?.trim())
}

fn forwarded(headers: &HeaderMap) -> Hops {
    let lines = headers.get_all(header::FORWARDED).into_iter();
    lines.flat_map(|line| forwarded_line(line.as_bytes())).collect()
}

/// A client may leave a quoted string open, so that what its proxy adds to the line would be part of the string. Nothing
/// in such a line is believed.
fn forwarded_line(line: &[u8]) -> Hops {
    if ends_quoted(line) {
        return vec![None];
    }
    split_unquoted(line, b',').map(forwarded_for).collect()
}

/// Whom an element of `Forwarded` is for. `unknown` and made-up names are no addresses (RFC 7239, section 6).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let pairs = split_unquoted(element, b';').map(str::from_utf8);
    let pairs: Vec<&str> = pairs.collect::<Result<_, _>>().ok()?;
    let mut pairs = pairs.into_iter().filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    match value.strip_prefix('"') {
        Some(rest) => address(&rest.strip_suffix('"')?.replace('\\', "")),
        None => address(value),
    }
}

/// The parts between the separators that aren't in a quoted string.
fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut quotes = Quotes::default();
    text.split(move |&byte| {
        quotes.pass(byte);
        byte == separator && !quotes.open
    })
}

fn ends_quoted(text: &[u8]) -> bool {
    let mut quotes = Quotes::default();
    for &byte in text {
        quotes.pass(byte);
    }
    quotes.open
}

/// Whether what is read is in a quoted string.
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn pass(&mut self, byte: u8) {
        self.open ^= byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && self.open && !self.escaped;
    }
}

/// An address with or without its port; one of IPv6 is in brackets then, and may be without.
fn address(node: &str) -> Option<IpAddr> {
    let alone =
        || node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node).parse().ok();
    let address: Option<IpAddr> = alone().or_else(|| node.parse::<SocketAddr>().ok().map(|node| node.ip()));
    // A proxy may be unwilling to tell the port, too (section 6.3).
    let hidden_port = || node.rsplit_once(":_").and_then(|(node, _)| self::address(node));
    address.or_else(hidden_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const PROXY: &str = "10.0.0.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn client(told_by: ToldBy, peer: &str, lines: &[impl AsRef<[u8]>]) -> IpAddr {
        let trusted = ["10.0.0.0/8", "2001:db8:cafe::/48"].map(|network| network.parse().expect("a network"));
        let name = match told_by {
            ToldBy::Forwarded => header::FORWARDED,
            _ => X_FORWARDED_FOR,
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line.as_ref()).expect("a value"));
        }
        Proxies::new(trusted.into(), told_by).client(ip(peer), &headers)
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_clients() {
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, 10.0.0.2, 10.0.0.3"], "192.0.2.1"),
            (&["203.0.113.9", "192.0.2.1", "10.0.0.2"], "192.0.2.1"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["2001:db8::1,2001:db8:cafe::7"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["192.0.2.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1, "], PROXY),
            (&[], PROXY),
        ] {
            assert_eq!(client(ToldBy::XForwardedFor, PROXY, lines), ip(expected), "{lines:?}");
        }
    }

    #[test]
    fn the_same_in_the_words_of_rfc_7239() {
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], "192.0.2.1"),
            (&["For=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (&["for=192.0.2.1;proto=http;by=203.0.113.43"], "192.0.2.1"),
            (&["proto=http; for=192.0.2.1"], "192.0.2.1"),
            (
                &["for=203.0.113.9, for=192.0.2.1;by=\"a,b;for=10.9.9.9\\\",\", for=\"10.0.0.2:80\""],
                "192.0.2.1",
            ),
            (&["for=203.0.113.9", "for=192.0.2.1"], "192.0.2.1"),
            (&["for=192.0.2.1, for=unknown"], PROXY),
            (&["for=192.0.2.1, for=_hidden, for=10.0.0.2"], "10.0.0.2"),
            (&["for=\"192.0.2.1:_obscure\""], "192.0.2.1"),
            (&["for=192.0.2.1, by=10.0.0.2"], PROXY),
            (&["for=\"192.0.2.1"], PROXY),
            (&["for=9.9.9.9;x=\", for=192.0.2.1"], PROXY),
            (&["for=9.9.9.9;x=\", for=\"[2001:db8::1]\""], PROXY),
            (&["for=9.9.9.9;x=\"\\, for=\"[2001:db8::1]\";by=\"[2001:db8:cafe::7]\""], PROXY),
            (&["for=9.9.9.9;x=\"", "for=192.0.2.1"], "192.0.2.1"),
            (&["for=9.9.9.9;x=\", for=192.0.2.1", "for=10.0.0.2"], "10.0.0.2"),
        ] {
            assert_eq!(client(ToldBy::Forwarded, PROXY, lines), ip(expected), "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_text_spoils_only_itself() {
        for (told_by, line, expected) in [
            (ToldBy::XForwardedFor, b"\xe9, 192.0.2.1".as_slice(), "192.0.2.1"),
            (ToldBy::XForwardedFor, b"192.0.2.1, \xe9, 10.0.0.2", "10.0.0.2"),
            (ToldBy::Forwarded, b"for=\xe9, for=192.0.2.1", "192.0.2.1"),
            (ToldBy::Forwarded, b"for=9.9.9.9;by=\xe9", PROXY),
        ] {
            assert_eq!(client(told_by, PROXY, &[line]), ip(expected), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn who_is_not_trusted_tells_nothing() {
        for told_by in [ToldBy::XForwardedFor, ToldBy::Forwarded] {
            for line in ["192.0.2.1", "for=192.0.2.1"] {
                assert_eq!(client(told_by, "203.0.113.9", &[line]), ip("203.0.113.9"));
            }
        }
        assert_eq!(
            client(ToldBy::ProxyProtocol, PROXY, &["192.0.2.1"]),
            ip(PROXY),
            "told before the request"
        );
        assert_eq!(client(ToldBy::XForwardedFor, "::ffff:10.0.0.1", &["192.0.2.1"]), ip("192.0.2.1"));
    }
}
