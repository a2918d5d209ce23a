//! WebSockets (RFC 6455): from an HTTP request to a connection that says why it ends.
//!
//! ```text
//! request ─Upgrade─▶ Lingering ─bytes─▶ Reader ─Message─▶ Socket ─Frame─▶ gateway
//!                    (the stream) ◀─────── one write a turn ──┘
//! ```
//!
//! A socket at rest has no buffer: what arrives is read into memory that all sockets of a thread share, and only the
//! beginning of a frame whose end hasn't come is kept. `docs/performance.md` has what that saves.

mod frame;
mod lingering;
mod reader;
mod socket;
mod upgrade;

pub use lingering::Lingering;
pub use reader::{Message, Reader};
pub use socket::{Frame, Lost, Outgoing, Socket};
pub use upgrade::{Opening, Refused, Upgrade};
