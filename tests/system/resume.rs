//! Sessions that outlive their connections, on one node and across several.

use crate::harness::{Client, Ended, Site, on_each_site};
use serde_json::{Value, json};
use std::mem;

/// A client that can come back: what it knows, and the key to prove itself with.
struct Caller {
    client: Client,
    key: String,
    version: u64,
    attempt: u64,
}

impl Caller {
    async fn join(site: &Site) -> Self {
        let mut client = site.client().await;
        let peers = client.join_with(json!({ "room": "room", "resume": true })).await;
        assert_eq!(peers["resume"]["windowMs"], 30_000);
        let key = peers["resume"]["key"].as_str().expect("a key").to_owned();
        let version = peers["version"].as_u64().expect("a version");
        Self { client, key, version, attempt: 0 }
    }

    /// What it says to come back, knowing this.
    fn claim(&mut self, received: &Value) -> Value {
        self.attempt += 1;
        json!({
            "room": "room", "socketId": self.client.id, "key": self.key, "attempt": self.attempt,
            "received": received, "version": self.version,
        })
    }

    /// Loses its connection, and has another one.
    async fn reconnect(&mut self, site: &Site) {
        self.move_to(site.client().await).vanish();
    }

    /// Says who it is, on the connection that it has now.
    async fn resume(&mut self, received: &Value) {
        let claim = self.claim(received);
        self.client.say("resume", claim).await;
        let resumed = self.client.hear_event("resumed").await;
        assert_eq!(resumed["you"], json!(self.client.id));
        let key = resumed["resume"]["key"].as_str().expect("a key");
        assert_ne!(self.key, key);
        self.key = key.to_owned();
    }

    /// Goes on with another connection; returns the one that it had.
    fn move_to(&mut self, mut client: Client) -> Client {
        client.id = self.client.id.clone();
        mem::replace(&mut self.client, client)
    }

    /// Says something to everybody.
    async fn say(&mut self, n: u64) {
        self.client.say_frame(json!({ "eventName": "message", "data": { "body": n }, "n": n })).await;
    }

    async fn hear(&mut self, from: &str, n: u64) {
        let frame = self.client.hear().await;
        assert_eq!((&frame["data"]["socketId"], &frame["n"]), (&json!(from), &json!(n)), "{frame}");
    }
}

/// Two in a room.
async fn a_call(site: &Site) -> [Caller; 2] {
    let mut ann = Caller::join(site).await;
    let ben = Caller::join(site).await;
    ann.client.hear_newcomer(&ben.client).await;
    [ann, ben]
}

#[tokio::test]
async fn who_takes_over_misses_nothing_and_nobody_notices() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        for n in 1..=3 {
            ann.say(n).await;
        }
        ben.hear(&ann.client.id, 1).await;
        // It hasn't seen the second and the third yet, whether they arrived or not.
        let mut before = ben.move_to(site.client().await);
        ben.resume(&json!({ (ann.client.id.clone()): 1 })).await;
        ben.hear(&ann.client.id, 2).await;
        ben.hear(&ann.client.id, 3).await;
        assert_eq!(before.ended().await, Ended::with(4409, "replaced"));
        ann.say(4).await;
        ben.hear(&ann.client.id, 4).await;
        ben.say(1).await;
        ann.hear(&ben.client.id, 1).await;
    })
    .await;
}

#[tokio::test]
async fn who_is_away_is_told_of_and_waited_for() {
    on_each_site(&[], async |site| {
        let [mut ann, mut ben] = a_call(site).await;
        ben.reconnect(site).await;
        let away = ann.client.hear_event("peer_away").await;
        assert_eq!(away["socketId"], json!(ben.client.id));
        for n in 1..=2 {
            ann.say(n).await;
        }
        let mut cat = Caller::join(site).await;
        ann.client.hear_newcomer(&cat.client).await;
        ben.resume(&json!({ (ann.client.id.clone()): 0 })).await;
        ben.hear(&ann.client.id, 1).await;
        ben.hear(&ann.client.id, 2).await;
        ben.client.hear_event("peer_info").await;
        ben.client.hear_event("peer_back").await;
        ben.client.hear_newcomer(&cat.client).await;
        for other in [&mut ann, &mut cat] {
            assert_eq!(other.client.hear_event("peer_back").await["socketId"], json!(ben.client.id));
        }
    })
    .await;
}
