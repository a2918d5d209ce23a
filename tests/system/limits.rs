//! Every way that the gateway ends a connection, and that it says why.

mod counted;
mod rates;

use crate::harness::{Client, Ended, Node, Process, RawClient, get, raw::Opcode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    join,
    net::TcpStream,
    task::yield_now,
};

#[tokio::test]
async fn a_frame_over_the_limit() {
    let node = Node::start().await;
    for size in [64 * 1024 + 1, 1024 * 1024] {
        let mut client = RawClient::connect(node.address).await;
        client.send(&[(Opcode::Text, &vec![b' '; size])]).await;
        assert_eq!(client.ended().await, (Ended::with(1009, "too_big"), 0));
    }
}

#[tokio::test]
async fn a_frame_at_the_limit_is_fine() {
    let node = Node::with(&["--max-frame", "2KiB"]).await;
    let mut client = RawClient::connect(node.address).await;
    let ping = format!("{:2048}", r#"{"eventName":"ping"}"#);
    client.send(&[(Opcode::Text, ping.as_bytes())]).await;
    assert_eq!(
        client.receive().await,
        Some((Opcode::Text as u8, br#"{"eventName":"pong","data":{}}"#.to_vec()))
    );
}

#[tokio::test]
async fn text_that_is_not_utf_8() {
    let node = Node::start().await;
    let mut client = RawClient::connect(node.address).await;
    client.send(&[(Opcode::Text, b"{\"eventName\":\"\xff\"}")]).await;
    assert_eq!(client.ended().await, (Ended::with(1007, "bad_utf8"), 0));
}

#[tokio::test]
async fn a_frame_that_breaks_the_protocol() {
    let node = Node::start().await;
    let mut client = RawClient::connect(node.address).await;
    client.send(&[(Opcode::Reserved, b"")]).await;
    assert_eq!(client.ended().await, (Ended::with(1002, "protocol_error"), 0));
}

#[tokio::test]
async fn too_many_malformed_frames_each_answered_but_the_last() {
    let node = Node::start().await;
    let mut client = RawClient::connect(node.address).await;
    client.send(&[(Opcode::Text, b"nonsense".as_slice()); 10]).await;
    assert_eq!(client.ended().await, (Ended::with(4400, "bad_message"), 9));
}

#[tokio::test]
async fn what_came_before_the_fault_is_answered() {
    let node = Node::start().await;
    let mut client = RawClient::connect(node.address).await;
    let ping = br#"{"eventName":"ping"}"#.as_slice();
    let mut frames = vec![(Opcode::Text, ping); 100];
    frames.push((Opcode::Reserved, b""));
    client.send(&frames).await;
    assert_eq!(client.ended().await, (Ended::with(1002, "protocol_error"), 100));
}

#[tokio::test]
async fn a_close_frame_is_answered() {
    let node = Node::start().await;
    for payload in [b"".as_slice(), b"\x03\xe8", b"\x03\xe8bye", b"\x0f\xa0"] {
        let mut client = RawClient::connect(node.address).await;
        client.send(&[(Opcode::Close, payload)]).await;
        let (opcode, answer) = client.receive().await.expect("an answer");
        assert_eq!((opcode, answer.get(..2)), (Opcode::Close as u8, payload.get(..2)));
        assert_eq!(client.receive().await, None);
    }
}

#[tokio::test]
async fn nobody_joins() {
    let node = Node::with(&["--join-timeout", "50ms"]).await;
    assert_eq!(node.client().await.ended().await, Ended::with(4408, "join_timeout"));
}

#[tokio::test]
async fn nobody_answers_the_ping() {
    let node = Node::with(&["--ping-interval", "50ms", "--ping-timeout", "500ms"]).await;
    let [mut ann] = node.room("room").await;
    let mut ben = RawClient::entering(node.address, "room").await;
    let silence = async {
        let (ended, before) = ben.ended().await;
        assert_eq!(ended, Ended::with(4504, "ping_timeout"));
        assert!(before >= 2, "`peers` and a ping came before");
    };
    // She reads all the while, and so answers her own pings.
    let company = async {
        ann.hear_event("new_peer").await;
        assert_eq!(ann.hear_event("remove_peer").await["reason"], "lost");
    };
    join!(silence, company);
}

#[tokio::test]
async fn who_answers_the_ping_stays() {
    let node = Node::with(&["--ping-interval", "20ms", "--ping-timeout", "2s"]).await;
    let [mut ann] = node.room("room").await;
    for _ in 0..5 {
        ann.hear_ping().await;
    }
    ann.hears_nothing().await;
}

#[tokio::test]
async fn a_client_that_does_not_read() {
    let node = Node::start().await;
    let mut ann = node.client().await;
    ann.join("room").await;
    let mut ben = RawClient::entering(node.address, "room").await;
    let ben_id = ann.hear_event("new_peer").await["socketId"].take();

    // More than the system's buffers hold (some megabytes), and the outbox.
    let message = json!({ "socketId": ben_id, "body": "x".repeat(60_000) });
    let mut sent = 0;
    while node.metric(r#"switchboard_closes_total{reason="slow_consumer"}"#).await == 0 {
        for _ in 0..50 {
            ann.say("message", message.clone()).await;
        }
        sent += 50;
        assert!(sent < 5_000, "300 MB wait for one client");
    }
    // What the system had taken comes whole, to the last byte of a frame that a write was given up in; then the reason.
    assert_eq!(ben.ended().await.0, Ended::with(4508, "slow_consumer"));
    let gone = ann.hear_past("error", "remove_peer").await;
    assert_eq!((&gone["socketId"], &gone["reason"]), (&ben_id, &json!("lost")));
}

#[tokio::test]
async fn too_many_sockets() {
    let node = Node::with(&["--max-sockets", "2"]).await;
    let [ann, _ben]: [Client; 2] = node.room("room").await;
    assert_eq!(node.client().await.ended().await, Ended::with(1013, "overloaded"));
    ann.close().await;
    node.until_metric("switchboard_sockets", 1).await;
    node.client().await.join("room").await;
}

#[tokio::test]
async fn the_node_stops() {
    let node = Node::start().await;
    let [mut ann] = node.room("room").await;
    let mut outside = node.client().await;
    let stopped = tokio::spawn(node.stop());
    assert_eq!(ann.ended().await, Ended::with(1012, "restart"));
    assert_eq!(outside.ended().await, Ended::with(1012, "restart"));
    stopped.await.expect("a clean end");
}

#[tokio::test]
async fn an_idle_socket_is_small() {
    const SOCKETS: u64 = 500;

    let node = Process::start(&[]).await;
    let mut clients = vec![node.client().await];
    let before = node.memory();
    for _ in 0..SOCKETS {
        clients.push(node.client().await);
    }
    node.until_metric("switchboard_sockets", SOCKETS + 1).await;
    // 4 KiB each; with a library's own buffers it would be 130.
    let each = (node.memory() - before) / SOCKETS;
    assert!(each < 10, "{each} KiB a socket");
}

#[tokio::test]
async fn a_page_that_is_never_read() {
    let node = Node::with(&["--http-timeout", "100ms"]).await;
    let (mut answers, mut requests) =
        TcpStream::connect(node.address).await.expect("a listening node").into_split();
    let asking = tokio::spawn(async move {
        while requests.write_all(b"GET /switchboard.d.ts HTTP/1.1\r\nHost: x\r\n\r\n").await.is_ok() {}
    });
    // Nothing is read until the node has had enough.
    asking.await.expect("the node ends the connection");
    let _ = answers.read_to_end(&mut Vec::new()).await;
    node.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_outside() {
    let node = Process::start(&["--max-sockets", "1", "--handshake-timeout", "1m"]).await;
    let mut idle = Vec::new();
    for _ in 0..600 {
        idle.push(TcpStream::connect(node.address).await.expect("a place in the queue"));
    }
    while node.open_files() < 257 {
        yield_now().await;
    }
    for _ in 0..20 {
        assert_eq!(get(node.admin, "/livez").await.status, 200, "operators have their own places");
    }
    assert!(node.open_files() < 257 + 100, "{} files", node.open_files());
    drop(idle);
    node.client().await.join("room").await;
}

#[tokio::test]
async fn a_node_stops_though_clients_dawdle() {
    let node = Process::start(&[]).await;
    let mut half_a_request = TcpStream::connect(node.address).await.expect("a listening node");
    half_a_request.write_all(b"GET / HTTP/1.1\r\n").await.expect("an open connection");
    let silent = RawClient::connect(node.address).await;
    let (status, log) = node.stop().await;
    assert_eq!(status, Some(0));
    assert!(log.iter().all(|line| line["level"] == "INFO"), "{log:?}");
    drop((half_a_request, silent));
}

#[tokio::test]
async fn a_request_that_is_never_finished() {
    let node = Node::with(&["--handshake-timeout", "50ms"]).await;
    for address in [node.address, node.admin] {
        let mut stream = TcpStream::connect(address).await.expect("a listening node");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.expect("an open connection");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an end");
    }
}
