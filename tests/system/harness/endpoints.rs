//! Where a node is, and who comes to see it.

use super::{Client, get};
use std::{net::SocketAddr, time::Duration};
use tokio::{task::yield_now, time::timeout};

pub(crate) struct Endpoints {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Endpoints {
    /// A client that speaks the native dialect.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&format!("ws://{}/ws", self.address)).await
    }

    /// One whose request has these headers, too.
    pub(crate) async fn client_with(&self, headers: &[(&'static str, &str)]) -> Client {
        Client::connect_with(&format!("ws://{}/ws", self.address), headers).await
    }

    /// A client that speaks as SkyRTC's, on its page's own path.
    pub(crate) async fn skyrtc_client(&self) -> Client {
        Client::connect(&format!("ws://{}/", self.address)).await.speaking_skyrtc()
    }

    /// Clients that joined a room one after the other; each has heard of all the others.
    pub(crate) async fn room<const N: usize>(&self, room: &str) -> [Client; N] {
        Client::gather(room, async || self.client().await).await
    }

    /// Whether it says that it can serve.
    pub(crate) async fn is_ready(&self) -> bool {
        get(self.admin, "/readyz").await.status == 200
    }

    /// One metric's value.
    pub(crate) async fn metric(&self, series: &str) -> u64 {
        let text = get(self.admin, "/metrics").await.body;
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {series} in:\n{text}")).parse().expect("a whole number")
    }

    /// Waits until a metric has a value.
    pub(crate) async fn until_metric(&self, series: &str, value: u64) {
        let reached = async {
            while self.metric(series).await != value {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), reached).await.unwrap_or_else(|_| panic!("{series} isn't {value}"));
    }
}
