//! Who may come in, and what they may do inside.

use crate::protocol::{CloseCode, ErrorCode, Fault, RoomName};
use std::{borrow::Cow, fmt, num::NonZeroUsize, time::Duration};

/// Asked by a session for its client, and answered at once. One for each connection.
pub trait Door: fmt::Debug + Send + Sync {
    /// Whether a client with this token may do this in this room, and what it may do there.
    fn admit(&self, knock: Knock, token: Option<&str>, room: &RoomName) -> Result<Grants, Denied>;
}

/// What a client wants of a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// To join the room.
    Join,
    /// To come back to its place in the room.
    Resume,
    /// To stay in the room, where it is, with another token.
    Renew,
}

/// What a client may do in its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Send offers, answers, candidates, and messages to one peer.
    pub signal: bool,
    /// Send messages to the whole room.
    pub broadcast: bool,
    /// Show something of itself, and change it.
    pub info: bool,
    /// Members that the room may have when it joins; `None` as the node has it.
    pub capacity: Option<NonZeroUsize>,
    /// For how long, from now; `None` for as long as it likes.
    pub valid_for: Option<Duration>,
}

impl Grants {
    /// Everything, for good.
    pub const ALL: Self = Self { signal: true, broadcast: true, info: true, capacity: None, valid_for: None };
}

/// Why a client may not: what it is told, and whether its connection ends with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What it is told.
    pub fault: Fault,
    /// How its connection ends, if it does.
    pub close: Option<CloseCode>,
}

impl Denied {
    /// How the connection of who wanted this ends, if it does. Who is in stays in with the token that it has, unless it
    /// comes with others too fast.
    pub fn ending(&self, knock: Knock) -> Option<CloseCode> {
        self.close.filter(|&code| knock != Knock::Renew || code == CloseCode::RateLimited)
    }

    /// It isn't who it should be, or doesn't say so.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        let fault = Fault::new(ErrorCode::Unauthorized, message);
        Self { fault, close: Some(CloseCode::Unauthorized) }
    }

    /// It may not.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self { fault: Fault::new(ErrorCode::Forbidden, message), close: Some(CloseCode::Forbidden) }
    }
}

/// A door that lets everybody in.
#[derive(Debug)]
pub struct OpenDoor;

impl Door for OpenDoor {
    fn admit(&self, _: Knock, _: Option<&str>, _: &RoomName) -> Result<Grants, Denied> {
        Ok(Grants::ALL)
    }
}
