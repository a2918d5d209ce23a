//! Takes the sessions of nodes that let their lease lapse, and removes those that nobody resumed in time.
//!
//! Every node reaps: whoever notices first. The scripts take each session once however many do. It is neither hot nor
//! ordered, so it has connections of its own, from a pool.

use super::{
    address::{Address, Credentials},
    link::{Common, Due, ToReap},
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
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

/// Sessions taken by one call of the script: it holds Redis up for as long as it runs.
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

    /// Works for as long as it may be told of what there is to do.
    pub(super) async fn run(mut self, mut told: mpsc::Receiver<ToReap>) {
        while let Some(first) = told.recv().await {
            sleep(with_jitter(JITTER)).await;
            self.reap_all(first).await;
            while let Ok(next) = told.try_recv() {
                self.reap_all(next).await;
            }
        }
    }

    async fn reap_all(&mut self, ToReap { server, due }: ToReap) {
        for (number, due) in due {
            let reaped = timeout(self.common.timeout * 4, self.reap(&server, number, &due)).await;
            let trouble = match (reaped, due) {
                (Ok(Ok(0)), _) => continue,
                (Ok(Ok(sessions)), Due::Node(node)) => {
                    info!(node, sessions, "took the sessions of a node that is gone");
                    continue;
                }
                (Ok(Ok(sessions)), Due::Windows) => {
                    debug!(sessions, "removed sessions that nobody resumed");
                    continue;
                }
                (Ok(Err(error)), _) => error.to_string(),
                (Err(_), _) => "it takes too long".into(),
            };
            // The next beat tells of it again.
            self.pools.remove(&server.address);
            warn!("can't remove the sessions of who is gone: {trouble}");
        }
    }

    /// Does what is due in one partition, portion by portion; says to how many sessions.
    async fn reap(&mut self, server: &Server, number: usize, due: &Due) -> anyhow::Result<u64> {
        let at = self.common.lanes[number].partition.at.clone();
        let lease = self.common.lease.as_millis().to_string();
        let (portion, metrics) = (PORTION.to_string(), self.common.metrics.clone());
        let (script, arguments, counted) = match due {
            Due::Node(node) => (Script::Reap, vec![node, &portion, &lease], &metrics.reaped),
            Due::Windows => (Script::Expire, vec![&portion], &metrics.expired),
        };
        let script = redis::Script::new(&script.source());
        let mut connection = self.pool(server)?.get().await?;
        let mut sessions = 0;
        loop {
            let mut call = script.key(&at);
            let (taken, left): (u64, u64) = call.arg(&arguments).invoke_async(&mut connection).await?;
            sessions += taken;
            counted.inc_by(taken);
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
