//! HAProxy before nodes, as `deploy/haproxy.cfg` has it, in a process that is killed when it is dropped.

use super::{Endpoints, ports::Reservation};
use std::{env, fmt::Write, net::SocketAddr, process::Stdio, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    process::{Child, Command},
    task::yield_now,
    time::timeout,
};

pub(crate) struct HaProxy {
    /// HAProxy shares its ports, and takes this one.
    port: Reservation,
    _child: Child,
}

impl HaProxy {
    /// HAProxy on a free port, once it listens there.
    pub(crate) async fn before(nodes: &[&Endpoints]) -> Self {
        Self::saying("", nodes).await
    }

    /// The same, with one line more about its nodes.
    pub(crate) async fn saying(line: &str, nodes: &[&Endpoints]) -> Self {
        let port = Reservation::new();
        let mut child = Command::new("haproxy")
            .args(["-db", "-q", "-f", "/dev/stdin"]) // in the foreground, and quiet once it has started
            .env("PATH", format!("{}:/usr/sbin", env::var("PATH").unwrap_or_default())) // Debian has it there
            .env("PUBLIC_ADDRESS", port.address().to_string())
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("haproxy, which scripts/test.sh installs");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(config(line, nodes).as_bytes()).await.expect("haproxy reads");
        drop(stdin);
        let listens = async {
            while TcpStream::connect(port.address()).await.is_err() {
                assert_eq!(child.try_wait().expect("a child"), None, "haproxy has ended");
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), listens).await.expect("haproxy listens in time");
        Self { port, _child: child }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

fn config(line: &str, nodes: &[&Endpoints]) -> String {
    let mut config = format!("{}    {line}\n", include_str!("../../../deploy/haproxy.cfg"));
    for (number, node) in nodes.iter().enumerate() {
        writeln!(config, "    server node-{number} {} port {}", node.address, node.admin.port())
            .expect("memory");
    }
    config
}

mod tests {
    use crate::harness::{Client, HaProxy, Node, Process, get};
    use serde_json::json;

    const SOCKETS: &str = "switchboard_sockets";

    #[tokio::test]
    async fn clients_go_where_fewest_are() {
        let nodes = [Node::start().await, Node::start().await, Node::start().await];
        let [a, b, c] = &nodes;
        let haproxy = HaProxy::before(&[a, b, c]).await;
        let mut clients = Vec::new();
        for _ in 0..6 {
            let mut client = Client::connect(&format!("ws://{}/ws", haproxy.address())).await;
            client.join("room").await;
            clients.push(client);
        }
        for node in &nodes {
            assert_eq!(node.metric(SOCKETS).await, 2);
        }
    }

    #[tokio::test]
    async fn both_dialects_and_the_demo_pass() {
        let node = Node::start().await;
        let haproxy = HaProxy::before(&[&node]).await;
        let mut ann = Client::connect(&format!("ws://{}/", haproxy.address())).await.speaking_skyrtc();
        ann.join("room").await;
        let mut ben = Client::connect(&format!("ws://{}/ws", haproxy.address())).await;
        let peers = ben.join("room").await;
        assert_eq!(peers["connections"], json!([ann.id]));
        assert_eq!(get(haproxy.address(), "/").await.status, 200);
    }

    #[tokio::test]
    async fn a_node_that_has_gone_is_passed_over() {
        let (gone, there) = (Process::start(&[]).await, Node::start().await);
        let haproxy = HaProxy::before(&[&gone, &there]).await;
        let url = format!("ws://{}/ws", haproxy.address());
        let [_one, _other] = [Client::connect(&url).await, Client::connect(&url).await];
        gone.kill().await;
        let mut next = Client::connect(&url).await;
        next.join("room").await;
    }
}
