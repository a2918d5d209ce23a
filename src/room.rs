//! What a room tells its members: the words between a session and the exchange.
//!
//! A room's **version** rises by one with each change of its membership, of what a peer shows, or of who is away. A member that had
//! version `v` and hears `v + 2` knows that it missed one, and asks for a [`Snapshot`].

use crate::protocol::{ErrorCode, Had, KeyHash, LeaveReason, Peer, RoomName, Signal, SocketId, Text};
use std::{
    fmt, slice,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// One session in one room, as one of its connections speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The room.
    pub room: RoomName,
    /// The session.
    pub id: SocketId,
    /// Which of its connections this is.
    pub attachment: Attachment,
}

impl Member {
    /// Who joins.
    pub fn new(room: RoomName, id: SocketId) -> Self {
        Self { room, id, attachment: Attachment::default() }
    }
}

/// One connection of a session: the attempt by which it resumed it, or 0 where it joined; and a number that no other of this
/// process has, as anybody may claim any attempt. Whoever was granted the highest attempt speaks for the session, and what
/// comes from another is void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    attempt: u64,
    connection: u64,
}

impl Attachment {
    /// A connection that resumes by this attempt.
    pub fn by(attempt: u64) -> Self {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(1);
        Self { attempt, connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed) }
    }

    /// The attempt: 0 for who joined.
    pub fn attempt(self) -> u64 {
        self.attempt
    }

    /// Reads what was written.
    pub fn parse(text: &str) -> Option<Self> {
        let (attempt, connection) = text.split_once('.').unwrap_or((text, "0"));
        Some(Self { attempt: attempt.parse().ok()?, connection: connection.parse().ok()? })
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.connection {
            0 => write!(f, "{}", self.attempt),
            connection => write!(f, "{}.{connection}", self.attempt),
        }
    }
}

/// How a member may come back when its connection is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifeline {
    /// The key to come back with.
    pub key: KeyHash,
    /// How long it has.
    pub window: Duration,
}

/// The key that a client used last, or has from its join, and the one that it was told since. The first is good until the
/// second was used: the answer that told that one may have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The first.
    pub used: KeyHash,
    /// The second.
    pub told: Option<KeyHash>,
}

impl Keys {
    /// Of who joins.
    pub fn first(key: KeyHash) -> Self {
        Self { used: key, told: None }
    }

    /// Those there are once a claim is granted.
    pub fn after(claim: &Claim) -> Self {
        Self { used: claim.key, told: Some(claim.next) }
    }

    /// Whether one of them is this.
    pub fn admit(&self, key: KeyHash) -> bool {
        self.used == key || self.told == Some(key)
    }
}

/// What a member comes back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The key that it was told.
    pub key: KeyHash,
    /// The key that it will be told.
    pub next: KeyHash,
    /// What it had of its peers: that needn't be kept.
    pub had: Had,
}

/// Who is in a room, at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The room's version.
    pub version: u64,
    /// Everyone but the member who asked, in the order of their joining.
    pub peers: Vec<Peer>,
}

/// One change of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The version that the change made.
    pub version: u64,
    /// What changed.
    pub change: Change,
}

/// What can change in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A peer came. Told to all but itself.
    Joined(Peer),
    /// A peer went. Told to all but itself.
    Left(SocketId, LeaveReason),
    /// A peer shows something else. Told to itself too, so that it knows the version.
    Info(Peer),
    /// A peer's connection is gone, and it may resume.
    Away(SocketId),
    /// It did.
    Back(SocketId),
}

/// What the exchange tells a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The answer to joining: in.
    Joined(Snapshot),
    /// The answer to joining, or to resuming: not in, and why.
    Refused(Refusal),
    /// The answer to resuming: in, and what it missed.
    Resumed {
        /// Who is there.
        snapshot: Snapshot,
        /// The messages that it may not have had, oldest first.
        mailbox: Vec<Signal>,
    },
    /// The room changed.
    Notice(Notice),
    /// A peer sent a message.
    Signal(Signal),
    /// The member's message `n` had no receiver: `to` is not in the room.
    Gone {
        /// Whom it was for.
        to: SocketId,
        /// Its number.
        n: u64,
    },
    /// Something that the member asked was not done: what was to take it is full, or away.
    Failed {
        /// Whom the message was for, or who of the room didn't get it; `None` where nobody did.
        to: Option<SocketId>,
        /// The message's number; `None` where it was a change of what the member shows.
        n: Option<u64>,
    },
    /// The answer to asking for a snapshot.
    Synced {
        /// Who is there.
        snapshot: Snapshot,
        /// The messages that the member may have missed, oldest first, and perhaps some that it had.
        mailbox: Vec<Signal>,
    },
    /// Something before this may be missing; time to ask for a snapshot.
    Lapse,
    /// The shared state lost its last writes, or may have: messages to and from this member may be lost.
    Gap,
    /// The session was resumed on another connection: this one speaks for it no more. There is nothing more.
    Replaced,
    /// The member is out of the room though it didn't leave: its node was thought dead. There is nothing more.
    Removed,
    /// An operator ended the membership, and why. There is nothing more.
    Ended(LeaveReason),
    /// An operator has a frame for everybody.
    Announced(Text),
}

/// Why nobody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The room has as many members as it may.
    Full,
    /// There is no such session to resume, or it isn't this client's.
    Expired,
    /// The shared state is away.
    Unavailable,
}

impl Refusal {
    /// The code that the client is told.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Full => ErrorCode::RoomFull,
            Self::Expired => ErrorCode::SessionExpired,
            Self::Unavailable => ErrorCode::Unavailable,
        }
    }
}

impl Event {
    /// The messages in it.
    pub fn signals_mut(&mut self) -> &mut [Signal] {
        match self {
            Self::Signal(signal) => slice::from_mut(signal),
            Self::Synced { mailbox, .. } | Self::Resumed { mailbox, .. } => mailbox,
            _ => &mut [],
        }
    }

    /// Roughly how much memory it holds while it waits, in bytes.
    pub fn weight(&self) -> usize {
        let carried = match self {
            Self::Joined(snapshot) => snapshot.weight(),
            Self::Synced { snapshot, mailbox } | Self::Resumed { snapshot, mailbox } => {
                snapshot.weight() + mailbox.iter().map(Signal::weight).sum::<usize>()
            }
            Self::Notice(Notice { change: Change::Joined(peer) | Change::Info(peer), .. }) => {
                peer.info.as_str().len()
            }
            Self::Signal(signal) => signal.frame.len(),
            Self::Announced(frame) => frame.len(),
            Self::Notice(_)
            | Self::Refused(_)
            | Self::Gone { .. }
            | Self::Failed { .. }
            | Self::Lapse
            | Self::Gap
            | Self::Replaced
            | Self::Removed
            | Self::Ended(_) => 0,
        };
        size_of::<Self>() + carried
    }
}

impl Snapshot {
    fn weight(&self) -> usize {
        self.peers.iter().map(|peer| size_of::<Peer>() + peer.info.as_str().len()).sum()
    }
}
