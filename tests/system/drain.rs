//! A node that is asked to stop: it sends its clients elsewhere, one after the other, and then ends.

use crate::harness::{Client, Ended, HaProxy, Node, Process, RawClient, RedisServer, get, request, until};
use redis::AsyncCommands;
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

/// Longer than any test lasts.
const LONG: [&str; 2] = ["--drain", "1h"];

const DRAINING: &str = "draining; a second signal stops at once";

#[tokio::test]
async fn who_is_there_stays_for_now_and_nobody_comes() {
    let node = Process::start(&LONG).await;
    let dialling = RawClient::dial(node.address).await;
    let members: [Client; 3] = node.room("room").await;
    assert_eq!(node.metric("switchboard_draining").await, 0);
    node.signal("TERM").await;

    let mut told = Vec::new();
    for mut member in members {
        told.push((member.hear_reconnect().await, member));
    }
    let answer = get(node.admin, "/readyz").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "this node is draining\n"));
    assert_eq!(get(node.admin, "/livez").await.status, 200);
    assert_eq!(node.metric("switchboard_draining").await, 1);
    until("nobody listens", async || TcpStream::connect(node.address).await.is_err()).await;
    let late = async { dialling.shake_hands().await.ended().await };
    let late = timeout(Duration::from_secs(10), late).await.expect("at once");
    assert_eq!(late, (Ended::with(1012, "restart"), 0), "it came too late");

    // The first has to go now; the others have the better part of an hour.
    told.sort_by_key(|(after, _)| *after);
    let [(_, ann), (_, mut ben), (_, mut cat)] =
        <[_; 3]>::try_from(told).unwrap_or_else(|_| unreachable!("three"));
    let gone = ann.id.clone();
    ann.close().await;
    ben.hear_leaver(&gone).await;
    cat.hear_leaver(&gone).await;
    ben.say("message", json!({ "socketId": cat.id })).await;
    cat.hear_event("message").await;
}

#[tokio::test]
async fn who_only_looked_at_a_page_is_let_go() {
    let node = Process::start(&[&LONG[..], &["--handshake-timeout", "1m"]].concat()).await;
    let mut clients: [Client; 2] = node.room("room").await;
    let mut page = TcpStream::connect(node.address).await.expect("a listening node");
    page.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("an open connection");
    let mut head = [0; 12];
    page.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 404");
    node.signal("TERM").await;
    for client in &mut clients {
        client.hear_reconnect().await;
    }
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(10), page.read_to_end(&mut rest)).await;
    ended.expect("at once").expect("an end");
}

/// Nothing of this node runs before the test waits, as they share a thread: so it is asked to stop while the connection
/// waits in the system's queue.
#[tokio::test]
async fn who_waits_to_be_accepted_is_answered() {
    let node = Node::start().await;
    let mut page = std::net::TcpStream::connect(node.address).expect("a listening node");
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", node.address);
    std::io::Write::write_all(&mut page, request.as_bytes()).expect("an open connection");
    node.stop().await;
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut page, &mut answer).expect("an answer, and an end");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn many_go_at_an_even_pace() {
    const CLIENTS: usize = 500;
    const TIME: Duration = Duration::from_secs(3);
    const GRACE: Duration = Duration::from_millis(300);

    let node = Process::start(&["--drain", "3s"]).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = node.client().await;
        client.join(&format!("room {number}")).await;
        clients.push(client);
    }
    let asked = Instant::now();
    node.signal("TERM").await;
    let mut going = JoinSet::new();
    for mut client in clients {
        going.spawn(async move {
            let after = client.hear_reconnect().await;
            assert_eq!(client.ended().await, Ended::with(1012, "restart"));
            (after, asked.elapsed())
        });
    }
    let gone = going.join_all().await;
    for (after, ended) in &gone {
        assert!(*ended > *after + GRACE, "asked to go after {after:?}, closed after {ended:?}");
        assert!(*ended < *after + GRACE + Duration::from_secs(2), "{ended:?} is long after {after:?}");
    }
    // A third of them in each third of the time; less exactly than they are sent, as a busy node tells some of them late.
    for third in 0..3 {
        let is_in_it = |after: &Duration| after.as_millis() * 3 / 2_700 == third;
        let going = gone.iter().filter(|(after, _)| is_in_it(after)).count();
        assert!(going > CLIENTS / 5, "{going} in {third}: {gone:?}");
    }
    let (status, log) = node.ended().await;
    assert_eq!(status, Some(0));
    assert_eq!((&log[0]["message"], &log[0]["connections"]), (&json!(DRAINING), &json!(CLIENTS)));
    assert!(asked.elapsed() < TIME + Duration::from_secs(2));
}

#[tokio::test]
async fn without_clients_a_node_ends_at_once() {
    let node = Process::start(&LONG).await;
    node.client().await.close().await;
    let (status, log) = timeout(Duration::from_secs(10), node.stop()).await.expect("at once");
    assert_eq!(status, Some(0));
    assert_eq!(log[1]["because"], "every connection has ended");
}

#[tokio::test]
async fn a_node_ends_with_its_last_client() {
    let node = Process::start(&LONG).await;
    let mut clients = [node.client().await, node.client().await];
    node.signal("INT").await;
    for client in &mut clients {
        client.hear_reconnect().await;
    }
    for client in clients {
        client.close().await;
    }
    assert_eq!(timeout(Duration::from_secs(10), node.ended()).await.expect("at once").0, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let node = Process::start(&LONG).await;
    let mut members: [Client; 2] = node.room("room").await;
    node.signal("TERM").await;
    for member in &mut members {
        member.hear_reconnect().await;
    }
    node.signal("INT").await;
    for member in &mut members {
        assert_eq!(member.ended().await, Ended::with(1012, "restart"));
    }
    let (status, log) = node.ended().await;
    assert_eq!(status, Some(0));
    assert_eq!(log[1]["because"], "asked again");
}

#[tokio::test]
async fn an_operator_drains_a_node() {
    let mut node = Process::start(&LONG).await;
    let [mut ann, mut ben] = node.room("room").await;
    assert_eq!(get(node.admin, "/drain").await.status, 405, "looking at it does nothing");
    let page = request(node.admin, &post("Origin: http://evil.example\r\n")).await;
    assert_eq!((page.status, page.body.as_str()), (403, "a web page can't drain a node\n"));
    assert_eq!(get(node.admin, "/readyz").await.status, 200);
    ann.hears_nothing().await;

    let first = request(node.admin, &post("")).await;
    ann.hear_reconnect().await;
    ben.hear_reconnect().await;
    let second = request(node.admin, &post("")).await;
    assert_eq!((first.status, second.status), (202, 202));
    assert!(first.body.starts_with("this node is draining; connections left: 2, all closed by 20"));
    assert_eq!(first.body, second.body);

    // A signal goes on with that drain, and only another one ends it.
    assert_eq!(node.logs().await["message"], DRAINING);
    node.signal("TERM").await;
    assert_eq!(node.logs().await["message"], "draining already; a second signal stops at once");
    assert_eq!(get(node.admin, "/readyz").await.body, "this node is draining\n");
    node.signal("TERM").await;
    for client in [&mut ann, &mut ben] {
        assert_eq!(client.ended().await, Ended::with(1012, "restart"));
    }
    assert_eq!(node.ended().await.0, Some(0));
}

#[tokio::test]
async fn without_time_all_are_closed_at_once() {
    let node = Process::start(&["--drain", "0s"]).await;
    let mut ann = node.client().await;
    ann.join("room").await;
    let answer = request(node.admin, &post("")).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "this node is stopping\n"));
    assert_eq!(ann.hear_anything().await, Err(Ended::with(1012, "restart")), "and nothing before");
    assert_eq!(node.ended().await.0, Some(0));
}

#[tokio::test]
async fn a_skyrtc_client_is_closed_without_a_word() {
    let node = Process::start(&["--drain", "200ms"]).await;
    let mut ann = node.skyrtc_client().await;
    ann.join("room").await;
    node.signal("TERM").await;
    assert_eq!(ann.hear_anything().await, Err(Ended::with(1012, "restart")));
    assert_eq!(node.ended().await.0, Some(0));
}

#[tokio::test]
async fn who_moves_in_time_was_never_away() {
    let pair = Pair::start(&LONG).await;
    let (mut ann, key) = join_resumable(&pair.draining).await;
    let mut ben = pair.company(&mut ann).await;
    pair.draining.signal("TERM").await;
    ann.hear_reconnect().await;
    let mut elsewhere = pair.resume(&ann, &key, &ben).await;
    assert_eq!(ann.ended().await, Ended::with(4409, "replaced"));
    elsewhere.say_frame(json!({ "eventName": "message", "data": {}, "n": 1 })).await;
    assert_eq!(ben.hear_event("message").await["socketId"], json!(ann.id), "and nothing before");
    pair.ends_with_one_and_no_trace_of_the_other().await;
}

#[tokio::test]
async fn who_moves_late_was_away_for_a_while() {
    let pair = Pair::start(&["--drain", "500ms"]).await;
    let (mut ann, key) = join_resumable(&pair.draining).await;
    let mut ben = pair.company(&mut ann).await;
    pair.draining.signal("TERM").await;
    ann.hear_reconnect().await;
    assert_eq!(ann.ended().await, Ended::with(1012, "restart"));
    assert_eq!(ben.hear_event("peer_away").await["socketId"], json!(ann.id));
    let mut elsewhere = pair.resume(&ann, &key, &ben).await;
    assert_eq!(ben.hear_event("peer_back").await["socketId"], json!(ann.id));
    elsewhere.say_frame(json!({ "eventName": "message", "data": {}, "n": 1 })).await;
    assert_eq!(ben.hear_event("message").await["socketId"], json!(ann.id), "and nothing before");
    pair.ends_with_one_and_no_trace_of_the_other().await;
}

#[tokio::test]
async fn who_cannot_come_back_leaves_at_once() {
    let pair = Pair::start(&["--drain", "500ms"]).await;
    let mut ann = pair.draining.client().await;
    ann.join("room").await;
    let mut ben = pair.company(&mut ann).await;
    pair.draining.signal("TERM").await;
    ann.hear_reconnect().await;
    assert_eq!(ann.ended().await, Ended::with(1012, "restart"));
    let closed = Instant::now();
    assert_eq!(ben.hear_leaver(&ann.id).await["reason"], "lost");
    assert!(closed.elapsed() < LEASE / 2, "nobody waited for a lease: {:?}", closed.elapsed());
    let mut cat = pair.other.client().await;
    cat.join("room").await;
    ben.hear_newcomer(&cat).await;
    pair.ends_with_one_and_no_trace_of_the_other().await;
}

#[tokio::test]
async fn a_load_balancer_sends_newcomers_elsewhere_from_the_start() {
    let pair = Pair::start(&LONG).await;
    let haproxy = HaProxy::before(&[&*pair.draining, &*pair.other]).await;
    let mut there: [Client; 2] = pair.draining.room("room").await;
    pair.draining.signal("TERM").await;
    for client in &mut there {
        client.hear_reconnect().await;
    }
    until("nobody listens", async || TcpStream::connect(pair.draining.address).await.is_err()).await;
    // It hasn't asked for their health yet, or not twice.
    let url = format!("ws://{}/ws", haproxy.address());
    let newcomers: [Client; 10] = Client::gather("another room", async || Client::connect(&url).await).await;
    assert_eq!(pair.other.metric("switchboard_members").await, 10);
    drop(newcomers);
}

/// As `--lease` has it by default.
const LEASE: Duration = Duration::from_secs(6);

/// Two nodes that share a Redis, of which one is about to drain.
struct Pair {
    draining: Process,
    other: Process,
    redis: RedisServer,
}

impl Pair {
    async fn start(flags: &[&str]) -> Self {
        let redis = RedisServer::start().await;
        let url = redis.url();
        let flags = [&["--redis", &url], flags].concat();
        Self { draining: Process::start(&flags).await, other: Process::start(&flags).await, redis }
    }

    /// Somebody on the other node, in the same room.
    async fn company(&self, ann: &mut Client) -> Client {
        let mut ben = self.other.client().await;
        ben.join("room").await;
        ann.hear_newcomer(&ben).await;
        ben
    }

    /// Goes on with Ann's session on the other node. She knows of Ben.
    async fn resume(&self, ann: &Client, key: &str, ben: &Client) -> Client {
        let mut elsewhere = self.other.client().await;
        let claim = json!({
            "room": "room", "socketId": ann.id, "key": key, "attempt": 1, "received": { (ben.id.clone()): 0 },
        });
        elsewhere.say("resume", claim).await;
        assert_eq!(elsewhere.hear_event("resumed").await["you"], json!(ann.id));
        elsewhere
    }

    /// The drained node has ended well, before its time was over, and the other one has no trace of it in their Redis.
    async fn ends_with_one_and_no_trace_of_the_other(self) {
        let started = self.draining.starting.iter().find_map(|line| line["node"].as_str().map(str::to_owned));
        let node = started.expect("its name");
        let (status, log) = timeout(Duration::from_secs(10), self.draining.ended()).await.expect("in time");
        assert_eq!(status, Some(0));
        assert!(log.iter().all(|line| line["level"] == "INFO"), "{log:?}");
        let mut connection = self.redis.connection().await;
        for key in self.redis.keys("*").await {
            assert!(!key.contains(&node), "{key}");
            if key.ends_with(":nodes") {
                let nodes: Vec<String> = connection.zrange(&key, 0, -1).await.expect("nodes");
                assert!(nodes.len() == 1 && nodes[0] != node, "{key}: {nodes:?}");
            }
            if key.contains(":s:") {
                let owner: String = connection.hget(&key, "node").await.expect("a session's node");
                assert_ne!(owner, node, "{key}");
            }
        }
    }
}

/// Joins, and returns the key to come back with.
async fn join_resumable(node: &Process) -> (Client, String) {
    let mut client = node.client().await;
    let peers = client.join_with(json!({ "room": "room", "resume": true })).await;
    (client, peers["resume"]["key"].as_str().expect("a key").to_owned())
}

fn post(header: &str) -> String {
    format!("POST /drain HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{header}\r\n")
}
