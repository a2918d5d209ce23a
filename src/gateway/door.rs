//! The door of one connection: whence its client comes, and what it shows.

use super::{
    Gateway,
    limits::{Block, Pace},
};
use crate::{
    protocol::{CloseCode, Fault, Limit, RoomName},
    session::{Denied, Door, Grants, Knock},
};
use std::{fmt, net::IpAddr, sync::Arc};

/// Lets in whom the node's settings let in.
pub(super) struct GatewayDoor {
    gateway: Arc<Gateway>,
    /// Whence it comes; who isn't known can't be limited.
    address: Option<Block>,
}

impl GatewayDoor {
    pub(super) fn new(gateway: Arc<Gateway>, address: Option<IpAddr>) -> Self {
        Self { gateway, address: address.map(Block::from) }
    }

    fn count(&self) -> Result<(), Denied> {
        let joins = &self.gateway.joins;
        let (after, close) = match self.address.map_or(Pace::Fine, |address| joins.take(address)) {
            Pace::Fine => return Ok(()),
            Pace::Fast(after) => (after, None),
            Pace::Relentless(after) => (after, Some(CloseCode::RateLimited)),
        };
        Err(Denied { fault: Fault::rate_limited(Limit::Joins, after), close })
    }
}

impl Door for GatewayDoor {
    fn admit(&self, _: Knock, token: Option<&str>, room: &RoomName) -> Result<Grants, Denied> {
        // Before the token is looked at, which takes longer than all else.
        self.count()?;
        match &self.gateway.auth {
            Some(auth) => auth.admit(token, room),
            None => Ok(Grants::ALL),
        }
    }
}

impl fmt::Debug for GatewayDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayDoor").field("address", &self.address).finish_non_exhaustive()
    }
}
