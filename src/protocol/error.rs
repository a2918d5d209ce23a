//! What can be wrong with a frame, and how the client is told.

use super::{Limit, json::excerpt};
use std::{borrow::Cow, time::Duration};

/// The kind of an error: its code on the wire, and the metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The frame isn't an event of the protocol.
    BadMessage,
    /// The event's name is reserved, or not for clients to send.
    UnknownEvent,
    /// Only a member of a room can do this.
    NotJoined,
    /// The connection is in a room already.
    AlreadyJoined,
    /// The room's name is missing or not allowed.
    BadRoom,
    /// The room has as many members as it may.
    RoomFull,
    /// There is no token, or it isn't good.
    Unauthorized,
    /// The token, or the origin, doesn't allow this.
    Forbidden,
    /// No such peer is in the room.
    PeerGone,
    /// A part of the frame is over its limit.
    TooLarge,
    /// It comes too fast, from this client or its address.
    RateLimited,
    /// There is no session to resume.
    SessionExpired,
    /// The shared state is away.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::BadMessage,
        Self::UnknownEvent,
        Self::NotJoined,
        Self::AlreadyJoined,
        Self::BadRoom,
        Self::RoomFull,
        Self::Unauthorized,
        Self::Forbidden,
        Self::PeerGone,
        Self::TooLarge,
        Self::RateLimited,
        Self::SessionExpired,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "bad_message",
            Self::UnknownEvent => "unknown_event",
            Self::NotJoined => "not_joined",
            Self::AlreadyJoined => "already_joined",
            Self::BadRoom => "bad_room",
            Self::RoomFull => "room_full",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::PeerGone => "peer_gone",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::SessionExpired => "session_expired",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the same frame may succeed later.
    pub fn retryable(self) -> bool {
        matches!(self, Self::RoomFull | Self::RateLimited | Self::Unavailable | Self::Internal)
    }
}

/// One `error`, as the client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind.
    pub code: ErrorCode,
    /// A sentence: what was wrong, and what would be right.
    pub message: Cow<'static, str>,
    /// The number of the message it is about.
    pub n: Option<u64>,
    /// The peer it is about, as the client named it.
    pub socket_id: Option<String>,
    /// When to try again, if that is known.
    pub retry_after: Option<Duration>,
    /// The limit that it tells of. Only counted.
    pub limit: Option<Limit>,
}

impl Fault {
    /// An error about no peer and no numbered message.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), n: None, socket_id: None, retry_after: None, limit: None }
    }

    /// `bad_message`, with its sentence.
    pub fn bad_message(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadMessage, message)
    }

    /// The same error, about message `n`.
    #[must_use]
    pub fn about_message(self, n: u64) -> Self {
        Self { n: Some(n), ..self }
    }

    /// The same error, for now: it is worth trying again after this time.
    #[must_use]
    pub fn until(self, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }

    /// The same error, about a peer.
    #[must_use]
    pub fn about_peer(self, peer: &str) -> Self {
        Self { socket_id: Some(excerpt(peer).to_owned()), ..self }
    }

    /// The same error, as a limit was met.
    #[must_use]
    pub fn over(self, limit: Limit) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// `bad_room`: a room's name may have so many bytes.
    pub fn bad_room(name: Option<&str>, longest: usize) -> Self {
        let message = format!("room is a string of 1 to {longest} bytes without control characters");
        let fault = Self::new(ErrorCode::BadRoom, message);
        if name.is_some_and(|name| name.len() > longest) { fault.over(Limit::RoomName) } else { fault }
    }

    /// `too_large`: what a peer shows may have so many bytes.
    pub fn large_info(largest: usize) -> Self {
        let message = format!("info is at most {largest} bytes of JSON");
        Self::new(ErrorCode::TooLarge, message).over(Limit::Info)
    }

    /// `rate_limited`: it may be tried again after this time.
    pub fn rate_limited(limit: Limit, retry_after: Duration) -> Self {
        let message = match limit {
            Limit::Joins => "too many joins from this address; try again later",
            _ => "too many frames on this connection; this one was passed over, send it again later",
        };
        Self::new(ErrorCode::RateLimited, message).over(limit).until(retry_after)
    }

    /// `unavailable`: message `n`, or else what the client shows, was not handed on, to `peer` or to anybody.
    pub fn not_handed_on(peer: Option<&str>, n: Option<u64>) -> Self {
        let message = match n {
            Some(_) => "the message could not be handed on; send it again, with a number of its own",
            None => "the info could not be handed on; send it again",
        };
        Self { socket_id: peer.map(str::to_owned), n, ..Self::new(ErrorCode::Unavailable, message) }
    }

    /// `peer_gone`: message `n` has no receiver that goes by this id.
    pub fn peer_gone(peer: &str, n: u64) -> Self {
        let message = "no such peer in this room; it may have left";
        Self::new(ErrorCode::PeerGone, message).about_message(n).about_peer(peer)
    }
}
