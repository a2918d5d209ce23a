//! What one caller did and heard, in its order.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// Which of the callers.
    pub(crate) caller: usize,
    pub(crate) room: String,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Since a moment that all logs share.
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

/// A socket id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id([u8; 20]);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A connection to one of the nodes is open.
    Connected {
        door: usize,
    },
    /// It is no more, or nothing is expected of it any longer.
    Lost(Ending),
    /// A session begins.
    Joined {
        you: Id,
        version: u64,
        peers: Vec<(Id, Presence)>,
    },
    Resuming {
        attempt: u64,
    },
    Resumed {
        version: u64,
    },
    /// A `join` or a `resume` was answered by `unavailable`.
    PutOff,
    /// The session is no more.
    Over(Over),

    /// To one peer, or to the room.
    Sent {
        n: u64,
        to: Option<Id>,
        stamp: Stamp,
    },
    /// Sent once more, as it wasn't acknowledged.
    Repeated {
        n: u64,
    },
    Acknowledged {
        n: u64,
    },
    /// For one peer, or for everybody.
    Refused {
        n: u64,
        to: Option<Id>,
        refusal: Refusal,
    },
    Heard {
        from: Id,
        n: u64,
        stamp: Stamp,
    },

    Came {
        peer: Id,
        presence: Presence,
        version: u64,
    },
    Left {
        peer: Id,
        reason: Reason,
        version: u64,
    },
    Away {
        peer: Id,
        version: u64,
    },
    Back {
        peer: Id,
        version: u64,
    },
    /// Its info, which may be told twice.
    Shows {
        peer: Id,
        version: u64,
    },
    Gap,
    /// The node drains.
    Asked {
        after: Duration,
    },
    /// Nothing that a gateway may say, or not now.
    Strange(String),
}

/// What the text of a message comes to: sender, room, number and all.
pub(crate) type Stamp = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Here,
    Away,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    PeerGone,
    Unavailable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Left,
    Lost,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed(u16),
    Broken,
    /// The gateway didn't answer.
    Silent,
    /// Another is better: the node drains.
    Replaced,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Expired,
    /// By a close code after which nobody reconnects.
    Closed(u16),
}

impl Id {
    pub(crate) fn new(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("it was text")
    }
}

/// The beginning will do for a reader.
impl Display for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str()[..6])
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// As a sentence about who wrote it.
impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { door } => write!(f, "connects to node {door}"),
            Self::Lost(Ending::Closed(code)) => write!(f, "hears its connection closed with {code}"),
            Self::Lost(Ending::Broken) => write!(f, "loses its connection"),
            Self::Lost(Ending::Silent) => write!(f, "gives its connection up: no answer"),
            Self::Lost(Ending::Replaced) => write!(f, "leaves its connection for the next one"),
            Self::Joined { you, version, peers } => {
                write!(f, "joins as {you}, version {version}, and sees {peers:?}")
            }
            Self::Resuming { attempt } => write!(f, "asks to resume, attempt {attempt}"),
            Self::Resumed { version } => write!(f, "hears resumed, version {version}"),
            Self::PutOff => write!(f, "hears unavailable in answer"),
            Self::Over(Over::Expired) => write!(f, "hears session_expired"),
            Self::Over(Over::Closed(code)) => write!(f, "hears its session ended with {code}"),
            Self::Sent { n, to: Some(to), .. } => write!(f, "sends {n} to {to}"),
            Self::Sent { n, to: None, .. } => write!(f, "sends {n} to the room"),
            Self::Repeated { n } => write!(f, "sends {n} again"),
            Self::Acknowledged { n } => write!(f, "hears ack {n}"),
            Self::Refused { n, to: Some(to), refusal } => {
                write!(f, "hears {n} refused for {to}: {refusal:?}")
            }
            Self::Refused { n, to: None, refusal } => write!(f, "hears {n} refused: {refusal:?}"),
            Self::Heard { from, n, .. } => write!(f, "hears {n} from {from}"),
            Self::Came { peer, presence, version } => {
                write!(f, "hears new_peer {peer} ({presence:?}), version {version}")
            }
            Self::Left { peer, reason, version } => {
                write!(f, "hears remove_peer {peer} ({reason:?}), version {version}")
            }
            Self::Away { peer, version } => write!(f, "hears peer_away {peer}, version {version}"),
            Self::Back { peer, version } => write!(f, "hears peer_back {peer}, version {version}"),
            Self::Shows { peer, version } => write!(f, "hears peer_info {peer}, version {version}"),
            Self::Gap => write!(f, "hears gap"),
            Self::Asked { after } => write!(f, "is asked to reconnect in {after:?}"),
            Self::Strange(what) => write!(f, "hears what it can't have: {what}"),
        }
    }
}

impl Event {
    /// A change of who is there.
    pub(crate) fn is_notice(&self) -> bool {
        self.peer().is_some()
    }

    pub(crate) fn is_notice_of(&self, peer: Option<Id>) -> bool {
        peer.is_some() && self.peer() == peer
    }

    /// The room's version that it tells of, and whom it is about.
    pub(crate) fn versioned(&self) -> Option<(Option<Id>, u64)> {
        match *self {
            Self::Joined { version, .. } => Some((None, version)),
            Self::Came { peer, version, .. }
            | Self::Left { peer, version, .. }
            | Self::Away { peer, version }
            | Self::Back { peer, version }
            | Self::Shows { peer, version } => Some((Some(peer), version)),
            _ => None,
        }
    }

    fn peer(&self) -> Option<Id> {
        self.versioned()?.0
    }

    /// Of its connection or its session, rather than of a message or a peer.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Connected { .. }
                | Self::Lost(_)
                | Self::Joined { .. }
                | Self::Resuming { .. }
                | Self::Resumed { .. }
                | Self::PutOff
                | Self::Over(_)
                | Self::Gap
                | Self::Asked { .. }
        )
    }
}
