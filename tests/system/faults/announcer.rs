//! A Sentinel as one node sees it: where the real one names a server, this one names the node's proxy to that server.
//!
//! So each node's links can be broken on their own. Deployments do likewise where servers have other addresses outside:
//! `replica-announce-port`.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

pub(super) struct Announcer {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Announcer {
    /// With what to say in place of each port.
    pub(super) async fn before(sentinel: SocketAddr, ports: BTreeMap<u16, u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let task = tokio::spawn(serve(listener, sentinel, Arc::new(ports)));
        Self { address, _task: AbortOnDropHandle::new(task) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, sentinel: SocketAddr, ports: Arc<BTreeMap<u16, u16>>) {
    let mut connections = JoinSet::new();
    loop {
        let (node, _) = listener.accept().await.expect("a listener");
        let ports = Arc::clone(&ports);
        connections.spawn(async move {
            // Either side may end it.
            let Ok(sentinel) = TcpStream::connect(sentinel).await else { return };
            let (mut from_node, mut to_node) = node.into_split();
            let (mut from_sentinel, mut to_sentinel) = sentinel.into_split();
            tokio::select! {
                _ = tokio::io::copy(&mut from_node, &mut to_sentinel) => {}
                () = translate(&mut from_sentinel, &mut to_node, &ports) => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Its answers are short: each comes in one piece. All ports have five digits.
async fn translate(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    ports: &BTreeMap<u16, u16>,
) {
    let mut answer = vec![0; 4096];
    while let Ok(length @ 1..) = from.read(&mut answer).await {
        let mut said = String::from_utf8_lossy(&answer[..length]).into_owned();
        for (real, proxy) in ports {
            said = said.replace(&format!("$5\r\n{real}\r\n"), &format!("$5\r\n{proxy}\r\n"));
        }
        if to.write_all(said.as_bytes()).await.is_err() {
            return;
        }
    }
}
