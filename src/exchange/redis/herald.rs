//! Tells of clients that connect, in the streams of the partitions, spread by their ids.
//!
//! It is not ordered with what happens in rooms, and no client waits for it: what can't be written is dropped and counted.

use super::{link::Common, script::Script};
use crate::protocol::SocketId;
use deadpool_redis::Connection;
use std::{collections::HashMap, net::IpAddr, sync::Arc};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

/// Connections that may wait to be told of: what a node can accept at once.
const CAPACITY: usize = 4096;

/// Told of by one call of the script, at most.
const BATCH: usize = 128;

/// A client that connected.
struct Connected(SocketId, Option<IpAddr>);

/// Who tells.
pub(super) struct Herald {
    sender: mpsc::Sender<Connected>,
    common: Arc<Common>,
    _task: AbortOnDropHandle<()>,
}

impl Herald {
    pub(super) fn new(common: Arc<Common>) -> Self {
        let (sender, told) = mpsc::channel(CAPACITY);
        let task = AbortOnDropHandle::new(tokio::spawn(run(common.clone(), told)));
        Self { sender, common, _task: task }
    }

    pub(super) fn connected(&self, id: SocketId, address: Option<IpAddr>) {
        if self.sender.try_send(Connected(id, address)).is_err() {
            self.common.metrics.untold.inc();
        }
    }
}

async fn run(common: Arc<Common>, mut told: mpsc::Receiver<Connected>) {
    let mut batch = Vec::new();
    while told.recv_many(&mut batch, BATCH).await > 0 {
        let mut shares: HashMap<usize, Vec<Connected>> = HashMap::new();
        for connected in batch.drain(..) {
            shares.entry(common.layout.of_socket(connected.0)).or_default().push(connected);
        }
        for (number, share) in shares {
            if let Err(error) = tell(&common, number, &share).await {
                debug!("can't tell of connections: {error:#}");
                common.metrics.untold.inc_by(share.len() as u64);
            }
        }
    }
}

async fn tell(common: &Common, number: usize, share: &[Connected]) -> anyhow::Result<()> {
    let Some(server) = common.pools.server_of(number) else {
        anyhow::bail!("there is no link to its server")
    };
    let partition = &common.lanes[number].partition;
    let mut call = partition.scripts.get(Script::Connected).key(&partition.at);
    call.arg(&common.node);
    for Connected(id, address) in share {
        call.arg(id.as_str()).arg(address.map(|address| address.to_string()).unwrap_or_default());
    }
    let telling = async |connection: &mut Connection| call.invoke_async(connection).await;
    common.pools.with_connection(&server, common.timeout * 2, telling).await
}
