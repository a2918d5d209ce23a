//! The exchange of a cluster: rooms in Redis, which any number of nodes share.
//!
//! ```text
//! gateway ─▶ Redis ─▶ Lane (one a partition) ─▶ link (one a server: writer and subscriber) ─▶ redis-server
//!                       ▲                         ▲
//!             keeps what is asked          Supervisor makes it anew, where Topology says
//!             and who is told
//! ```
//!
//! | file | what it holds |
//! | --- | --- |
//! | `partition.rs` | which rooms share a server, and the names of keys and channels |
//! | `lua/`, `script.rs` | what happens in Redis, atomically |
//! | `request.rs`, `delivery.rs` | what is asked and what comes through a channel, written and read |
//! | `lane.rs`, `lane/` | a partition, as this node sees it: its members, what waits, and what the node may do there |
//! | `link.rs`, `writer.rs`, `batch.rs`, `subscriber.rs`, `wake.rs` | one life of the connections to one server |
//! | `supervisor.rs`, `topology.rs` | where the servers are, and a link to each |
//! | `reaper.rs` | takes the sessions of nodes that are gone, and removes those that nobody resumed |
//! | `directory.rs`, `inquiry.rs` | what an operator asks of the partitions, and one node of another |
//! | `pool.rs` | connections for what no link does |
//! | `stream.rs`, `herald.rs` | the events of a partition, and who adds those of connections |
//! | `connection.rs`, `address.rs`, `tls.rs`, `trouble.rs` | reaching a server, and what can go wrong |

mod address;
mod batch;
mod connection;
mod deadline;
mod delivery;
mod directory;
mod herald;
mod inquiry;
mod lane;
mod link;
mod partition;
mod pool;
mod reaper;
mod request;
mod script;
mod stream;
mod subscriber;
mod supervisor;
mod tls;
mod topology;
mod trouble;
mod wake;
mod writer;

pub use self::address::Source;

use self::{
    connection::{Reply, text_of},
    herald::Herald,
    lane::Lane,
    link::{Common, connect},
    partition::Layout,
    pool::Pools,
    reaper::Reaper,
    script::Constants,
    stream::Stream,
    supervisor::Supervisor,
    tls::Tls,
    topology::{Server, Topology},
    trouble::{Fault, Trouble},
};
use super::{Entry, Exchange, MailboxLimits, Recipient, Spool, directory::Desk, random_name};
use crate::{
    metrics::ExchangeMetrics,
    protocol::{Had, Info, LeaveReason, Signal, SocketId},
    room::{Claim, Member},
    traces::Traces,
};
use anyhow::{Context, bail};
use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

/// What the exchange goes by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Redis is: one server, Sentinels or a cluster; or several independent servers.
    pub sources: Vec<Source>,
    /// A PEM file of the authorities that sign the servers' certificates; without it, those that the system trusts.
    pub authority: Option<PathBuf>,
    /// How the names of all keys and channels begin.
    pub prefix: String,
    /// The number of partitions, the same for a whole deployment.
    pub partitions: u16,
    /// For connecting, for each answer, and for a probe to come back.
    pub timeout: Duration,
    /// How long to wait for Redis at start.
    pub start_timeout: Duration,
    /// How long a node may be silent before its sessions are removed.
    pub lease: Duration,
    /// What a mailbox holds at most.
    pub mailbox: MailboxLimits,
    /// What the stream of events of a partition keeps, roughly; 0 where nobody wants any.
    pub events: usize,
}

/// Rooms in Redis.
pub struct Redis {
    common: Arc<Common>,
    /// Keeps the links; taken to be waited for when the node stops.
    supervisor: Mutex<Option<JoinHandle<()>>>,
    reaper: AbortOnDropHandle<()>,
    answering: AbortOnDropHandle<()>,
    /// Who tells of connections, if anybody wants to hear of them.
    herald: Option<Herald>,
}

impl Redis {
    /// Finds Redis and takes up work; waits for it for as long as the settings say.
    pub async fn start(
        settings: Settings,
        metrics: Arc<ExchangeMetrics>,
        traces: Traces,
    ) -> anyhow::Result<Arc<Self>> {
        let layout = Layout::new(
            &settings.prefix,
            settings.partitions,
            &Constants { mailbox: settings.mailbox, events: settings.events },
        );
        let needs_tls = settings.sources.iter().any(Source::is_tls);
        let tls = if needs_tls { Some(Tls::new(settings.authority.as_deref())?) } else { None };
        let topology = Topology::new(settings.sources, tls.as_ref(), settings.timeout, layout.clone());
        let (reaping, told) = mpsc::channel(64);
        let (inquiries, asked) = mpsc::channel(64);
        metrics.expect_leases(layout.partitions().len());
        let lanes = layout
            .partitions()
            .iter()
            .map(|partition| Arc::new(Lane::new(partition.clone(), metrics.clone(), traces.clone())));
        let common = Arc::new(Common {
            node: random_name(),
            lanes: lanes.collect(),
            lease: settings.lease,
            timeout: settings.timeout,
            pools: Pools::new(layout.partitions().len(), settings.timeout),
            metrics,
            reaping,
            inquiries,
            desk: Desk::default(),
            stopping: CancellationToken::new(),
            trouble: Mutex::default(),
            served: watch::Sender::new(()),
            link_count: AtomicU64::new(0),
            layout,
        });
        let deadline = Instant::now() + settings.start_timeout;
        introduce(&topology, &common.layout.deployment_key(), deadline).await?;
        let supervisor = tokio::spawn(Supervisor::new(topology, common.clone()).run());
        let reaper = AbortOnDropHandle::new(tokio::spawn(Reaper::new(common.clone()).run(told)));
        let answering = AbortOnDropHandle::new(tokio::spawn(inquiry::answer_all(common.clone(), asked)));
        let herald = (settings.events > 0).then(|| Herald::new(common.clone()));
        let supervisor = Mutex::new(Some(supervisor));
        let redis = Arc::new(Self { common, supervisor, reaper, answering, herald });
        redis.until_served(deadline).await?;
        info!(node = redis.common.node, partitions = settings.partitions, "rooms are in Redis");
        Ok(redis)
    }

    /// Does what is left to do, gives the node's leases back, and ends all connections.
    pub async fn stop(&self) {
        self.common.stopping.cancel();
        self.reaper.abort();
        self.answering.abort();
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(supervisor) = supervisor {
            // It has a deadline of its own, and no panic that it would not have told of.
            let _ = supervisor.await;
        }
    }

    /// The events of each partition.
    pub fn spools(&self) -> Vec<Arc<dyn Spool>> {
        let stream = |number| Arc::new(Stream::new(self.common.clone(), number)) as Arc<dyn Spool>;
        (0..self.common.lanes.len()).map(stream).collect()
    }

    /// Waits until this node has a lease in every partition.
    async fn until_served(&self, deadline: Instant) -> anyhow::Result<()> {
        let mut served = self.common.served.subscribe();
        let all = async {
            while !self.common.lanes.iter().all(|lane| lane.has_lease(Instant::now())) {
                if served.changed().await.is_err() {
                    return;
                }
            }
        };
        let patience = deadline.saturating_duration_since(Instant::now()).max(self.common.timeout);
        if timeout(patience, all).await.is_err() {
            self.stop().await;
            bail!("{}", self.common.last_trouble());
        }
        Ok(())
    }

    fn lane(&self, member: &Member) -> &Lane {
        &self.common.lanes[self.common.layout.of(&member.room)]
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let supervisor = self.supervisor.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(supervisor) = supervisor {
            supervisor.abort();
        }
    }
}

impl Exchange for Redis {
    fn join(&self, member: &Member, entry: Entry, recipient: Arc<dyn Recipient>) {
        self.lane(member).join(member, entry, recipient);
    }

    fn resume(&self, member: &Member, claim: Claim, recipient: Arc<dyn Recipient>) {
        self.lane(member).resume(member, claim, recipient);
    }

    fn detach(&self, member: &Member) {
        self.lane(member).detach(member);
    }

    fn acknowledge(&self, member: &Member, had: Had) {
        self.lane(member).acknowledge(member, had);
    }

    fn leave(&self, member: &Member, reason: LeaveReason) {
        self.lane(member).leave(member, reason);
    }

    fn post(&self, sender: &Member, to: SocketId, signal: Signal) {
        self.lane(sender).post(sender, to, signal);
    }

    fn broadcast(&self, sender: &Member, signal: Signal) {
        self.lane(sender).broadcast(sender, signal);
    }

    fn set_info(&self, member: &Member, info: Info) {
        self.lane(member).set_info(member, info);
    }

    fn sync(&self, member: &Member) {
        self.lane(member).sync(member);
    }

    fn tells_of_connections(&self) -> bool {
        self.herald.is_some()
    }

    fn connected(&self, id: SocketId, address: Option<IpAddr>) {
        if let Some(herald) = &self.herald {
            herald.connected(id, address);
        }
    }

    /// A node is well while it serves any partition: were it to go when one of several servers is away, all nodes would.
    fn health(&self) -> Result<(), String> {
        let now = Instant::now();
        if self.common.lanes.iter().any(|lane| lane.has_lease(now)) {
            Ok(())
        } else {
            Err(self.common.last_trouble())
        }
    }
}

/// Meets every server, and makes sure that it is of the same deployment. What mends itself is waited for.
async fn introduce(topology: &Topology, key: &str, deadline: Instant) -> anyhow::Result<()> {
    let mut told = String::new();
    loop {
        let trouble = match meet_all(topology, key).await {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        if trouble.fault.is_for_good() {
            return Err(trouble.into());
        }
        if Instant::now() >= deadline {
            return Err(trouble).context("gave up waiting for Redis (--redis-start-timeout)");
        }
        let text = trouble.to_string();
        if text != told {
            warn!("waiting: {text}");
            told = text;
        }
        let again = Instant::now() + Duration::from_millis(250);
        sleep_until(again.min(deadline).into()).await;
    }
}

async fn meet_all(topology: &Topology, key: &str) -> Result<(), Trouble> {
    let plan = topology.resolve().await;
    if let Some(trouble) = plan.trouble {
        return Err(trouble);
    }
    for (server, _) in &plan.shares {
        connect(server).await.map_err(|fault| fault.at(&server.address))?;
    }
    for (server, deployment) in &plan.deployments {
        belongs(server, key, deployment).await.map_err(|fault| fault.at(&server.address))?;
    }
    Ok(())
}

/// Whether a server's deployment is this one. The first node that comes writes it down.
async fn belongs(server: &Server, key: &str, deployment: &str) -> Result<(), Fault> {
    let mut connection = connect(server).await?;
    let found = connection.ask(&["SET", key, deployment, "NX", "GET"]).await?;
    match text_of(&found) {
        None if found == Reply::Null => Ok(()),
        Some(found) if found == deployment => Ok(()),
        found => Err(Fault::OtherDeployment {
            found: found.unwrap_or("something else").into(),
            expected: deployment.into(),
        }),
    }
}
