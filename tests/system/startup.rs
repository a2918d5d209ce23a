//! A node that starts with `--redis`: it waits for what mends itself, and says of the rest what to do.

use crate::harness::{Process, RedisServer, command};
use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Output,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

#[tokio::test]
async fn it_waits_for_redis_and_says_so() {
    let mut redis = RedisServer::start().await;
    redis.kill().await;
    let flags = ["--redis", &redis.url()];
    let starting = Process::start(&flags);
    let restarting = async {
        // The node is looking for it by then, or looks later: either way it has to find it.
        redis.restart().await;
    };
    let (node, ()) = tokio::join!(starting, restarting);
    let mut ann = node.client().await;
    ann.join("room").await;
}

#[tokio::test]
async fn it_gives_up_with_the_reason() {
    let address = unused_address();
    let refusal =
        refused(&["--redis", &format!("redis://{address}"), "--redis-start-timeout", "500ms"]).await;
    assert_eq!(
        refusal.matches(&format!("waiting: Redis at {address} can't be reached")).count(),
        1,
        "{refusal}"
    );
    assert!(refusal.contains("gave up waiting for Redis (--redis-start-timeout)"), "{refusal}");
}

#[tokio::test]
async fn a_silent_server_is_waited_for_no_longer_than_it_may() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let url = format!("redis://{}", silent.local_addr().expect("bound"));
    let times = ["--redis-timeout", "200ms", "--redis-start-timeout", "300ms", "--lease", "1s"];
    let refusal = refused(&[&["--redis", url.as_str()], times.as_slice()].concat()).await;
    assert!(refusal.contains("did not answer in time (--redis-timeout)"), "{refusal}");
}

#[tokio::test]
async fn a_password_is_asked_for_and_checked() {
    let redis = RedisServer::with(&["--requirepass", "s@cret"]).await;
    let refusal = refused(&["--redis", &redis.url()]).await;
    assert!(refusal.contains("asks for a password; put it into the URL"), "{refusal}");

    let wrong = redis.url().replace("redis://", "redis://:wrong@");
    let refusal = refused(&["--redis", &wrong]).await;
    assert!(refusal.contains("refuses this user name or password"), "{refusal}");
    assert!(!refusal.contains("wrong@"), "{refusal}");

    let right = redis.url().replace("redis://", "redis://:s%40cret@");
    Process::start(&["--redis", &right]).await.client().await.join("room").await;
}

#[tokio::test]
async fn a_user_who_may_too_little_is_pointed_to_the_acl() {
    let redis =
        RedisServer::with(&["--user", "ann", "on", ">secret", "~sb:*", "&sb:*", "+hello", "+ping"]).await;
    let refusal = refused(&["--redis", &redis.url().replace("redis://", "redis://ann:secret@")]).await;
    for part in ["forbids its user what the gateway needs (NOPERM", "docs/operations.md has the ACL line"] {
        assert!(refusal.contains(part), "{refusal}");
    }
}

#[tokio::test]
async fn an_old_redis_is_refused() {
    for (answer, said) in [
        (
            "*6\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n",
            "is version 6.2.14; 7.0 or later is needed",
        ),
        ("-ERR unknown command `HELLO`, with args beginning with: `2`\r\n", "is version before 6.0; 7.0"),
    ] {
        let refusal = refused(&["--redis", &format!("redis://{}", answering(answer).await)]).await;
        assert!(refusal.contains(said), "{refusal}");
    }
}

#[tokio::test]
async fn another_deployment_is_kept_out() {
    let redis = RedisServer::start().await;
    let first = Process::start(&["--redis", &redis.url()]).await;
    let refusal = refused(&["--redis", &redis.url(), "--partitions", "32"]).await;
    for part in ["16 partitions", "these settings say", "32 partitions", "--redis-prefix"] {
        assert!(refusal.contains(part), "{refusal}");
    }
    let apart =
        Process::start(&["--redis", &redis.url(), "--partitions", "32", "--redis-prefix", "other"]).await;
    let (mut ann, mut ben) = (first.client().await, apart.client().await);
    ann.join("room").await;
    assert_eq!(ben.join("room").await["connections"], serde_json::json!([]), "they are strangers");
}

#[tokio::test]
async fn a_cluster_node_by_another_name_is_named() {
    let redis = RedisServer::with(&["--cluster-enabled", "yes"]).await;
    let refusal = refused(&["--redis", &redis.url()]).await;
    assert!(refusal.contains("is a node of a Redis Cluster; name it redis+cluster://host:port"), "{refusal}");
    let redis = RedisServer::start().await;
    let refusal = refused(&["--redis", &redis.url().replace("redis:", "redis+cluster:")]).await;
    assert!(refusal.contains("is a single server; name it redis://host:port"), "{refusal}");
    let refusal =
        refused(&["--redis", &format!("{}/main", redis.url().replace("redis:", "redis+sentinel:"))]).await;
    assert!(refusal.contains("is a single server; name it redis://host:port"), "{refusal}");
}

#[tokio::test]
async fn a_wrong_url_is_refused_without_its_password() {
    for (url, said) in [
        ("http://:s3cret@a", "--redis takes redis://host:6379"),
        ("redis://:s3cret@a:x", "--redis invalid port"),
        ("redis://:s3cret@a redis+cluster://b", "a cluster is the whole of it"),
        ("redis://:s3cret@a redis://:s3cret@a", "the same server twice"),
    ] {
        let output = command(&[]).env("SWITCHBOARD_REDIS", url).output().await.expect("the binary");
        let refusal = text(&output);
        assert_eq!(output.status.code(), Some(2), "{refusal}");
        assert!(refusal.contains(said) && !refusal.contains("s3cret"), "{url}: {refusal}");
    }
    let output = command(&["--redis", "redis://a", "--lease", "5s"]).output().await.expect("the binary");
    assert!(text(&output).contains("--lease must be at least three times --redis-timeout"));
}

#[tokio::test]
async fn it_stops_when_it_is_asked_to_while_it_waits() {
    let mut waiting =
        command(&["--redis", &format!("redis://{}", unused_address()), "--listen", "127.0.0.1:0"])
            .args(["--admin-listen", "127.0.0.1:0"])
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary");
    let mut log = waiting.stderr.take().expect("piped");
    // It waits as soon as it has said anything.
    log.read_u8().await.expect("a log");
    let pid = waiting.id().expect("runs").to_string();
    assert!(tokio::process::Command::new("kill").arg(pid).status().await.expect("kill").success());
    assert_eq!(waiting.wait().await.expect("an end").code(), Some(0));
}

/// What a node says that doesn't start.
async fn refused(flags: &[&str]) -> String {
    let free = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let output = command(&[flags, free.as_slice()].concat()).output().await.expect("the binary");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    text(&output)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Where nobody listens.
fn unused_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound")
}

/// A server that gives each client the same answer.
async fn answering(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(answer.as_bytes()).await;
            // Until the client goes: a reset would take the answer with it.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    address
}
