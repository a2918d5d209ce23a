//! Connections for what is neither hot nor ordered, from a pool for each server; and where each partition is, as the links know.
//!
//! A link's own connections are for its members. Whoever asks of Redis beside that (the reaper, who looks after rooms for an
//! operator) takes one of these for as long as it asks.

use super::{
    address::{Address, Credentials},
    tls::Tls,
    topology::Server,
};
use anyhow::Context;
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisResult, TlsCertificates,
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::timeout;

/// Connections to one server. They are made when they are needed.
const CONNECTIONS: usize = 8;

/// The pools of a node.
pub(super) struct Pools {
    /// For connecting, for an answer, and for a connection to come free.
    timeout: Duration,
    /// `std` mutexes: held for look-ups, never across an await.
    of: Mutex<HashMap<Address, Pool>>,
    /// The server of each partition, while there is a link to it.
    servers: Mutex<Vec<Option<Server>>>,
}

impl Pools {
    pub(super) fn new(partitions: usize, timeout: Duration) -> Self {
        Self { timeout, of: Mutex::default(), servers: Mutex::new(vec![None; partitions]) }
    }

    /// A link serves these partitions from this server, or none does any more.
    pub(super) fn settle(&self, partitions: &[usize], server: Option<&Server>) {
        let mut servers = lock(&self.servers);
        for &number in partitions {
            servers[number] = server.cloned();
        }
    }

    /// Where a partition is; `None` while no link of this node serves it.
    pub(super) fn server_of(&self, partition: usize) -> Option<Server> {
        lock(&self.servers)[partition].clone()
    }

    /// Does something over a connection, which goes back afterwards. If that fails, or isn't done within so long, none of the
    /// server's connections is used again.
    pub(super) async fn with_connection<T>(
        &self,
        server: &Server,
        within: Duration,
        act: impl AsyncFnOnce(&mut Connection) -> RedisResult<T>,
    ) -> anyhow::Result<T> {
        let acting = async { anyhow::Ok(act(&mut self.pool(server)?.get().await?).await?) };
        let done = timeout(within, acting).await.context("it takes too long").flatten();
        done.inspect_err(|_| drop(lock(&self.of).remove(&server.address)))
    }

    fn pool(&self, server: &Server) -> anyhow::Result<Pool> {
        let mut pools = lock(&self.of);
        if let Some(pool) = pools.get(&server.address) {
            return Ok(pool.clone());
        }
        let timeout = Some(self.timeout);
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(timeout).set_response_timeout(timeout);
        let manager = Manager::new_with_config(connection_info(server)?, config)?;
        let builder = Pool::builder(manager).max_size(CONNECTIONS).wait_timeout(timeout);
        let pool = builder.runtime(Runtime::Tokio1).build()?;
        pools.insert(server.address.clone(), pool.clone());
        Ok(pool)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server, as the redis crate names it.
fn connection_info(server: &Server) -> RedisResult<ConnectionInfo> {
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
