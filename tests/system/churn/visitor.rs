//! One client in the crowd: what it says, and what it holds the gateway to.

use super::Present;
use crate::harness::{Client, Site};
use fastrand::Rng;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    pin::pin,
    time::Duration,
};
use tokio::{select, time::timeout};

/// Longer than anything takes at a meeting. Who waits for a roll waits longer than who can't call its own, as that one
/// knows what is wrong.
const TO_SEE: Duration = Duration::from_secs(30);
const TO_HEAR: Duration = Duration::from_mins(1);

/// So much of what was heard is told when something is wrong.
const STORY: usize = 40;

pub(super) struct Visitor {
    client: Client,
    room: String,
    id: String,
    info: u64,
    /// The number of its last message.
    n: u64,
    /// What it sent since the last roll, and to whom; `None` is to all.
    sent: Vec<(u64, Option<String>)>,
    version: u64,
    peers: BTreeMap<String, Peer>,
    story: VecDeque<String>,
}

/// What it knows of one of the others.
#[derive(Default)]
struct Peer {
    info: u64,
    /// The number of our last message before we heard of it: later ones are for it, earlier ones may be.
    since: u64,
    /// The number of its last message.
    last: u64,
    /// What it sent since its last roll.
    had: Vec<u64>,
    called: bool,
}

impl Visitor {
    pub(super) async fn come(site: &Site) -> Self {
        Self {
            client: site.client().await,
            room: String::new(),
            id: String::new(),
            info: 0,
            n: 0,
            sent: Vec::new(),
            version: 0,
            peers: BTreeMap::new(),
            story: VecDeque::new(),
        }
    }

    pub(super) async fn vanish_and_return(self, site: &Site) -> Self {
        self.client.vanish();
        Self::come(site).await
    }

    pub(super) fn present(&self) -> Present {
        Present { room: self.room.clone(), id: self.id.clone(), info: self.info }
    }

    /// Goes to another room, with all of it said in one breath.
    pub(super) async fn enter(&mut self, number: usize) {
        let room = format!("room {number}");
        if !self.room.is_empty() {
            self.client.say("info", json!({ "info": 1_000_000 })).await;
            self.client.say("leave", json!({})).await;
            while !self.room.is_empty() {
                self.hear().await;
            }
        }
        (self.n, self.info) = (0, 0);
        self.sent.clear();
        self.client.say("join", json!({ "room": room, "info": 0 })).await;
        self.room = room;
        self.speak(None).await;
        while self.id.is_empty() {
            self.hear().await;
        }
    }

    pub(super) async fn show_something_else(&mut self) {
        self.info += 1;
        self.client.say("info", json!({ "info": self.info })).await;
    }

    pub(super) async fn speak_to_all(&mut self) {
        self.speak(None).await;
    }

    pub(super) async fn speak_to_one(&mut self, rng: &mut Rng) {
        if let Some(peer) = rng.choice(self.peers.keys()).cloned() {
            self.speak(Some(peer)).await;
        }
    }

    async fn speak(&mut self, to: Option<String>) {
        self.send(json!({ "room": self.room }), to.as_deref()).await;
        self.sent.push((self.n, to));
    }

    async fn send(&mut self, mut data: Value, to: Option<&str>) {
        self.n += 1;
        if let Some(peer) = to {
            data["socketId"] = json!(peer);
        }
        self.client.say_frame(json!({ "eventName": "message", "data": data, "n": self.n })).await;
    }

    /// Hears all that its node has for it.
    pub(super) async fn listen(&mut self) {
        self.client.say("ping", json!({})).await;
        while self.hear().await != "pong" {}
    }

    pub(super) async fn listen_for(&mut self, time: Duration) {
        if !time.is_zero() {
            self.listen_until(tokio::time::sleep(time)).await;
        }
    }

    /// Hears what comes until something is done.
    pub(super) async fn listen_until<T>(&mut self, done: impl Future<Output = T>) {
        let mut done = pin!(done);
        loop {
            select! {
                biased;
                _ = &mut done => return,
                frame = self.client.hear_any_time() => self.take(&frame),
            }
        }
    }

    /// Waits until it sees the others as they are: id and info.
    pub(super) async fn see(&mut self, others: &BTreeMap<String, u64>) {
        self.until_nothing_is_missing(TO_SEE, |me| me.mistakes_about(others)).await;
    }

    fn mistakes_about(&self, others: &BTreeMap<String, u64>) -> Option<String> {
        let view: BTreeMap<_, _> = self.peers.iter().map(|(id, peer)| (id.clone(), peer.info)).collect();
        (view != *others).then(|| format!("it sees {view:?}, but there are {others:?}"))
    }

    /// Tells each of the others what it was sent, and waits until each has told it.
    pub(super) async fn call_the_roll(&mut self) {
        let sent = mem::take(&mut self.sent);
        let others: Vec<_> = self.peers.iter().map(|(id, peer)| (id.clone(), peer.since)).collect();
        for (id, since) in others {
            let for_it = sent.iter().filter(|(_, to)| to.as_ref().is_none_or(|to| *to == id));
            let numbers: Vec<_> = for_it.map(|(n, _)| n).collect();
            self.send(json!({ "room": self.room, "roll": numbers, "since": since }), Some(&id)).await;
        }
        self.until_nothing_is_missing(TO_HEAR, Self::unheard_rolls).await;
        for peer in self.peers.values_mut() {
            peer.called = false;
        }
    }

    fn unheard_rolls(&self) -> Option<String> {
        let silent: Vec<_> = self.peers.iter().filter(|(_, peer)| !peer.called).map(|(id, _)| id).collect();
        (!silent.is_empty()).then(|| format!("it never heard the roll of {silent:?}"))
    }

    async fn until_nothing_is_missing(
        &mut self,
        patience: Duration,
        missing: impl Fn(&Self) -> Option<String>,
    ) {
        let complete = async {
            while missing(self).is_some() {
                let frame = self.client.hear_any_time().await;
                self.take(&frame);
            }
        };
        if timeout(patience, complete).await.is_err() {
            self.fail(&missing(self).unwrap_or_default());
        }
    }

    /// Hears something; returns its name.
    async fn hear(&mut self) -> String {
        let frame = self.client.hear().await;
        self.take(&frame);
        frame["eventName"].as_str().expect("a name").to_owned()
    }

    fn take(&mut self, frame: &Value) {
        self.story.push_back(frame.to_string());
        if self.story.len() > STORY {
            self.story.pop_front();
        }
        if let Err(wrong) = self.check(frame) {
            self.fail(&wrong);
        }
    }

    fn fail(&self, wrong: &str) -> ! {
        let story = self.story.iter().map(String::as_str).collect::<Vec<_>>().join("\n  ");
        panic!("{} in {}: {wrong}. It heard last:\n  {story}", self.id, self.room);
    }

    /// Takes a frame in, or says what can't be true.
    fn check(&mut self, frame: &Value) -> Result<(), String> {
        let data = &frame["data"];
        let id = || data["socketId"].as_str().unwrap_or_default().to_owned();
        let info = |data: &Value| data["info"].as_u64().expect("ours are numbers");
        match frame["eventName"].as_str().expect("a name") {
            "left" => {
                (self.room, self.id) = (String::new(), String::new());
                self.peers.clear();
            }
            "peers" => {
                self.id = data["you"].as_str().expect("an id").to_owned();
                self.version = data["version"].as_u64().expect("a number");
                for peer in data["peers"].as_array().expect("peers") {
                    let id = peer["socketId"].as_str().expect("an id").to_owned();
                    self.peers.insert(id, Peer { info: info(peer), ..Peer::default() });
                }
            }
            "new_peer" => {
                self.is_later(data)?;
                let peer = Peer { info: info(data), since: self.n, ..Peer::default() };
                if self.peers.insert(id(), peer).is_some() {
                    return Err("it is told twice of a peer".into());
                }
            }
            "remove_peer" => {
                self.is_later(data)?;
                self.peers.remove(&id()).ok_or("who goes wasn't there")?;
            }
            "peer_info" => {
                self.is_later(data)?;
                let peer = self.peers.get_mut(&id()).ok_or("who shows something isn't there")?;
                if info(data) <= peer.info {
                    return Err("an info is old, or told twice".into());
                }
                peer.info = info(data);
            }
            "message" => {
                if data["room"] != json!(self.room) {
                    return Err("a message is from another room".into());
                }
                let peer = self.peers.get_mut(&id()).ok_or("a message is from who isn't there")?;
                peer.hear(frame["n"].as_u64().expect("a number"), data)?;
            }
            "error" if data["code"] == "peer_gone" => {}
            "pong" => {}
            _ => return Err("nobody said this".into()),
        }
        Ok(())
    }

    /// Versions of notices never fall.
    fn is_later(&mut self, data: &Value) -> Result<(), String> {
        let version = data["version"].as_u64().expect("a number");
        if version < self.version {
            return Err(format!("version {version} comes after {}", self.version));
        }
        self.version = version;
        Ok(())
    }
}

impl Peer {
    fn hear(&mut self, n: u64, data: &Value) -> Result<(), String> {
        if n <= self.last {
            return Err(format!("message {n} comes after {}", self.last));
        }
        self.last = n;
        if data["roll"].is_null() {
            self.had.push(n);
            return Ok(());
        }
        self.called = true;
        self.check_roll(data)
    }

    /// All that was sent to us arrived. Before its sender knew of us, we may have missed the beginning, and no more.
    fn check_roll(&mut self, data: &Value) -> Result<(), String> {
        let numbers = data["roll"].as_array().expect("numbers").iter().map(|n| n.as_u64().expect("a number"));
        let since = data["since"].as_u64().expect("a number");
        let had = mem::take(&mut self.had);
        let first = had.first().copied().unwrap_or(u64::MAX);
        let due: Vec<_> = numbers.filter(|&n| n > since || n >= first).collect();
        if had == due { Ok(()) } else { Err(format!("of {due:?} it had {had:?}")) }
    }
}
