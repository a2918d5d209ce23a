//! Removes the sessions of nodes that let their lease lapse.
//!
//! Every node reaps: whoever notices first. The script removes each session once however many do. It is neither hot nor
//! ordered, so it has connections of its own, from a pool.

use super::{
    address::{Address, Credentials},
    link::{Common, Dead},
    script::Script,
    supervisor::with_jitter,
    tls::Tls,
    topology::Server,
};
use deadpool_redis::{Manager, Pool};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    TlsCertificates,
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::sleep};
use tracing::{info, warn};

/// Sessions removed by one call of the script: it holds Redis up for as long as it runs.
const PORTION: usize = 64;

/// So that not every node begins at the same moment.
const JITTER: Duration = Duration::from_millis(200);

/// What reaps.
pub(super) struct Reaper {
    common: Arc<Common>,
    pools: HashMap<Address, Pool>,
}

impl Reaper {
    pub(super) fn new(common: Arc<Common>) -> Self {
        Self { common, pools: HashMap::new() }
    }

    /// Works for as long as it may be told of dead nodes.
    pub(super) async fn run(mut self, mut dead: mpsc::Receiver<Dead>) {
        while let Some(first) = dead.recv().await {
            sleep(with_jitter(JITTER)).await;
            self.reap_all(first).await;
            while let Ok(next) = dead.try_recv() {
                self.reap_all(next).await;
            }
        }
    }

    async fn reap_all(&mut self, Dead { server, nodes }: Dead) {
        for (number, node) in nodes {
            let reaped =
                tokio::time::timeout(self.common.timeout * 4, self.reap(&server, number, &node)).await;
            match reaped {
                Ok(Ok(0)) => {}
                Ok(Ok(sessions)) => info!(node, sessions, "removed the sessions of a node that is gone"),
                // The next beat tells of it again.
                Ok(Err(error)) => {
                    self.pools.remove(&server.address);
                    warn!("can't remove the sessions of a node that is gone: {error}");
                }
                Err(_) => {
                    self.pools.remove(&server.address);
                    warn!("removing the sessions of a node that is gone takes too long");
                }
            }
        }
    }

    /// Removes a node's sessions in one partition, portion by portion; says how many.
    async fn reap(&mut self, server: &Server, number: usize, node: &str) -> anyhow::Result<u64> {
        let at = self.common.lanes[number].partition.at.clone();
        let script = redis::Script::new(&Script::Reap.source());
        let mut connection = self.pool(server)?.get().await?;
        let mut sessions = 0;
        loop {
            let (removed, left): (u64, u64) =
                script.key(&at).arg(node).arg(PORTION).invoke_async(&mut connection).await?;
            sessions += removed;
            self.common.metrics.reaped.inc_by(removed);
            if left == 0 {
                return Ok(sessions);
            }
        }
    }

    fn pool(&mut self, server: &Server) -> anyhow::Result<Pool> {
        if let Some(pool) = self.pools.get(&server.address) {
            return Ok(pool.clone());
        }
        let timeout = Some(self.common.timeout);
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(timeout).set_response_timeout(timeout);
        let manager = Manager::new_with_config(connection_info(server)?, config)?;
        let pool = Pool::builder(manager).max_size(1).build()?;
        self.pools.insert(server.address.clone(), pool.clone());
        Ok(pool)
    }
}

/// The server, as the redis crate names it.
fn connection_info(server: &Server) -> redis::RedisResult<ConnectionInfo> {
    let Server { address: Address { host, port }, access, .. } = server;
    let (host, port) = (host.clone(), *port);
    let address = match access.tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
    };
    let mut who = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(Credentials { user, password }) = &access.credentials {
        who = who.set_username(user).set_password(password);
    }
    let info = address.into_connection_info()?.set_redis_settings(who);
    match &access.tls {
        Some(Tls { authority: Some(authority), .. }) => {
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(authority.to_vec()) };
            Ok(redis::Client::build_with_tls(info, certificates)?.get_connection_info().clone())
        }
        _ => Ok(info),
    }
}
