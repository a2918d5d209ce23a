//! A node inside the test's process, on free ports, stopped when it is dropped.

use super::Endpoints;
use std::ops::Deref;
use switchboard::{
    config::Config,
    server::{self, Listeners, Settings},
};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    task::JoinHandle,
};

pub(crate) struct Node {
    endpoints: Endpoints,
    stop: UnboundedSender<()>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Node {
    /// A node as it comes.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A node with flags, as on the command line. It doesn't drain, unless they say so.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        Self::tuned(flags, |_| {}).await
    }

    /// A node with flags, and with settings that have none.
    #[allow(clippy::unused_async, reason = "it needs a runtime")]
    pub(crate) async fn tuned(flags: &[&str], tune: impl FnOnce(&mut Settings)) -> Self {
        let fixed = ["switchboard", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let at_once: &[&str] = if flags.contains(&"--drain") { &[] } else { &["--drain", "0s"] };
        let arguments = fixed.iter().chain(flags).chain(at_once).map(Into::into).collect();
        let config = Config::read(arguments).expect("flags");
        let (public, admin) = config.addresses();
        let listeners = Listeners::bind(public, admin).expect("free ports");
        let endpoints = Endpoints {
            address: listeners.address().expect("bound"),
            admin: listeners.admin_address().expect("bound"),
        };
        let (stop, mut asked) = mpsc::unbounded_channel();
        let asked_to_stop = async move || asked.recv().await.expect("the node holds the other end");
        let mut settings = config.server();
        tune(&mut settings);
        let served = tokio::spawn(server::run(listeners, settings, asked_to_stop));
        Self { endpoints, stop, served }
    }

    /// Why it ended by itself.
    pub(crate) async fn failure(mut self) -> String {
        let ended = (&mut self.served).await.expect("no panic");
        format!("{:#}", ended.expect_err("it can't run"))
    }

    /// Stops it as a signal would, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.stop.send(()).expect("runs");
        (&mut self.served).await.expect("no panic").expect("a clean end");
    }
}

impl Deref for Node {
    type Target = Endpoints;

    fn deref(&self) -> &Endpoints {
        &self.endpoints
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.served.abort();
    }
}
