//! The servers do what their names say.

use super::RedisServer;
use crate::harness::until;
use redis::{AsyncCommands, Client, RedisResult};
use std::{fs, path::Path};
use tokio::{net::TcpStream, time::Duration, time::timeout};

#[tokio::test]
async fn a_server_answers_on_its_port_and_writes_nothing_down() {
    let server = RedisServer::start().await;
    let mut client = through_the_port(&server).await;
    () = client.set("tea", "green").await.expect("a write");
    let tea: String = server.connection().await.get("tea").await.expect("a read");
    assert_eq!(tea, "green");
    let (_, save): (String, String) = config(&server, "save").await;
    let (_, append): (String, String) = config(&server, "appendonly").await;
    assert_eq!((save.as_str(), append.as_str()), ("", "no"));
}

#[tokio::test]
async fn servers_take_flags_and_have_ports_of_their_own() {
    let (one, other) = tokio::join!(RedisServer::with(&["--maxmemory", "5mb"]), RedisServer::start());
    assert_ne!(one.address(), other.address());
    assert_eq!(config(&one, "maxmemory").await.1, "5242880");
    assert_eq!(config(&other, "maxmemory").await.1, "0");
}

#[tokio::test]
async fn a_port_that_another_has_is_passed_over() {
    let one = RedisServer::start().await;
    let mut other = RedisServer::start().await;
    other.kill().await;
    other.child = super::spawn(one.port, &other.folder, &[]);
    assert!(!other.answers().await);
}

#[tokio::test]
async fn a_dropped_server_is_gone_with_its_folder() {
    let server = RedisServer::start().await;
    let (address, folder) = (server.address(), server.folder.path().to_owned());
    assert!(folder.exists());
    drop(server);
    until("nobody listens", async || TcpStream::connect(address).await.is_err()).await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_restarted_server_is_empty_and_where_it_was() {
    let mut server = RedisServer::start().await;
    let (address, pid) = (server.address(), server.pid());
    () = through_the_port(&server).await.set("tea", "green").await.expect("a write");
    server.kill().await;
    assert!(TcpStream::connect(address).await.is_err());
    server.restart().await;
    assert_eq!(server.address(), address);
    assert_ne!(server.pid(), pid);
    let tea: Option<String> = through_the_port(&server).await.get("tea").await.expect("a read");
    assert_eq!(tea, None);
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_goes_on() {
    let server = RedisServer::start().await;
    let mut client = through_the_port(&server).await;
    server.pause().await;
    let mut asked = Box::pin(client.set("tea", "green"));
    let silent: Result<RedisResult<()>, _> = timeout(Duration::from_millis(100), &mut asked).await;
    assert!(silent.is_err());
    server.go_on().await;
    asked.await.expect("an answer");
}

/// The thread that started it, rather than the process: the kernel's `PR_SET_PDEATHSIG` has it so.
#[tokio::test]
async fn a_server_ends_with_the_thread_that_started_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let leaked = std::thread::spawn(move || {
        let server = runtime().block_on(RedisServer::start());
        let pid = server.pid();
        std::mem::forget(server);
        pid
    });
    let pid = leaked.join().expect("a server");
    until("it ends", async || ended(pid)).await;
}

/// Ended, though this process may not have looked at how.
fn ended(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

async fn through_the_port(server: &RedisServer) -> redis::aio::MultiplexedConnection {
    let client = Client::open(server.url()).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("a server")
}

async fn config(server: &RedisServer, name: &str) -> (String, String) {
    redis::cmd("CONFIG")
        .arg("GET")
        .arg(name)
        .query_async(&mut server.connection().await)
        .await
        .expect("CONFIG GET")
}
