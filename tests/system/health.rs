//! `switchboard health`: what an orchestrator is told of a node.

use crate::harness::{Process, command, free_port, until};
use std::net::SocketAddr;
use tokio::{net::TcpListener, time::Instant};

#[tokio::test]
async fn a_node_that_is_well_is_alive_and_ready() {
    let node = Process::start(&[]).await;
    assert_eq!(ask(node.admin, &[]).await, (Some(0), "alive\n".into()));
    assert_eq!(ask(node.admin, &["--ready"]).await, (Some(0), "ready\n".into()));
}

#[tokio::test]
async fn a_node_that_drains_is_alive_and_not_ready() {
    let node = Process::start(&["--drain", "1h"]).await;
    let client: [_; 1] = node.room("room").await;
    node.signal("TERM").await;
    let why = format!("http://{}/readyz: 503: this node is draining\n", node.admin);
    until("it drains", async || ask(node.admin, &["--ready"]).await == (Some(1), why.clone())).await;
    assert_eq!(ask(node.admin, &[]).await, (Some(0), "alive\n".into()));
    drop(client);
}

#[tokio::test]
async fn nobody_is_not_alive() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (status, line) = ask(nobody, &[]).await;
    assert_eq!(status, Some(1));
    assert!(line.starts_with(&format!("http://{nobody}/livez: Connection refused")), "{line}");
}

#[tokio::test]
async fn who_takes_the_connection_and_says_nothing_is_not_alive() {
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = mute.local_addr().expect("an address");
    let began = Instant::now();
    assert_eq!(ask(address, &[]).await, (Some(1), format!("http://{address}/livez: no answer within 2s\n")));
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_speaks_another_protocol_is_not_alive() {
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = other.local_addr().expect("an address");
    let speaks = tokio::spawn(async move {
        let (mut socket, _) = other.accept().await.expect("a connection");
        tokio::io::AsyncWriteExt::write_all(&mut socket, b"+PONG\r\n").await
    });
    let (status, line) = ask(address, &[]).await;
    assert_eq!((status, line.lines().count()), (Some(1), 1), "{line}");
    speaks.await.expect("it runs").expect("it is heard");
}

#[tokio::test]
async fn it_needs_nothing_that_only_serving_needs() {
    let node = Process::start(&[]).await;
    let admin = node.admin.to_string();
    let output = command(&["health"])
        .env("SWITCHBOARD_ADMIN_LISTEN", &admin)
        .env("SWITCHBOARD_LISTEN", "0.0.0.0:8080")
        .env("SWITCHBOARD_AUTH_KEY", "file:/nowhere")
        .env("SWITCHBOARD_REDIS", "redis://nowhere")
        .output()
        .await
        .expect("the binary");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"alive\n".as_slice()));
}

#[tokio::test]
async fn wrong_settings_are_refused() {
    for (flags, told) in [
        (&["health", "--admin-listen", "9090"][..], "takes IP:PORT"),
        (&["health", "--room-capacity", "8"], "--room-capacity"),
        (&["--room-capacity", "8", "health"], "health"),
        (&["health", "--config", "/nowhere/switchboard.toml"], "/nowhere/switchboard.toml"),
    ] {
        let output = command(flags).output().await.expect("the binary");
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && line.contains(told), "{flags:?}: {line}");
    }
}

/// Asks as a container's health check does, and returns the exit status and what it printed.
async fn ask(admin: SocketAddr, flags: &[&str]) -> (Option<i32>, String) {
    let admin = admin.to_string();
    let output =
        command(&[&["health", "--admin-listen", &admin], flags].concat()).output().await.expect("the binary");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}
