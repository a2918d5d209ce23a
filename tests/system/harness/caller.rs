//! A resumable client, as the SDK is one: what it says arrives once, whatever happens to its connections. It talks by
//! itself, and writes down all that it does and hears.
//!
//! ```text
//! Caller ──pace──▶ task: enter (connect, join or resume, with backoff) ⇄ stay (talk, listen, ping, move on)
//!        ◀─standing─      │ Line: one WebSocket                            │ Session: what it knows, pure
//!        ◀─────log────────┘                                                └─ Talk: what it says
//! ```
//!
//! A node that drains is left for another before it closes: connect first, then resume, and from then on hear nothing more
//! of the old connection; what comes there comes again on the new one.

mod line;
mod log;
mod session;
mod standing;
mod talk;
mod task;

pub(crate) use self::log::{Ending, Entry, Event, Id, Log, Over, Presence, Reason, Refusal, Stamp};
pub(crate) use self::standing::Standing;

use self::{line::Line, task::Task};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

/// Who calls, and how.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Which of the callers.
    pub(crate) caller: usize,
    pub(crate) room: String,
    /// Where the nodes are, for this caller.
    pub(crate) doors: Arc<[SocketAddr]>,
    /// The first one that it tries.
    pub(crate) door: usize,
    pub(crate) habits: Habits,
    /// The moment that all logs begin at.
    pub(crate) start: Instant,
    pub(crate) seed: u64,
}

/// What all callers of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Messages a second.
    pub(crate) rate: f64,
    /// Silence of its own before it asks the gateway for a sign of life, and how long it waits for one, or for an answer.
    pub(crate) ping: Duration,
    pub(crate) patience: Duration,
    /// Whether each frame is held against the contract, which takes its time.
    pub(crate) checked: bool,
}

/// What all of them are told to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) talks: bool,
    /// How often everybody was asked to say several things at once.
    pub(crate) volleys: u32,
    /// To say a last thing to everybody in the room.
    pub(crate) rolls: bool,
    /// To end, and leave the connection open.
    pub(crate) ends: bool,
}

pub(crate) struct Caller {
    pub(crate) standing: Arc<Standing>,
    task: AbortOnDropHandle<(Log, Option<Line>)>,
}

/// A log, and the connection that its caller leaves open, so that nobody is seen to leave before all have ended.
pub(crate) struct Finished {
    pub(crate) log: Log,
    _line: Option<Line>,
}

impl Caller {
    pub(crate) fn call(plan: Plan, pace: watch::Receiver<Pace>) -> Self {
        let standing = Arc::new(Standing::new(&plan.room));
        let task = Task::new(plan, pace, Arc::clone(&standing));
        Self { standing, task: AbortOnDropHandle::new(tokio::spawn(task.live())) }
    }

    /// Whether it is no more, be it that it ended or that it panicked.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Once its pace has ended.
    pub(crate) async fn finish(self) -> Finished {
        let (log, line) = self.task.await.expect("no panic");
        Finished { log, _line: line }
    }
}
