//! The admin API, asked as operators and their tools ask it.

mod access;
mod apart;
mod document;
mod paging;
mod refusals;

use crate::harness::{Client, Cluster, Ended, Node, Operator, RedisServer, Resumable, WITH_TOKEN};
use serde_json::{Value, json};
use std::any::Any;

/// Nodes that share their rooms.
struct Deployment {
    nodes: Vec<Node>,
    _redis: Box<dyn Any + Send>,
}

impl Deployment {
    /// One node, with its rooms in memory.
    async fn alone() -> Self {
        Self { nodes: vec![Node::with(&WITH_TOKEN).await], _redis: Box::new(()) }
    }

    /// Three that share a Redis.
    async fn with_redis() -> Self {
        let redis = RedisServer::start().await;
        Self::of_three(&redis.url(), redis).await
    }

    /// Three that share a Redis Cluster.
    async fn with_cluster() -> Self {
        let redis = Cluster::start().await;
        Self::of_three(&redis.url(), redis).await
    }

    async fn of_three(url: &str, redis: impl Any + Send) -> Self {
        let flags = [&["--redis", url], &WITH_TOKEN[..]].concat();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Node::with(&flags).await);
        }
        Self { nodes, _redis: Box::new(redis) }
    }

    fn node(&self, number: usize) -> &Node {
        &self.nodes[number % self.nodes.len()]
    }

    fn operator(&self, number: usize) -> Operator {
        Operator::of(self.node(number))
    }
}

#[tokio::test]
async fn one_node_is_administered() {
    every_operation(&Deployment::alone().await).await;
}

#[tokio::test]
async fn nodes_with_a_redis_are_administered_from_any_of_them() {
    every_operation(&Deployment::with_redis().await).await;
}

#[tokio::test]
async fn nodes_with_a_redis_cluster_are_administered_from_any_of_them() {
    every_operation(&Deployment::with_cluster().await).await;
}

/// The room's name on the way.
const ROOM: &str = "/api/v1/rooms/tea%2Froom%20%C3%A9";

/// Asked of the third node, which has none of the members that it is about.
async fn every_operation(deployment: &Deployment) {
    let operator = deployment.operator(2);
    let mut ann = deployment.node(0).client().await;
    ann.join_with(json!({ "room": "tea/room é", "info": { "name": "Ann" } })).await;
    let mut ben = deployment.node(1).skyrtc_client().await;
    ben.join("tea/room é").await;
    ann.hear_newcomer(&ben).await;
    let mut dan = deployment.node(2).client().await;
    dan.join("chess").await;

    let nodes = operator.read("/api/v1/nodes").await;
    let nodes = nodes["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), deployment.nodes.len());
    let count = |key: &str| nodes.iter().map(|node| node[key].as_u64().expect(key)).sum::<u64>();
    assert_eq!((count("sockets"), count("members")), (3, 3));
    assert!(nodes.iter().all(|node| node["answers"] == true && node["draining"] == false));
    assert!(nodes.iter().all(|node| node["redisSeconds"].is_null() == (nodes.len() == 1)));
    assert_eq!(nodes.iter().filter(|node| node["self"] == true).count(), 1);

    rooms_and_sockets(&operator, [&ann, &ben, &dan], nodes).await;
    announcements(&operator, [&mut ann, &mut ben, &mut dan]).await;
    ends(&operator, [ann, ben], dan, async || deployment.node(1).client().await).await;
}

async fn rooms_and_sockets(operator: &Operator, [ann, ben, dan]: [&Client; 3], nodes: &[Value]) {
    let rooms = operator.read("/api/v1/rooms").await;
    let mut listed = rooms["rooms"].as_array().expect("rooms").clone();
    listed.sort_by_key(|room| room["room"].to_string());
    let expected = [json!({ "room": "chess", "members": 1 }), json!({ "room": "tea/room é", "members": 2 })];
    assert_eq!(
        (listed.as_slice(), &rooms["cursor"], &rooms["count"]),
        (&expected[..], &Value::Null, &json!(2))
    );

    let room = operator.read(ROOM).await;
    let members = room["members"].as_array().expect("members");
    assert_eq!(room["room"], "tea/room é");
    assert_eq!([&members[0]["socketId"], &members[1]["socketId"]], [&json!(ann.id), &json!(ben.id)]);
    assert_eq!((&members[0]["info"], &members[1]["info"]), (&json!({ "name": "Ann" }), &Value::Null));
    let known: Vec<_> = nodes.iter().map(|node| &node["node"]).collect();
    for client in [ann, ben, dan] {
        let socket = operator.read(&format!("/api/v1/sockets/{}", client.id)).await;
        assert!(known.contains(&&socket["node"]), "{socket}");
        assert_eq!((&socket["away"], &socket["resumable"]), (&json!(false), &json!(false)));
        assert_eq!(socket["address"], "127.0.0.1");
        assert_eq!((&socket["waiting"], &socket["waitingBytes"]), (&json!(0), &json!(0)));
        assert!(socket["ageSeconds"].as_f64().expect("a time") > 0.0);
        // The answer to its joining, and Ben's coming.
        let sent = if client.id == ann.id { 2 } else { 1 };
        assert_eq!((&socket["sent"], &socket["received"]), (&json!(sent), &json!(0)), "{socket}");
    }
    let socket = operator.read(&format!("/api/v1/sockets/{}", ann.id)).await;
    let node = nodes.iter().find(|node| node["node"] == socket["node"]).expect("its node");
    assert_eq!(node["self"], nodes.len() == 1, "it is another's");
}

async fn announcements(operator: &Operator, [ann, ben, dan]: [&mut Client; 3]) {
    let frame = json!({ "eventName": "notice", "data": { "text": "We restart at noon.", "at": [1.0] } });
    let told = operator.post(&format!("{ROOM}/broadcast"), &frame).await;
    assert_eq!(told, (202, json!({ "rooms": 1 })));
    for client in [&mut *ann, &mut *ben] {
        assert_eq!(client.hear().await, frame);
    }
    let frame = json!({ "eventName": "bye", "data": null });
    let (status, told) = operator.post("/api/v1/broadcast", &frame).await;
    assert_eq!((status, told["nodes"].as_u64().expect("a number") > 0), (202, true));
    for client in [ann, ben, dan] {
        assert_eq!(client.hear().await, frame, "and nothing of what wasn't for it");
        client.hears_nothing().await;
    }
}

async fn ends(
    operator: &Operator,
    [mut ann, mut ben]: [Client; 2],
    mut dan: Client,
    connect: impl AsyncFn() -> Client,
) {
    let mut cat = connect().await;
    cat.join("tea/room é").await;
    for other in [&mut ann, &mut ben] {
        other.hear_newcomer(&cat).await;
    }
    let path = format!("/api/v1/sockets/{}", ann.id);
    assert_eq!(operator.delete(&path).await, (200, json!({ "removed": 1 })));
    assert_eq!(ann.hear_anything().await, Err(Ended::with(4410, "kicked")));
    assert_eq!(cat.hear_leaver(&ann.id).await["reason"], "kicked");
    ben.hear_leaver(&ann.id).await;
    for gone in [operator.get(&path).await, operator.delete(&path).await] {
        assert_eq!((gone.0, &gone.1["error"]["code"]), (404, &json!("socket_not_found")));
    }
    assert_eq!(operator.delete(ROOM).await, (200, json!({ "removed": 2 })));
    for client in [&mut ben, &mut cat] {
        assert_eq!(client.hear_anything().await, Err(Ended::with(4411, "room_closed")));
    }
    let frame = json!({ "eventName": "notice", "data": {} });
    for gone in [
        operator.get(ROOM).await,
        operator.delete(ROOM).await,
        operator.post(&format!("{ROOM}/broadcast"), &frame).await,
    ] {
        assert_eq!((gone.0, &gone.1["error"]["code"]), (404, &json!("room_not_found")));
    }
    assert_eq!(operator.read("/api/v1/rooms").await["count"], 1);
    dan.hears_nothing().await;
}

#[tokio::test]
async fn who_is_away_is_kicked_and_can_not_resume() {
    for deployment in [Deployment::alone().await, Deployment::with_redis().await] {
        let mut ann = Resumable::join(deployment.node(0).client().await, "room").await;
        let mut ben = Resumable::join(deployment.node(1).client().await, "room").await;
        ann.hear_of("new_peer", &ben.id).await;
        ben.take_line(deployment.node(1).client().await).vanish();
        ann.hear_of("peer_away", &ben.id).await;
        let operator = deployment.operator(2);
        let path = format!("/api/v1/sockets/{}", ben.id);
        let socket = operator.read(&path).await;
        assert_eq!((&socket["node"], &socket["away"]), (&Value::Null, &json!(true)));
        assert_eq!((&socket["resumable"], socket.get("address")), (&json!(true), None));
        assert_eq!(operator.delete(&path).await, (200, json!({ "removed": 1 })));
        assert_eq!(ann.line().hear_leaver(&ben.id).await["reason"], "kicked");
        let claim = ben.claim();
        ben.line().say("resume", claim).await;
        ben.line().hear_error("session_expired").await;
    }
}

#[tokio::test]
async fn any_node_is_drained_from_any_other() {
    let deployment = Deployment::with_redis().await;
    let operator = deployment.operator(0);
    let mut ann = deployment.node(1).client().await;
    ann.join("room").await;
    let socket = operator.read(&format!("/api/v1/sockets/{}", ann.id)).await;
    let name = socket["node"].as_str().expect("a name");
    let (status, node) = operator.post(&format!("/api/v1/nodes/{name}/drain"), &json!({})).await;
    assert_eq!((status, &node["node"], &node["draining"]), (202, &json!(name), &json!(true)));
    assert_eq!(ann.ended().await, Ended::with(1012, "restart"));
    let (status, answer) = operator.post("/api/v1/nodes/nobody/drain", &json!({})).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("node_not_found")));
    assert!(deployment.node(0).is_ready().await && deployment.node(2).is_ready().await);
}
