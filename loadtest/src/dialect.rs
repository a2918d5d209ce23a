//! What a server speaks: how to join a room there, and how to tell a peer something. Pure: text in, text out.
//!
//! A message's *body* is what the scenario has to say: the inside of a JSON string, escaped as `JSON.stringify` does. It is
//! carried as it is, and comes out of [`Dialect::hear`] as it came in.

mod carried;
mod echo;
mod peerjs;
mod plain;
mod relay;
mod seat;
mod skyrtc;
mod socketio;
mod switchboard;
mod text;

use serde::{Deserialize, Serialize};
use std::time::Duration;
use url::Url;

/// The dialects there are, as `--dialect` names them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    /// Switchboard's own.
    Switchboard,
    /// That of SkyRTC 0.0.2 (2014).
    Skyrtc,
    /// A plain relay over `ws`.
    Relay,
    /// Socket.IO rooms.
    Socketio,
    /// `PeerServer`, of `PeerJS`.
    Peerjs,
    /// Bare frames behind their length, over TCP.
    Plain,
    /// Each message comes back to its sender.
    Echo,
}

impl Name {
    /// How many the members of a pair are: who speaks to an echo has only itself.
    pub(crate) fn pair(self) -> usize {
        if self == Self::Echo { 1 } else { 2 }
    }

    /// How many a room can have at most, where it isn't the server that says so: bytes pass between two, and come back to one.
    pub(crate) fn largest_room(self) -> Option<usize> {
        match self {
            Self::Plain => Some(2),
            Self::Echo => Some(1),
            Self::Switchboard | Self::Skyrtc | Self::Relay | Self::Socketio | Self::Peerjs => None,
        }
    }

    /// A client's side of it. `resumable`: it is to ask for a session that outlives its connection.
    pub(crate) fn speaker(self, seat: &Seat, resumable: bool) -> Box<dyn Dialect> {
        match self {
            Self::Switchboard => Box::new(switchboard::Switchboard::new(seat, resumable)),
            Self::Skyrtc => Box::new(skyrtc::SkyRtc::new(seat)),
            Self::Relay => Box::new(relay::Relay::new(seat)),
            Self::Socketio => Box::new(socketio::SocketIo::new(seat)),
            Self::Peerjs => Box::new(peerjs::PeerJs::new(seat)),
            Self::Plain => Box::new(plain::Plain::new(seat)),
            Self::Echo => Box::new(echo::Echo::new(seat)),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// What kind of message carries a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Offer,
    Answer,
    Candidate,
}

/// Who a client is in its scenario. Only a server without rooms needs to be told; others give out ids.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) room: String,
    /// 0 for the first of its room.
    pub(crate) index: usize,
    /// How many its room will have.
    pub(crate) of: usize,
}

/// How bytes travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    WebSocket,
    /// TCP; each message behind its length, a big-endian `u32`.
    Plain,
}

/// One client's side of a protocol.
pub(crate) trait Dialect: Send {
    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    /// Where to connect, given where the server is.
    fn address(&self, server: &Url) -> Url {
        server.clone()
    }

    /// What to offer as `Sec-WebSocket-Protocol`.
    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    /// Asks for the client's room as soon as the connection is open. What comes of it is heard as `Joined`.
    fn join(&mut self, out: &mut Vec<String>);

    /// Whether a session can be taken up on another connection.
    fn resumes(&self) -> bool {
        false
    }

    /// Takes up, on a new connection, the session that the last one had. Heard as `Resumed`, or as an `Error`.
    fn resume(&mut self, _out: &mut Vec<String>) {}

    /// Tells a peer something.
    fn relay(&mut self, kind: Kind, to: &str, body: &str, out: &mut Vec<String>);

    /// Leaves the room, where that is something to say; who has nothing to say closes the connection.
    fn leave(&mut self, out: &mut Vec<String>);

    /// Reads what the server said. Answers that it wants at once (a pong of its own kind) go to `out`.
    fn hear<'a>(&mut self, frame: &'a str, out: &mut Vec<String>) -> Heard<'a>;

    /// What has to be said now and then: an acknowledgement, a heartbeat. Asked for about twice a second.
    fn tick(&mut self, _since_start: Duration, _out: &mut Vec<String>) {}

    /// Whether the server tells who comes and goes.
    fn gives_notice(&self) -> bool {
        true
    }
}

/// What a frame said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Heard<'a> {
    /// The client is in its room, and those were there already.
    Joined {
        me: String,
        peers: Vec<String>,
    },
    Resumed,
    Came(String),
    Went(String),
    /// Of a peer that went on without its connection, or came back.
    Away(String),
    Back(String),
    Message {
        from: &'a str,
        kind: Kind,
        body: &'a str,
    },
    Left,
    /// The server wants the client to connect anew, elsewhere, in this while.
    Reconnect {
        after: Duration,
    },
    /// Something may have been lost.
    Gap,
    Error(String),
    /// Nothing that a scenario waits for.
    Nothing,
    /// It makes no sense: why.
    Nonsense(String),
}
