//! What a client may do in its room, and until when.

use super::Grants;
use crate::protocol::{ErrorCode, Fault, RoomName};
use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

/// What the door granted, for one room.
#[derive(Debug)]
pub(super) struct Pass {
    room: RoomName,
    grants: Grants,
    end: Option<Instant>,
    /// Whether the client was told that it ends.
    announced: bool,
}

/// What a client does that not everybody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Sending to one peer.
    Signal,
    /// Sending to the whole room.
    Broadcast,
    /// Showing something of itself.
    Show,
}

/// What time makes of a pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is good for so long only.
    Expiring(Duration),
    /// It was good.
    Expired,
}

impl Pass {
    /// A client hears so long before that its pass ends.
    pub(super) const NOTICE: Duration = Duration::from_secs(30);

    pub(super) fn new(room: RoomName, grants: Grants, now: Instant) -> Self {
        let end = grants.valid_for.and_then(|time| now.checked_add(time));
        Self { room, grants, end, announced: false }
    }

    pub(super) fn room(&self) -> &RoomName {
        &self.room
    }

    /// Members that the room may have when its client joins; `None` as the node has it.
    pub(super) fn capacity(&self) -> Option<NonZeroUsize> {
        self.grants.capacity
    }

    /// For how long it was granted; `None` for as long as its client likes.
    pub(super) fn valid_for(&self) -> Option<Duration> {
        self.grants.valid_for
    }

    pub(super) fn check(&self, act: Act) -> Result<(), Fault> {
        let (granted, message) = match act {
            Act::Signal => {
                (self.grants.signal, "your token doesn't grant signal: you can't send to single peers")
            }
            Act::Broadcast => (
                self.grants.broadcast,
                "your token doesn't grant broadcast: you can't send to the whole room",
            ),
            Act::Show => (self.grants.info, "your token doesn't grant info: join and stay without one"),
        };
        if granted { Ok(()) } else { Err(Fault::new(ErrorCode::Forbidden, message)) }
    }

    /// When it isn't good any more.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// When its client wants to hear of its end, or it ends.
    pub(super) fn due(&self) -> Option<Instant> {
        self.end.map(|end| if self.announced { end } else { end.checked_sub(Self::NOTICE).unwrap_or(end) })
    }

    /// What its client should hear now; that it ends soon, once.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Turn> {
        let (due, end) = (self.due()?, self.end?);
        if now >= end {
            return Some(Turn::Expired);
        }
        (now >= due).then(|| {
            self.announced = true;
            Turn::Expiring(end - now)
        })
    }
}
