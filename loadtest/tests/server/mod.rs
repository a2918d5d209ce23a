//! A small server of rooms, speaking as SkyRTC's does. It can be told to lie, once.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc::channel},
    thread,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedSender, unbounded_channel},
};
use tokio_tungstenite::tungstenite::{
    Message, Utf8Bytes,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Which message it lies about: one of those in the middle.
const VICTIM: u32 = 40;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lie {
    None,
    Lose,
    Double,
    /// The message comes after the next of its sender.
    Swap,
    /// Somebody in another room gets it.
    Misdeliver,
    /// It is said to be from somebody else.
    Forge,
    Alter,
    /// In place of the message, its receiver's connection is closed.
    Close,
    /// A newcomer is announced twice.
    NoticeTwice,
    /// Nobody is told of one who left.
    NeverGone,
}

pub(crate) struct Server {
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start(lie: Lie) -> Self {
        let (sender, receiver) = channel();
        // It ends with the test's process.
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let rooms = Arc::new(Mutex::new(Rooms::new(lie)));
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, rooms.clone()));
                }
            });
        });
        Self { address: receiver.recv().unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

struct Rooms {
    lie: Lie,
    members: HashMap<String, Member>,
    last_id: u32,
    messages: u32,
    arrivals: u32,
    departures: u32,
    /// The message that is to be overtaken: its sender, its receiver, itself.
    held: Option<(String, String, String)>,
}

struct Member {
    room: String,
    out: UnboundedSender<Message>,
}

async fn serve(stream: TcpStream, rooms: Arc<Mutex<Rooms>>) {
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let (mut sink, mut frames) = socket.split();
    let (out, mut queue) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut me = None;
    while let Some(Ok(frame)) = frames.next().await {
        let Message::Text(frame) = frame else { continue };
        let frame: Value = serde_json::from_str(&frame).unwrap();
        let mut rooms = rooms.lock().unwrap();
        match &me {
            None => me = Some(rooms.join(frame["data"]["room"].as_str().unwrap(), out.clone())),
            Some(me) => rooms.relay(me, frame),
        }
    }
    if let Some(me) = me {
        rooms.lock().unwrap().leave(&me);
    }
}

impl Rooms {
    fn new(lie: Lie) -> Self {
        Self { lie, members: HashMap::new(), last_id: 0, messages: 0, arrivals: 0, departures: 0, held: None }
    }

    fn join(&mut self, room: &str, out: UnboundedSender<Message>) -> String {
        self.last_id += 1;
        let me = format!("member-{}", self.last_id);
        let others = self.others(room);
        for other in &others {
            self.say(other, &json!({"eventName": "_new_peer", "data": {"socketId": me}}));
        }
        if !others.is_empty() {
            self.arrivals += 1;
            if self.lie == Lie::NoticeTwice && self.arrivals == 20 {
                self.say(&others[0], &json!({"eventName": "_new_peer", "data": {"socketId": me}}));
            }
        }
        self.members.insert(me.clone(), Member { room: room.to_owned(), out });
        self.say(&me, &json!({"eventName": "_peers", "data": {"connections": others, "you": me}}));
        me
    }

    fn leave(&mut self, me: &str) {
        let Some(Member { room, .. }) = self.members.remove(me) else { return };
        self.departures += 1;
        if self.lie == Lie::NeverGone && self.departures == 10 {
            return;
        }
        for other in self.others(&room) {
            self.say(&other, &json!({"eventName": "_remove_peer", "data": {"socketId": me}}));
        }
    }

    fn relay(&mut self, me: &str, mut frame: Value) {
        let to = frame["data"]["socketId"].as_str().unwrap().to_owned();
        let event = frame["eventName"].as_str().unwrap().replace("__", "_");
        frame["eventName"] = event.into();
        frame["data"]["socketId"] = me.into();
        let is_next = self.held.as_ref().is_some_and(|(from, receiver, _)| from == me && *receiver == to);
        self.messages += 1;
        if self.messages == VICTIM {
            self.lie_about(me, &to, frame);
        } else {
            self.say(&to, &frame);
        }
        if is_next && let Some((_, to, held)) = self.held.take() {
            self.say_text(&to, held);
        }
    }

    fn lie_about(&mut self, me: &str, to: &str, mut frame: Value) {
        let mut to = to.to_owned();
        match self.lie {
            Lie::None | Lie::NoticeTwice | Lie::NeverGone => {}
            Lie::Lose => return,
            Lie::Double => self.say(&to, &frame),
            Lie::Swap => {
                self.held = Some((me.to_owned(), to, frame.to_string()));
                return;
            }
            Lie::Misdeliver => to = self.stranger(me),
            Lie::Forge => frame["data"]["socketId"] = self.stranger(me).into(),
            Lie::Alter => {
                let body = frame["data"]["candidate"].as_str().unwrap();
                frame["data"]["candidate"] = format!("{}!", &body[..body.len() - 1]).into();
            }
            Lie::Close => {
                let reason = Utf8Bytes::from_static("slow_consumer");
                let close = CloseFrame { code: CloseCode::from(4508), reason };
                let _ = self.members[&to].out.send(Message::Close(Some(close)));
                return;
            }
        }
        self.say(&to, &frame);
    }

    /// Somebody in another room.
    fn stranger(&self, me: &str) -> String {
        let room = &self.members[me].room;
        self.members.iter().find(|(_, member)| member.room != *room).unwrap().0.clone()
    }

    fn others(&self, room: &str) -> Vec<String> {
        self.members.iter().filter(|(_, member)| member.room == room).map(|(id, _)| id.clone()).collect()
    }

    fn say(&self, to: &str, frame: &Value) {
        self.say_text(to, frame.to_string());
    }

    fn say_text(&self, to: &str, frame: String) {
        if let Some(member) = self.members.get(to) {
            let _ = member.out.send(Message::text(frame)); // it may be gone by now
        }
    }
}
