//! A client that can come back: it keeps in mind what it has to know for that.

use super::{Client, Ended};
use serde_json::{Value, json};
use std::{collections::BTreeMap, mem};

pub(crate) struct Resumable {
    client: Client,
    pub(crate) room: String,
    pub(crate) id: String,
    /// The keys that it was told, the first one first.
    pub(crate) keys: Vec<String>,
    pub(crate) attempt: u64,
    /// How long it has to come back.
    pub(crate) window_ms: u64,
    version: u64,
    /// The number of its last message.
    n: u64,
    /// Its messages up to this number were handled.
    pub(crate) acknowledged: u64,
    /// Whom it sees: the number of the last message of each, and whether it is away.
    peers: BTreeMap<String, (u64, bool)>,
}

impl Resumable {
    pub(crate) async fn join(client: Client, room: &str) -> Self {
        Self::asking(client, json!({ "room": room, "resume": true })).await
    }

    /// Joins with a token.
    pub(crate) async fn join_with(client: Client, room: &str, token: &str) -> Self {
        Self::asking(client, json!({ "room": room, "resume": true, "token": token })).await
    }

    async fn asking(mut client: Client, data: Value) -> Self {
        let room = text(&data["room"]);
        let peers = client.join_with(data).await;
        let known = peers["peers"].as_array().expect("peers").iter();
        let known = known.map(|peer| (text(&peer["socketId"]), (0, peer["away"] == true)));
        Self {
            room,
            id: client.id.clone(),
            keys: vec![text(&peers["resume"]["key"])],
            attempt: 0,
            window_ms: peers["resume"]["windowMs"].as_u64().expect("a time"),
            version: peers["version"].as_u64().expect("a version"),
            n: 0,
            acknowledged: 0,
            peers: known.collect(),
            client,
        }
    }

    /// Says its next message: to everybody, or to one.
    pub(crate) async fn say(&mut self, to: Option<&str>) -> u64 {
        self.n += 1;
        self.repeat(self.n, to).await;
        self.n
    }

    /// Says a message again.
    pub(crate) async fn repeat(&mut self, n: u64, to: Option<&str>) {
        let mut data = json!({ "body": n });
        if let Some(to) = to {
            data["socketId"] = json!(to);
        }
        self.client.say_frame(json!({ "eventName": "message", "data": data, "n": n })).await;
    }

    /// The next thing that is new to it. Acknowledgements, infos and what it knows already are none.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let frame = self.client.hear().await;
            if self.take(&frame) {
                return frame;
            }
        }
    }

    /// The next thing is a notice of that name about this peer.
    pub(crate) async fn hear_of(&mut self, event_name: &str, peer: &str) -> Value {
        let mut frame = self.hear().await;
        assert_eq!(
            (&frame["eventName"], &frame["data"]["socketId"]),
            (&json!(event_name), &json!(peer)),
            "{frame}"
        );
        frame["data"].take()
    }

    /// The next things are the messages of these numbers from a peer.
    pub(crate) async fn hear_messages(&mut self, from: &str, numbers: impl IntoIterator<Item = u64>) {
        for n in numbers {
            let frame = self.hear().await;
            assert_eq!(
                (&frame["n"], &frame["data"]["socketId"]),
                (&json!(n), &json!(from)),
                "{n} is next: {frame}"
            );
            assert_eq!(frame["data"]["body"], n);
        }
    }

    /// Waits until its messages up to this number were handled.
    pub(crate) async fn hear_ack(&mut self, n: u64) {
        while self.acknowledged < n {
            let frame = self.client.hear().await;
            assert!(!self.take(&frame), "nothing is to be heard before the acknowledgement: {frame}");
        }
    }

    /// What it says to come back, with the last key that it was told.
    pub(crate) fn claim(&mut self) -> Value {
        self.attempt += 1;
        let received: BTreeMap<_, _> = self.peers.iter().map(|(id, (had, _))| (id, had)).collect();
        json!({
            "room": self.room, "socketId": self.id, "key": self.keys.last(), "attempt": self.attempt,
            "received": received, "version": self.version,
        })
    }

    /// Has another connection from now on; returns the one that it had.
    pub(crate) fn take_line(&mut self, client: Client) -> Client {
        mem::replace(&mut self.client, client)
    }

    pub(crate) fn line(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Asks to resume on another connection; returns the one that it had.
    pub(crate) async fn ask_on(&mut self, client: Client) -> Client {
        let before = self.take_line(client);
        let claim = self.claim();
        self.client.say("resume", claim).await;
        before
    }

    /// Resumes on another connection; returns the one that it had.
    pub(crate) async fn resume_on(&mut self, client: Client) -> Client {
        let before = self.ask_on(client).await;
        self.hear_resumed().await;
        before
    }

    pub(crate) async fn hear_resumed(&mut self) {
        let answer = self.hear_answer().await;
        assert!(answer.is_ok(), "{answer:?}");
    }

    /// The answer to a `resume`: `resumed`, or the error's code.
    pub(crate) async fn hear_answer(&mut self) -> Result<(), String> {
        let frame = self.client.hear().await;
        if frame["eventName"] == "error" {
            return Err(text(&frame["data"]["code"]));
        }
        assert_eq!(
            (&frame["eventName"], &frame["data"]["you"]),
            (&json!("resumed"), &json!(self.id)),
            "{frame}"
        );
        self.keys.push(text(&frame["data"]["resume"]["key"]));
        Ok(())
    }

    /// Hears what comes on a connection to a node that drains, until that asks it to be elsewhere, or ends the connection.
    pub(crate) async fn hear_until_sent_away(&mut self) {
        loop {
            let frame = match self.client.hear_anything().await {
                Ok(frame) => frame.expect("no pong"),
                Err(ended) => {
                    assert_eq!(ended, Ended::with(1012, "restart"));
                    return;
                }
            };
            match frame["eventName"].as_str().expect("a name") {
                "reconnect" => return,
                "resumed" => self.keys.push(text(&frame["data"]["resume"]["key"])),
                _ => {
                    self.take(&frame);
                }
            }
        }
    }

    /// The number of the last message that it had from a peer.
    pub(crate) fn had(&mut self, from: &str) -> u64 {
        self.peer(from).0
    }

    /// Notes what a frame tells, and says whether it is news.
    fn take(&mut self, frame: &Value) -> bool {
        let data = &frame["data"];
        let peer = || text(&data["socketId"]);
        if let Some(version) = data["version"].as_u64() {
            assert!(version >= self.version, "a version doesn't fall: {frame}");
            self.version = version;
        }
        match frame["eventName"].as_str().expect("a name") {
            "ack" => {
                self.acknowledged = data["n"].as_u64().expect("a number");
                return false;
            }
            "peer_info" => return false,
            "new_peer" => assert!(self.peers.insert(peer(), (0, data["away"] == true)).is_none(), "{frame}"),
            "remove_peer" => assert!(self.peers.remove(&peer()).is_some(), "{frame}"),
            "peer_away" => return !mem::replace(&mut self.peer(&peer()).1, true),
            "peer_back" => return mem::replace(&mut self.peer(&peer()).1, false),
            "message" => {
                let n = frame["n"].as_u64().expect("a number");
                let had = &mut self.peer(&peer()).0;
                assert!(*had < n, "{n} comes after {had}: {frame}");
                *had = n;
            }
            _ => {}
        }
        true
    }

    fn peer(&mut self, id: &str) -> &mut (u64, bool) {
        self.peers.get_mut(id).unwrap_or_else(|| panic!("a stranger: {id}"))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
