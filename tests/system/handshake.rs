//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use crate::harness::{Node, request};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ORDINARY: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

#[tokio::test]
async fn who_asks_wrongly_is_told_what_is_missing() {
    let node = Node::start().await;
    let refusals = [
        (0, "Connection: close", 426, ("upgrade", "websocket"), "send `Connection: upgrade`"),
        (1, "Upgrade: h2c", 426, ("upgrade", "websocket"), "this is a WebSocket endpoint"),
        (
            2,
            "Sec-WebSocket-Version: 8",
            426,
            ("sec-websocket-version", "13"),
            "send `Sec-WebSocket-Version: 13`",
        ),
        (
            3,
            "Sec-WebSocket-Key: c2hvcnQ=",
            400,
            ("content-type", "text/plain; charset=utf-8"),
            "16 random bytes",
        ),
    ];
    for (place, line, status, (name, value), sentence) in refusals {
        for line in [line, ""] {
            let mut lines = ORDINARY;
            lines[0] = "Connection: upgrade, close";
            lines[place] = line;
            let lines: Vec<&str> =
                lines.into_iter().filter(|line| !line.is_empty()).chain(["Connection: close"]).collect();
            let answer = request(node.address, &head("GET", node.address, &lines)).await;
            assert_eq!((answer.status, answer.header(name)), (status, Some(value)), "{line}");
            assert!(answer.body.contains(sentence), "{line}: {}", answer.body);
        }
    }
    let answer =
        request(node.address, &head("HEAD", node.address, &[&ORDINARY[..], &["Connection: close"]].concat()))
            .await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
}

#[tokio::test]
async fn http_1_0_cannot_become_a_websocket() {
    let node = Node::start().await;
    let head = head("GET", node.address, &ORDINARY).replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(request(node.address, &head).await.status, 426);
}

#[tokio::test]
async fn headers_may_list_what_they_like_in_any_case() {
    let node = Node::start().await;
    let lines = ["connection: keep-alive, UPGRADE", "upgrade: WebSocket", ORDINARY[2], ORDINARY[3]];
    let offers = ["Sec-WebSocket-Protocol: other", "Sec-WebSocket-Protocol: another, switchboard.v1"];
    let answer = answer_of(node.address, &[&lines[..], &offers].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
    assert!(answer.contains("\r\nsec-websocket-protocol: switchboard.v1\r\n"), "{answer}");
    for none in [&[][..], &offers[..1]] {
        let answer = answer_of(node.address, &[&lines[..], none].concat()).await;
        assert!(
            answer.starts_with("HTTP/1.1 101 ") && !answer.contains("sec-websocket-protocol"),
            "{answer}"
        );
    }
}

/// A client that doesn't wait for the answer before it speaks is heard.
#[tokio::test]
async fn what_comes_with_the_request_is_not_lost() {
    let node = Node::start().await;
    let mut stream = TcpStream::connect(node.address).await.expect("a listening node");
    let ping = [0x89, 0x82, 0, 0, 0, 0, b'h', b'i'];
    let bytes = [head("GET", node.address, &ORDINARY).as_bytes(), &ping].concat();
    stream.write_all(&bytes).await.expect("an open connection");
    head_from(&mut stream).await;
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).await.expect("an answer");
    assert_eq!(pong, [0x8A, 2, b'h', b'i']);
}

fn head(method: &str, address: SocketAddr, lines: &[&str]) -> String {
    format!("{method} /ws HTTP/1.1\r\nHost: {address}\r\n{}\r\n\r\n", lines.join("\r\n"))
}

async fn answer_of(address: SocketAddr, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a listening node");
    stream.write_all(head("GET", address, lines).as_bytes()).await.expect("an open connection");
    head_from(&mut stream).await
}

async fn head_from(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    String::from_utf8(head).expect("ASCII")
}
