//! Whose connection it is, past proxies: seen by whom a node turns away.

use crate::harness::{Client, Ended, HaProxy, Node, until};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ONE_EACH: [&str; 2] = ["--max-sockets-per-address", "1"];
const TURNED_AWAY: &str = r#"switchboard_limits_total{limit="address_sockets"}"#;

async fn node(flags: &[&str]) -> Node {
    Node::with(&[&ONE_EACH, flags].concat()).await
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_it_asks() {
    for (way, header, ann, ben) in [
        ("x-forwarded-for", "x-forwarded-for", "192.0.2.1", "192.0.2.2"),
        ("x-forwarded-for", "x-forwarded-for", "203.0.113.9, 192.0.2.1", "192.0.2.1, 192.0.2.2, 127.0.0.9"),
        ("forwarded", "forwarded", "for=192.0.2.1;proto=https", "for=\"[2001:db8::1]:4711\""),
    ] {
        let node = node(&["--trusted-proxy", "127.0.0.0/8", "--client-address", way]).await;
        let mut first = node.client_with(&[(header, ann)]).await;
        first.join("room").await;
        node.client_with(&[(header, ben)]).await.join("room").await;
        let mut second = node.client_with(&[(header, ann)]).await;
        assert_eq!(second.ended().await, Ended::with(4529, "rate_limited"), "{ann}");
        assert_eq!(node.metric(TURNED_AWAY).await, 1);
    }
}

#[tokio::test]
async fn an_ipv6_subnet_is_one_client() {
    let node = node(&["--trusted-proxy", "127.0.0.1"]).await;
    let from = async |address: &str| node.client_with(&[("x-forwarded-for", address)]).await;
    let mut other = from("2001:db8:0:1::1").await;
    other.join("room").await;
    let mut held = from("2001:db8:0:2::1").await;
    held.join("room").await;
    let mut neighbour = from("2001:db8:0:2:ffff::2").await;
    assert_eq!(neighbour.ended().await, Ended::with(4529, "rate_limited"));
}

#[tokio::test]
async fn a_header_of_somebody_who_is_not_trusted_changes_nothing() {
    for flags in [
        &[][..],
        &["--trusted-proxy", "10.0.0.0/8"],
        &["--trusted-proxy", "10.0.0.0/8", "--client-address", "forwarded"],
        // Trusted, but it should say so otherwise.
        &["--trusted-proxy", "127.0.0.1", "--client-address", "forwarded"],
    ] {
        let node = node(flags).await;
        let mut first = node.client().await;
        first.join("room").await;
        let forged = [("x-forwarded-for", "192.0.2.1"), ("x-real-ip", "192.0.2.1")];
        let mut second = node.client_with(&forged).await;
        assert_eq!(second.ended().await, Ended::with(4529, "rate_limited"), "{flags:?}");
    }
}

/// A client says whatever it likes, and its proxy adds what it sees.
#[tokio::test]
async fn what_a_client_tells_its_proxy_is_not_believed() {
    let node = node(&["--trusted-proxy", "127.0.0.0/8"]).await;
    let mut first = node.client_with(&[("x-forwarded-for", "1.1.1.1, 192.0.2.1")]).await;
    first.join("room").await;
    let lines = [("x-forwarded-for", "2.2.2.2"), ("x-forwarded-for", "192.0.2.1")];
    let mut second = node.client_with(&lines).await;
    assert_eq!(second.ended().await, Ended::with(4529, "rate_limited"));
}

#[tokio::test]
async fn the_proxy_protocol_is_read_before_the_request() {
    let node = node(&["--trusted-proxy", "127.0.0.1", "--client-address", "proxy-protocol"]).await;
    let ann = b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n";
    let version_2 = |last| {
        let addresses = [192, 0, 2, last, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
        [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[0x21, 0x11, 0, 12], &addresses].concat()
    };
    let _ann = upgraded(node.address, ann).await.expect("an answer");
    let _ben = upgraded(node.address, &version_2(2)).await.expect("an answer");
    node.until_metric("switchboard_sockets", 2).await;
    assert_eq!(node.metric(TURNED_AWAY).await, 0);
    let _again = upgraded(node.address, &version_2(1)).await.expect("an answer, and then a close frame");
    node.until_metric(TURNED_AWAY, 1).await;
    assert!(upgraded(node.address, b"").await.is_none(), "who asks for nobody is no proxy");
}

/// They are no WebSockets yet, and all come from the proxy.
#[tokio::test]
async fn one_client_of_a_proxy_cannot_take_all_connections() {
    let flags = ["--trusted-proxy", "127.0.0.1", "--client-address", "proxy-protocol"];
    let node = node(&[&flags[..], &["--handshake-timeout", "1m"]].concat()).await;
    let ann = b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n";
    let mut halves = Vec::new();
    // The one that may become a WebSocket, and 32 more.
    for _ in 0..33 {
        halves.push(half(node.address, ann).await);
    }
    assert_eq!(node.metric(TURNED_AWAY).await, 0);
    let mut cut = half(node.address, ann).await;
    node.until_metric(TURNED_AWAY, 1).await;
    // An end, or a reset: half a request is left unread.
    assert!(matches!(cut.read(&mut [0]).await, Ok(0) | Err(_)));
    let ben = b"PROXY TCP4 192.0.2.2 10.0.0.1 4711 80\r\n";
    assert!(upgraded(node.address, ben).await.is_some(), "another client of the same proxy");
    drop(halves);
    until("there is room again", async || upgraded(node.address, ann).await.is_some()).await;
}

#[tokio::test]
async fn only_trusted_proxies_speak_the_proxy_protocol() {
    let node = node(&["--trusted-proxy", "10.0.0.0/8", "--client-address", "proxy-protocol"]).await;
    node.client().await.join("room").await;
    let forged = b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 80\r\n";
    assert!(upgraded(node.address, forged).await.is_none(), "it is no request");
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_not_waited_for() {
    let flags = ["--trusted-proxy", "127.0.0.1", "--client-address", "proxy-protocol"];
    let node = node(&[&flags[..], &["--handshake-timeout", "50ms"]].concat()).await;
    let mut silent = TcpStream::connect(node.address).await.expect("a listening node");
    silent.write_all(b"PROXY TC").await.expect("an open connection");
    silent.read_to_end(&mut Vec::new()).await.expect("an end");
}

#[tokio::test]
async fn haproxy_says_for_whom_it_asks() {
    for (way, words) in [
        ("x-forwarded-for", "option forwardfor"),
        ("proxy-protocol", "default-server send-proxy"),
        ("proxy-protocol", "default-server send-proxy-v2"),
    ] {
        let node = node(&["--trusted-proxy", "127.0.0.1", "--client-address", way]).await;
        let haproxy = HaProxy::saying(words, &[&node]).await;
        let from = async |source: [u8; 4]| {
            let forged = [("x-forwarded-for", "192.0.2.1")];
            Client::connect_from(source.into(), haproxy.address(), &forged).await
        };
        let (mut ann, mut ben) = (from([127, 0, 0, 2]).await, from([127, 0, 0, 3]).await);
        ann.join("room").await;
        ben.join("room").await;
        let mut second = from([127, 0, 0, 2]).await;
        assert_eq!(second.ended().await, Ended::with(4529, "rate_limited"), "{words}");
    }
}

/// The beginning of a request after what a proxy says of it.
async fn half(address: SocketAddr, before: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a listening node");
    let bytes = [before, b"GET /ws HTTP/1.1\r\n"].concat();
    stream.write_all(&bytes).await.expect("an open connection");
    stream
}

/// A WebSocket after what a proxy says of it; `None` where the node doesn't answer with one.
async fn upgraded(address: SocketAddr, before: &[u8]) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).await.expect("a listening node");
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    // One that is refused may be closed before all is sent.
    let _ = stream.write_all(&[before, request.as_bytes()].concat()).await;
    let mut answer = [0; 13];
    stream.read_exact(&mut answer).await.ok()?;
    (&answer == b"HTTP/1.1 101 ").then_some(stream)
}
