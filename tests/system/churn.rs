//! Many clients that come, talk, move and go at random, and a checker that reads all that each of them heard.
//!
//! The checker holds each client to what `docs/protocol.md` promises it: each notice once, nothing from a peer outside
//! its presence, messages of one peer in their order and from its own room only; and when all is quiet, each view is
//! the truth.

use crate::harness::{Client, Node};
use fastrand::Rng;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::{sync::Barrier, task::JoinSet};

const CLIENTS: usize = 40;
const ROOMS: usize = 5;
const STEPS: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn views_stay_true_while_everybody_moves() {
    let node = Arc::new(Node::with(&["--outbox-messages", "10000", "--outbox-bytes", "16MiB"]).await);
    let quiet = Arc::new(Barrier::new(CLIENTS));
    let mut people = JoinSet::new();
    for number in 0..CLIENTS {
        people.spawn(live(node.clone(), quiet.clone(), Rng::with_seed(number as u64)));
    }
    let mut rooms: BTreeMap<String, Vec<(String, BTreeSet<String>)>> = BTreeMap::new();
    while let Some(visitor) = people.join_next().await {
        let Visitor { room, id, peers, .. } = visitor.expect("a true view all along");
        rooms.entry(room).or_default().push((id, peers.into_keys().collect()));
    }
    for (room, views) in rooms {
        let members: BTreeSet<_> = views.iter().map(|(id, _)| id.clone()).collect();
        for (id, view) in &views {
            let others: BTreeSet<_> = members.iter().filter(|member| *member != id).cloned().collect();
            assert_eq!(*view, others, "what {id} knows of {room}");
        }
    }
}

/// One person: random steps, then one more room; then everybody is quiet, and looks around.
async fn live(node: Arc<Node>, quiet: Arc<Barrier>, mut rng: Rng) -> Visitor {
    let mut client = node.client().await;
    let mut visitor = Visitor::default();
    let mut said = 0;
    visitor.enter(&mut client, &mut rng).await;
    for _ in 0..STEPS {
        match rng.usize(..10) {
            0 => visitor.enter(&mut client, &mut rng).await,
            1 => {
                client.vanish();
                client = node.client().await;
                visitor.room.clear();
                visitor.enter(&mut client, &mut rng).await;
            }
            2 => client.say("info", json!({ "info": rng.u32(..) })).await,
            3 => visitor.listen(&mut client).await,
            _ => {
                said += 1;
                let mut message = json!({ "room": visitor.room, "body": said });
                if let Some(peer) = rng.choice(visitor.peers.keys()).filter(|_| rng.bool()) {
                    message["socketId"] = json!(peer);
                }
                client.say("message", message).await;
            }
        }
    }
    visitor.enter(&mut client, &mut rng).await;
    visitor.listen(&mut client).await;
    quiet.wait().await;
    // Everybody is where it stays: the answer comes after all that there is to hear.
    visitor.listen(&mut client).await;
    // And nobody goes before everybody has heard it.
    quiet.wait().await;
    visitor
}

/// What one client was told of the room that it is in.
#[derive(Default)]
struct Visitor {
    room: String,
    id: String,
    /// The others, with the last message that each of them sent.
    peers: BTreeMap<String, u64>,
}

impl Visitor {
    /// Goes to another room, with all of it said in one breath.
    async fn enter(&mut self, client: &mut Client, rng: &mut Rng) {
        let room = format!("room {}", rng.usize(..ROOMS));
        if !self.room.is_empty() {
            client.say("info", json!({ "info": "going" })).await;
            client.say("leave", json!({})).await;
        }
        client.say("join", json!({ "room": room })).await;
        client.say("message", json!({ "room": room, "body": 0 })).await;
        while self.room != room || self.id.is_empty() {
            self.read(&client.hear().await);
        }
    }

    /// Hears all that there is to hear.
    async fn listen(&mut self, client: &mut Client) {
        client.say("ping", json!({})).await;
        loop {
            let frame = client.hear().await;
            if frame["eventName"] == "pong" {
                return;
            }
            self.read(&frame);
        }
    }

    fn read(&mut self, frame: &Value) {
        let data = &frame["data"];
        let text = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
        match frame["eventName"].as_str().expect("a name") {
            "left" => *self = Self::default(),
            "peers" => {
                let peers = data["connections"].as_array().expect("ids").iter();
                let peers = peers.map(|id| (id.as_str().expect("an id").to_owned(), 0)).collect();
                *self = Self { room: text("room"), id: text("you"), peers };
            }
            "new_peer" => assert_eq!(self.peers.insert(text("socketId"), 0), None, "told twice: {frame}"),
            "remove_peer" => assert!(self.peers.remove(&text("socketId")).is_some(), "not there: {frame}"),
            "peer_info" => assert!(self.peers.contains_key(&text("socketId")), "not there: {frame}"),
            "message" => {
                assert_eq!(text("room"), self.room, "from another room: {frame}");
                let last = self.peers.get_mut(&text("socketId")).expect("from a peer that is there");
                let n = frame["n"].as_u64().expect("a number");
                assert!(n > *last, "late, or twice: {frame}");
                *last = n;
            }
            "error" => assert_eq!(data["code"], "peer_gone", "{frame}"),
            other => panic!("nobody said {other}"),
        }
    }
}
