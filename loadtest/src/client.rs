//! One client: where it sits, its connection, what it speaks, and whom it knows to be in its room.

use crate::{
    dialect::{Dialect, Seat},
    socket::Socket,
};
use std::{net::IpAddr, rc::Rc, task::Waker};
use url::Url;

pub(crate) struct Client {
    pub(crate) seat: Seat,
    pub(crate) server: Rc<Url>,
    pub(crate) source: Option<IpAddr>,
    /// The activity that it takes part in.
    pub(crate) script: usize,
    pub(crate) dialect: Box<dyn Dialect>,
    pub(crate) state: State,
    /// Its present membership, or its last.
    pub(crate) member: Option<u32>,
    /// The ids of those it was told of.
    pub(crate) view: Vec<String>,
    /// When what it waits for was due: its connection, its answer.
    pub(crate) due: u64,
    /// What comes once it is connected.
    pub(crate) entry: Entry,
    /// When it lost the connection that it hasn't made up for yet, and how often since.
    pub(crate) lost: Option<(u64, u32)>,
    pub(crate) connection: Connection,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// Without a connection.
    Out,
    Opening,
    /// Connected, and nothing else.
    Open,
    /// Asked to be let in, or to be let in again.
    Entering,
    Joined,
    /// Says goodbye.
    Leaving,
}

/// How a client enters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Entry {
    /// It waits to be told.
    Wait,
    Join,
    Resume,
}

#[derive(Default)]
pub(crate) struct Connection {
    pub(crate) socket: Option<Socket>,
    /// Counts the client's connections: what an earlier one still says isn't heard.
    pub(crate) number: u32,
    pub(crate) is_dirty: bool,
    /// There is more to write than the kernel takes now.
    pub(crate) is_blocked: bool,
    /// Of who waits for something to read.
    pub(crate) waker: Option<Waker>,
}

impl Client {
    pub(crate) fn new(
        seat: Seat,
        server: Rc<Url>,
        source: Option<IpAddr>,
        script: usize,
        dialect: Box<dyn Dialect>,
    ) -> Self {
        Self {
            seat,
            server,
            source,
            script,
            dialect,
            state: State::Out,
            member: None,
            view: Vec::new(),
            due: 0,
            entry: Entry::Wait,
            lost: None,
            connection: Connection::default(),
        }
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.state == State::Joined
    }

    /// As findings name it.
    pub(crate) fn name(&self) -> String {
        let server = self.server.host_str().unwrap_or_default();
        let port = self.server.port_or_known_default().unwrap_or_default();
        format!("member {} of {} at {server}:{port}", self.seat.index + 1, self.seat.room)
    }
}
