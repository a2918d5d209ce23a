//! Why a gateway ends a connection, told as a WebSocket close code.

use super::LeaveReason;

/// A close code and the name that goes with it as the reason.
///
/// After a 44xx a client shouldn't come back by itself; after the other codes above 1000 it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The client closed.
    Bye,
    /// Its frames broke RFC 6455.
    ProtocolError,
    /// A text frame was not UTF-8.
    BadUtf8,
    /// A frame was over the limit.
    TooBig,
    /// The node stops.
    Restart,
    /// The node has as many sockets as it may.
    Overloaded,
    /// Too many malformed frames; each one before was answered with an error.
    BadMessage,
    /// Its token is missing, not good, or not good any more.
    Unauthorized,
    /// Its token or its origin doesn't allow it; or a join was refused to a client whose dialect has no word for errors.
    Forbidden,
    /// No `join` within the time allowed.
    JoinTimeout,
    /// The session was resumed on another connection.
    Replaced,
    /// An operator sent it away.
    Kicked,
    /// An operator closed the room.
    RoomClosed,
    /// A fault of ours.
    Internal,
    /// The shared state stayed away longer than allowed.
    Unavailable,
    /// The client was silent.
    PingTimeout,
    /// Its outbound queue was full.
    SlowConsumer,
    /// It, or its address, asked for more than it may.
    RateLimited,
}

impl CloseCode {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 18] = [
        Self::Bye,
        Self::ProtocolError,
        Self::BadUtf8,
        Self::TooBig,
        Self::Restart,
        Self::Overloaded,
        Self::BadMessage,
        Self::Unauthorized,
        Self::Forbidden,
        Self::JoinTimeout,
        Self::Replaced,
        Self::Kicked,
        Self::RoomClosed,
        Self::Internal,
        Self::Unavailable,
        Self::PingTimeout,
        Self::SlowConsumer,
        Self::RateLimited,
    ];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        self.row().0
    }

    /// The name: the reason on the wire, and the metric's label.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Whether the client may come back after it, and so may resume its session.
    pub fn invites_back(self) -> bool {
        match self {
            Self::Restart
            | Self::Overloaded
            | Self::Internal
            | Self::Unavailable
            | Self::PingTimeout
            | Self::SlowConsumer
            | Self::RateLimited => true,
            Self::Bye
            | Self::ProtocolError
            | Self::BadUtf8
            | Self::TooBig
            | Self::BadMessage
            | Self::Unauthorized
            | Self::Forbidden
            | Self::JoinTimeout
            | Self::Replaced
            | Self::Kicked
            | Self::RoomClosed => false,
        }
    }

    fn row(self) -> (u16, &'static str) {
        match self {
            Self::Bye => (1000, "bye"),
            Self::ProtocolError => (1002, "protocol_error"),
            Self::BadUtf8 => (1007, "bad_utf8"),
            Self::TooBig => (1009, "too_big"),
            Self::Restart => (1012, "restart"),
            Self::Overloaded => (1013, "overloaded"),
            Self::BadMessage => (4400, "bad_message"),
            Self::Unauthorized => (4401, "unauthorized"),
            Self::Forbidden => (4403, "forbidden"),
            Self::JoinTimeout => (4408, "join_timeout"),
            Self::Replaced => (4409, "replaced"),
            Self::Kicked => (4410, "kicked"),
            Self::RoomClosed => (4411, "room_closed"),
            Self::Internal => (4500, "internal"),
            Self::Unavailable => (4503, "unavailable"),
            Self::PingTimeout => (4504, "ping_timeout"),
            Self::SlowConsumer => (4508, "slow_consumer"),
            Self::RateLimited => (4529, "rate_limited"),
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a close code: ours, or `Bye` where the client closed.
    Closed(CloseCode),
    /// Without a word.
    Lost,
}

impl Ending {
    /// Whether the client went by itself: it hears nothing more.
    pub fn is_departure(self) -> bool {
        matches!(self, Self::Closed(CloseCode::Bye) | Self::Lost)
    }

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed(code) => code.name(),
            Self::Lost => "lost",
        }
    }
}

impl From<LeaveReason> for Ending {
    /// How the connection ended of a client that went, or was sent away.
    fn from(reason: LeaveReason) -> Self {
        match reason {
            LeaveReason::Left => Self::Closed(CloseCode::Bye),
            LeaveReason::Lost => Self::Lost,
            LeaveReason::Kicked => Self::Closed(CloseCode::Kicked),
            LeaveReason::Closed => Self::Closed(CloseCode::RoomClosed),
        }
    }
}
