//! The wire: ids, what clients say, what they are told, errors and close codes.
//!
//! Pure: bytes in, values out, and back. `docs/protocol.md` is the contract that this module keeps.
//!
//! ```text
//! text frame ──▶ ClientFrame::parse ──▶ session ──▶ ServerEvent::encode ──▶ text frame
//!                       └── Relay ──▶ Signal (ready to send) ──▶ another session ──┘
//! ```

mod client_event;
mod close;
mod dialect;
mod error;
mod ids;
mod json;
mod limit;
mod relay;
mod resume;
mod server_event;
mod text;
mod token;
mod trace;

pub use client_event::{ClientEvent, ClientFrame, JoinRequest, ResumeRequest, is_custom_name};
pub use close::{CloseCode, Ending};
pub use dialect::Dialect;
pub use error::{ErrorCode, Fault};
pub use ids::{Had, RoomName, SocketId};
pub use limit::Limit;
pub use relay::{Address, Relay, Signal, SignalKind};
pub use resume::{KeyHash, ResumeKey};
pub use server_event::{IceServer, IceServers, LeaveReason, Peer, ServerEvent, Ticket};
pub use text::{Info, Text};
pub use token::Token;
pub use trace::{Trace, TraceContext};

/// The WebSocket subprotocol that a client may ask for.
pub const SUBPROTOCOL: &str = "switchboard.v1";
