//! One life of the connections to one server: a writer and a subscriber, for the lanes whose partitions are there.
//!
//! ```text
//!          asks                              script calls, in batches
//! Lane ───────────▶ writer ────────────────────────────────────────────▶ Redis
//!  ▲                  │ answers                                            │
//!  ├──────────────────┘                                                    │ SPUBLISH
//!  └──────────── subscriber ◀──────────────────────────────────────────────┘
//! ```
//!
//! The first thing that goes wrong with either ends both. The lanes keep what was not answered, and the supervisor asks
//! anew where their server is.

use super::{
    super::directory::Desk,
    connection::{Connection, text_of},
    inquiry::Inquiry,
    lane::Lane,
    partition::Layout,
    pool::Pools,
    script::Script,
    subscriber::Subscriber,
    topology::Server,
    trouble::{Fault, Trouble},
    wake::Wake,
    writer::Writer,
};
use crate::metrics::{Counted, ExchangeMetrics};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What all links of a node share.
pub(super) struct Common {
    /// The node's id, new at each start.
    pub(super) node: String,
    pub(super) layout: Layout,
    /// One for each partition, by its number.
    pub(super) lanes: Vec<Arc<Lane>>,
    pub(super) lease: Duration,
    pub(super) timeout: Duration,
    /// Connections for what no link does, and where the links are.
    pub(super) pools: Pools,
    pub(super) metrics: Arc<ExchangeMetrics>,
    /// What there is to reap.
    pub(super) reaping: mpsc::Sender<ToReap>,
    /// What other nodes ask of this one, and who answers.
    pub(super) inquiries: mpsc::Sender<Inquiry>,
    pub(super) desk: Desk,
    /// Cancelled when the node stops.
    pub(super) stopping: CancellationToken,
    /// The last thing that went wrong, for people.
    pub(super) trouble: Mutex<Option<String>>,
    /// Told of each lease that is renewed.
    pub(super) served: watch::Sender<()>,
    /// How many links there were.
    pub(super) link_count: AtomicU64,
}

/// What there is to reap on a server, and in which partitions.
pub(super) struct ToReap {
    pub(super) server: Server,
    pub(super) due: Vec<(usize, Due)>,
}

/// Whose time is over.
pub(super) enum Due {
    /// A node's, whose lease lapsed.
    Node(String),
    /// That of some sessions that nobody resumed.
    Windows,
}

impl Common {
    /// A number for a new link, higher than that of any before it.
    pub(super) fn next_link(&self) -> u64 {
        self.link_count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What went wrong last, for people.
    pub(super) fn last_trouble(&self) -> String {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().unwrap_or_else(|| "Redis can't be reached".into())
    }

    /// Something went wrong.
    pub(super) fn note_trouble(&self, text: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Between two beats: short enough that a lapsed lease is noticed at once, by whoever is left.
    pub(super) fn beat(&self) -> Duration {
        (self.lease / 6).min(Duration::from_secs(1))
    }
}

/// Serves the lanes with these numbers from this server, until something is wrong with it or the node stops.
pub(super) async fn run(server: &Server, lanes: &[usize], common: &Arc<Common>) -> Result<(), Trouble> {
    serve(server, lanes, common).await.map_err(|fault| fault.at(&server.address))
}

async fn serve(server: &Server, lanes: &[usize], common: &Arc<Common>) -> Result<(), Fault> {
    let (mut commands, pushes) = tokio::try_join!(connect(server), connect(server))?;
    let scripts = &common.lanes[lanes[0]].partition.scripts;
    for script in Script::ALL {
        commands.ask(&["SCRIPT", "LOAD", scripts.source(script)]).await?;
    }
    let run_id = run_id(&mut commands).await?;
    let wake = Arc::new(Wake::default());
    let _linked = Linked::to(server, lanes, &wake, common);
    info!(server = %server.address, "linked");
    let _counted = Counted::into(&common.metrics.links);
    let born = Instant::now();
    let mut subscriber = Subscriber::new(pushes, common.clone(), lanes, wake.clone(), born);
    let mut writer = Writer::new(commands, common.clone(), lanes, wake, server.clone(), run_id, born);
    tokio::select! {
        biased;
        ended = writer.run() => ended,
        fault = subscriber.run() => Err(fault),
    }
}

/// Names the server's process: another one may not have all the data that the last one had.
async fn run_id(connection: &mut Connection) -> Result<String, Fault> {
    let reply = connection.ask(&["INFO", "server"]).await?;
    let id = text_of(&reply).and_then(|info| info.lines().find_map(|line| line.strip_prefix("run_id:")));
    id.map(|id| id.trim().to_owned()).ok_or_else(|| Fault::Garbled("INFO has no run_id".into()))
}

/// Lanes that a link serves, until it is dropped.
struct Linked<'a>(&'a [usize], &'a Common);

impl<'a> Linked<'a> {
    fn to(server: &Server, lanes: &'a [usize], wake: &Arc<Wake>, common: &'a Common) -> Self {
        for &number in lanes {
            common.lanes[number].link(wake.clone());
        }
        common.pools.settle(lanes, Some(server));
        Self(lanes, common)
    }
}

impl Drop for Linked<'_> {
    fn drop(&mut self) {
        let Self(lanes, common) = self;
        common.pools.settle(lanes, None);
        for &number in *lanes {
            common.lanes[number].unlink();
        }
    }
}

/// Opens a connection to a server that is what it should be.
pub(super) async fn connect(server: &Server) -> Result<Connection, Fault> {
    let (connection, greeting) = Connection::open(&server.address, &server.access).await?;
    greeting.check(&server.kind)?;
    Ok(connection)
}
