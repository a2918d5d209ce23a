//! Where happenings wait for who sends them on.

use super::Happening;
use futures_util::future::BoxFuture;
use std::time::{Duration, Instant};

/// A share of what happens, in order: all of a room is in one. One sender at a time has it, of all nodes that could.
pub trait Spool: Send + Sync + 'static {
    /// Its name, which no other has, of any deployment or at any time.
    fn name(&self) -> &str;

    /// How long a turn lasts.
    fn lease(&self) -> Duration;

    /// Takes a turn, or goes on with it for another lease. Notes what was sent since the last time, and gives at most so many
    /// of those that come next.
    fn turn<'a>(&'a self, sent: Option<&'a Sent>, most: usize) -> BoxFuture<'a, anyhow::Result<Turn>>;

    /// Ends the turn.
    fn give_back<'a>(&'a self, sent: Option<&'a Sent>) -> BoxFuture<'a, anyhow::Result<()>>;

    /// Waits until there may be more to send.
    fn more(&self) -> BoxFuture<'_, ()>;

    /// Whether what waits here is kept for others when this node stops.
    fn is_shared(&self) -> bool;
}

/// What has been sent of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The last of them.
    pub last: String,
    /// How many were passed with it, counted on from what the turn told. Not how many since: what was said once and not
    /// answered is said again, and may not count twice.
    pub passed: u64,
}

/// Whose turn it is.
#[derive(Debug)]
pub enum Turn {
    /// Who asked.
    Ours {
        /// Whether nobody else had it since it was ours.
        again: bool,
        /// What comes next.
        next: Vec<Waiting>,
        /// How many there are, these included; `None` where nobody asked for some.
        waiting: Option<u64>,
        /// How many were dropped before they were sent, as too many waited.
        lost: u64,
        /// How many were passed in all, sent or dropped, before what comes next.
        passed: u64,
    },
    /// Another's, for so long unless it goes on.
    Others(Duration),
}

/// What waits to be sent.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Names it within its spool.
    pub id: String,
    /// When it happened, about.
    pub since: Instant,
    /// What happened; `None` where this node can't read it.
    pub happening: Option<Happening>,
}
