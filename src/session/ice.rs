//! Where a session has the STUN and TURN servers from that its client is told of.

use crate::protocol::{IceServers, SocketId};
use std::{borrow::Cow, fmt};

/// Asked by a session for its client, and answered at once. One for all of a node's sessions.
pub trait IceSource: fmt::Debug + Send + Sync {
    /// The servers for this client, from now on.
    fn ice_servers(&self, id: SocketId) -> Cow<'_, IceServers>;
}

/// The same for everybody.
impl IceSource for IceServers {
    fn ice_servers(&self, _: SocketId) -> Cow<'_, IceServers> {
        Cow::Borrowed(self)
    }
}
