//! The servers do what their names say.

use super::RedisServer;
use crate::harness::{Cluster, Sentinel, patient, until};
use redis::{AsyncCommands, Client, RedisResult, aio::MultiplexedConnection};
use std::{fs, path::Path, process::Stdio};
use tokio::{io::AsyncWriteExt, net::TcpStream, process::Command, time::Duration, time::timeout};

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
    other.child = super::spawn(one.port, &other.setup, &other.folder);
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

#[tokio::test]
async fn a_server_with_tls_proves_who_it_is() {
    let server = RedisServer::with_tls().await;
    assert_eq!(server.url(), format!("rediss://{}", server.address()));
    let ca = server.ca_file();
    let trusted = ["-CAfile", ca.to_str().expect("a path")];
    assert_eq!(ping_by_tls(&server, &[trusted, ["-verify_ip", "127.0.0.1"]].concat()).await, "+PONG");
    assert_eq!(ping_by_tls(&server, &[trusted, ["-verify_hostname", "localhost"]].concat()).await, "+PONG");
    assert_eq!(ping_by_tls(&server, &[trusted, ["-verify_hostname", "example.org"]].concat()).await, "");
    assert_eq!(ping_by_tls(&server, &["-no-CAfile"]).await, "");
    let plain = Client::open(format!("redis://{}", server.address())).expect("a URL");
    assert!(plain.get_multiplexed_async_connection_with_config(&patient()).await.is_err());
}

#[tokio::test]
async fn a_server_with_a_user_knows_nobody_else() {
    let server = RedisServer::with_user("ann on >secret ~tea +get").await;
    let mut ann = through_the_port(&server).await;
    let tea: Option<String> = ann.get("tea").await.expect("a read");
    assert_eq!(tea, None);
    let denied = |result: RedisResult<()>| result.expect_err("denied").code().map(ToOwned::to_owned);
    assert_eq!(denied(ann.set("tea", "green").await).as_deref(), Some("NOPERM"));
    let mut stranger = through(&format!("redis://{}", server.address())).await;
    assert_eq!(denied(stranger.get("tea").await).as_deref(), Some("NOAUTH"));
    () = server.connection().await.set("water", "hot").await.expect("the harness may all");
}

#[tokio::test]
async fn sentinels_name_another_master_when_theirs_is_killed() {
    let mut sentinel = Sentinel::start().await;
    let master = sentinel.master().await;
    let mut client = sentinel.server(master).connection().await;
    () = client.set("tea", "green").await.expect("a write");
    assert_eq!(wait_for_replicas(&mut client, 2).await, 2);
    assert_eq!(sentinel.kill_master().await, master);
    until("there is another master", async || sentinel.master().await != master).await;
    let master_now = sentinel.master().await;
    let mut client = sentinel.server(master_now).connection().await;
    let writes = async || client.clone().set::<_, _, ()>("water", "hot").await.is_ok();
    until("it takes writes", writes).await;
    assert_eq!(client.get::<_, String>("tea").await.expect("a read"), "green");
    // The one that was killed comes back as a replica.
    sentinel.server(master).restart().await;
    let follows = async || wait_for_replicas(&mut client.clone(), 2).await == 2;
    until("all are replicas of the new one", follows).await;
}

#[tokio::test]
async fn a_sentinel_url_names_the_sentinels() {
    let sentinel = Sentinel::start().await;
    let url = sentinel.url();
    let (hosts, service) =
        url.strip_prefix("redis+sentinel://").and_then(|rest| rest.split_once('/')).expect(&url);
    assert_eq!(hosts.split(',').count(), 3);
    for host in hosts.split(',') {
        let client = Client::open(format!("redis://{host}")).expect("a URL");
        let mut sentinel_itself =
            client.get_multiplexed_async_connection_with_config(&patient()).await.expect("a sentinel");
        let question = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(service).to_owned();
        let (ip, port): (String, u16) = question.query_async(&mut sentinel_itself).await.expect("a master");
        assert_eq!(format!("{ip}:{port}"), sentinel.master().await.to_string());
    }
}

#[tokio::test]
async fn a_cluster_replaces_a_master_that_is_killed() {
    let mut cluster = Cluster::start().await;
    let master = cluster.master_of("tea").await;
    let mut client = through(&format!("redis://{master}")).await;
    () = client.set("tea", "green").await.expect("a write");
    assert_eq!(wait_for_replicas(&mut client, 1).await, 1);
    assert_eq!(cluster.kill_master_of("tea").await, master);
    until("there is another master", async || cluster.master_of("tea").await != master).await;
    let client = through(&format!("redis://{}", cluster.master_of("tea").await)).await;
    let reads = async || client.clone().get::<_, String>("tea").await.is_ok_and(|tea| tea == "green");
    until("it answers", reads).await;
    cluster.server(master).restart().await;
    let follows = async || wait_for_replicas(&mut client.clone(), 1).await == 1;
    until("the one that was killed is a replica", follows).await;
}

#[tokio::test]
async fn a_cluster_url_names_nodes_that_know_all_slots() {
    let cluster = Cluster::start().await;
    let url = cluster.url();
    let hosts: Vec<&str> = url.strip_prefix("redis+cluster://").expect(&url).split(',').collect();
    assert_eq!(hosts.len(), 6);
    for host in hosts {
        let mut node = through(&format!("redis://{host}")).await;
        let slots: Vec<Vec<redis::Value>> =
            redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut node).await.expect("slots");
        let sizes: Vec<usize> = slots.iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, 4, 4], "from, to, a master and its replica, three times");
    }
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

async fn through_the_port(server: &RedisServer) -> MultiplexedConnection {
    through(&server.url()).await
}

async fn through(url: &str) -> MultiplexedConnection {
    let client = Client::open(url).expect("a URL");
    client.get_multiplexed_async_connection_with_config(&patient()).await.expect("a server")
}

async fn config(server: &RedisServer, name: &str) -> (String, String) {
    redis::cmd("CONFIG")
        .arg("GET")
        .arg(name)
        .query_async(&mut server.connection().await)
        .await
        .expect("CONFIG GET")
}

/// How many replicas have what this client wrote. Redis waits 100 ms for them.
async fn wait_for_replicas(client: &mut MultiplexedConnection, count: u32) -> u32 {
    redis::cmd("WAIT").arg(count).arg(100).query_async(client).await.expect("a number")
}

/// The answer to a PING, or nothing where the certificate isn't good enough.
async fn ping_by_tls(server: &RedisServer, arguments: &[&str]) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-verify_return_error", "-connect", &server.address().to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("openssl");
    let mut stdin = client.stdin.take().expect("piped");
    // Where it has given up already, there is nobody to read it.
    let _ = stdin.write_all(b"PING\r\nQUIT\r\n").await;
    let output = client.wait_with_output().await.expect("an end");
    let said = String::from_utf8(output.stdout).expect("text");
    said.lines().next().unwrap_or_default().to_owned()
}
