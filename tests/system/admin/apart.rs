//! A deployment of which some part is away.

use crate::harness::{
    Client, Ended, Node, Operator, Process, Proxy, RedisServer, Resumable, WITH_TOKEN, until,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;

#[tokio::test]
async fn a_silent_node_is_shown_as_such_and_its_members_too() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    // Nobody is thought dead while this lasts.
    let flags = [&["--redis", &url, "--lease", "1m"], &WITH_TOKEN[..]].concat();
    let (node, paused) = (Node::with(&flags).await, Process::start(&flags).await);
    let mut ann = paused.client().await;
    ann.join("room").await;
    paused.pause().await;
    let operator = Operator::of(&node);
    let asked = Instant::now();
    let nodes = operator.read("/api/v1/nodes").await;
    assert!(asked.elapsed() < Duration::from_secs(5), "it waits a second");
    let nodes = nodes["nodes"].as_array().expect("nodes");
    let (own, other): (Vec<&Value>, Vec<_>) = nodes.iter().partition(|node| node["self"] == true);
    assert_eq!((own.len(), &own[0]["answers"]), (1, &json!(true)));
    let name = other[0]["node"].as_str().expect("a name");
    assert_eq!(*other[0], json!({ "node": name, "self": false, "answers": false }));
    let socket = operator.read(&format!("/api/v1/sockets/{}", ann.id)).await;
    assert_eq!((socket["node"].as_str(), socket.get("address")), (Some(name), None));
    assert_eq!(operator.read("/api/v1/rooms/room").await["members"][0]["node"], name);
    let frame = json!({ "eventName": "notice", "data": {} });
    assert_eq!(operator.post("/api/v1/broadcast", &frame).await, (202, json!({ "nodes": 1 })));
    let (status, answer) = operator.post(&format!("/api/v1/nodes/{name}/drain"), &json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (503, &json!("unavailable")));
    // What it is asked before it goes on it does then.
    assert_eq!(operator.delete(&format!("/api/v1/sockets/{}", ann.id)).await.0, 200);
    paused.go_on().await;
    assert_eq!(ann.ended().await, Ended::with(4410, "kicked"));
}

/// Its node hears nothing of it as it happens, and asks when it is back.
#[tokio::test]
async fn who_is_kicked_while_its_node_is_cut_off_hears_why() {
    let redis = RedisServer::start().await;
    let mut link = Proxy::before(redis.address()).await;
    let start =
        async |url: &str| Node::with(&[&["--redis", url, "--lease", "1m"], &WITH_TOKEN[..]].concat()).await;
    let near = start(&redis.url()).await;
    let far = start(&format!("redis://{}", link.address())).await;
    let mut ann = far.client().await;
    ann.join("room").await;
    let mut ben = Resumable::join(far.client().await, "room").await;
    ann.hear_event("new_peer").await;
    let mut cat: Client = far.client().await;
    cat.join("another").await;
    far.until_metric("switchboard_redis_links", 1).await;
    link.refuse().await;
    link.cut().await;
    far.until_metric("switchboard_redis_links", 0).await;
    let operator = Operator::of(&near);
    assert_eq!(operator.delete(&format!("/api/v1/sockets/{}", ann.id)).await.0, 200);
    assert_eq!(operator.delete("/api/v1/rooms/another").await.0, 200);
    assert_eq!(operator.delete(&format!("/api/v1/sockets/{}", ben.id)).await.0, 200);
    link.accept();
    assert_eq!(ann.ended().await, Ended::with(4410, "kicked"));
    assert_eq!(cat.ended().await, Ended::with(4411, "room_closed"));
    assert_eq!(ben.line().ended().await, Ended::with(4410, "kicked"));
    let clean = async || redis.keys("sb:*:s:*").await.is_empty();
    until("nobody is registered again", clean).await;
    far.until_metric("switchboard_members", 0).await;
}

#[tokio::test]
async fn a_part_that_is_away_is_named() {
    let (one, mut other) = (RedisServer::start().await, RedisServer::start().await);
    let (one, url) = (one.url(), other.url());
    let node = Node::with(&[&["--redis", &one, "--redis", &url], &WITH_TOKEN[..]].concat()).await;
    let mut clients = Vec::new();
    for room in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let mut client = node.client().await;
        client.join(room).await;
        clients.push((room, client));
    }
    other.kill().await;
    node.until_metric("switchboard_redis_links", 1).await;
    let operator = Operator::of(&node);
    let mut statuses = Vec::new();
    for (room, _) in &clients {
        let (status, answer) = operator.get(&format!("/api/v1/rooms/{room}")).await;
        if status == 503 {
            let why = answer["error"]["message"].as_str().expect("a sentence");
            assert!(why.starts_with("partition ") && why.contains(" of 16"), "{why}");
        }
        statuses.push(status);
    }
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    let page = operator.read("/api/v1/rooms").await;
    let listed: Vec<&str> = page["rooms"].as_array().expect("rooms").iter().map(name).collect();
    let there = clients.iter().zip(&statuses).filter(|(_, status)| **status == 200);
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), there.map(|((room, _), _)| *room).collect());
    assert_eq!((&page["cursor"], &page["count"]), (&Value::Null, &Value::Null));
    assert_eq!(operator.read("/api/v1/nodes").await["nodes"][0]["answers"], true);
    for ((_, client), status) in clients.iter().zip(&statuses) {
        // Who is where it can be asked is found, whatever else is away.
        assert_eq!(operator.get(&format!("/api/v1/sockets/{}", client.id)).await.0, *status);
    }
}

fn name(room: &Value) -> &str {
    room["room"].as_str().expect("a name")
}

/// Whichever of the servers it is.
#[tokio::test]
async fn other_nodes_are_asked_over_a_server_that_is_there() {
    for away in [0, 1] {
        let servers = [RedisServer::start().await, RedisServer::start().await];
        let urls = [servers[0].url(), servers[1].url()];
        let flags = [&["--redis", &urls[0], "--redis", &urls[1], "--lease", "1m"], &WITH_TOKEN[..]].concat();
        let (one, _other) = (Node::with(&flags).await, Node::with(&flags).await);
        let operator = Operator::of(&one);
        let is_whole = async || {
            let nodes = operator.read("/api/v1/nodes").await;
            let answers = |node: &Value| node["answers"] == true;
            nodes["nodes"].as_array().expect("nodes").iter().filter(|node| answers(node)).count() == 2
        };
        until("both answer", is_whole).await;
        servers[away].pause().await;
        // Nobody has noticed yet: it is asked in vain.
        until("both answer over the other one", is_whole).await;
        let page = operator.read("/api/v1/rooms").await;
        assert_eq!((&page["rooms"], &page["count"]), (&json!([]), &Value::Null));
    }
}
