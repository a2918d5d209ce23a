//! A real Redis: `redis-server` in a process of its own, on a free port, empty, killed when it is dropped.
//!
//! It also ends when the thread that started it does, so that a test run which is killed leaves none behind. The harness
//! speaks to it through a Unix socket in its folder: no other server can answer there, whoever may enter by the port.

mod ports;
#[cfg(test)]
mod tests;

use super::until;
use redis::{Client, aio::MultiplexedConnection};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
};

pub(crate) struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    child: Child,
    folder: TempDir,
}

impl RedisServer {
    /// A server as it comes.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server with flags, as on the command line of `redis-server`.
    pub(crate) async fn with(arguments: &[&str]) -> Self {
        let mut folder = tempfile::tempdir().expect("a temporary folder");
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        for _ in 0..10 {
            let port = ports::free();
            let child = spawn(port, &folder, &arguments);
            let mut server = Self { port, arguments: arguments.clone(), child, folder };
            if server.answers().await {
                return server;
            }
            Self { folder, .. } = server;
        }
        panic!("redis-server doesn't start:\n{}", log(&folder));
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What `--redis` takes.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// A connection for a test's own questions.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = Client::open(format!("unix://{}", self.socket())).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("a server")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("runs")
    }

    /// Ends it without a word, as a power cut does.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("runs");
    }

    /// Stops its clock: it takes connections and answers nothing, as when its machine is stuck.
    pub(crate) async fn pause(&self) {
        self.signal("STOP").await;
        until("the server is paused", async || self.state() == 'T').await;
    }

    /// After `pause`.
    pub(crate) async fn go_on(&self) {
        self.signal("CONT").await;
        until("the server goes on", async || self.state() != 'T').await;
    }

    /// Starts it anew on the port that it had, empty. One that runs is killed first.
    pub(crate) async fn restart(&mut self) {
        if self.child.id().is_some() {
            self.kill().await;
        }
        self.child = spawn(self.port, &self.folder, &self.arguments);
        assert!(self.answers().await, "redis-server doesn't start again:\n{}", log(&self.folder));
    }

    /// Waits until it answers. False where it ended instead, as when another has its port.
    async fn answers(&mut self) -> bool {
        let socket = self.socket();
        let mut runs = true;
        until("redis-server answers", async || {
            runs = self.child.try_wait().expect("a child").is_none();
            !runs || ping(&socket).await.is_ok()
        })
        .await;
        runs
    }

    fn socket(&self) -> String {
        format!("{}/socket", self.folder.path().display())
    }

    async fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().await;
        assert!(kill.expect("kill").success());
    }

    /// One letter, from proc(5).
    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("a running process");
        stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).expect("a state")
    }
}

fn spawn(port: u16, folder: &TempDir, arguments: &[String]) -> Child {
    let path = |name: &str| format!("{}/{name}", folder.path().display());
    // A socket that an earlier life left behind would be taken for this one's.
    let _ = fs::remove_file(path("socket"));
    let log = File::create(path("log")).expect("a log");
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "redis-server"])
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--unixsocket", &path("socket")])
        .args(["--save", "", "--appendonly", "no", "--dir", &path("")])
        .args(["--loglevel", "warning", "--logfile", ""])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("setpriv, of util-linux, and redis-server")
}

/// Any answer will do: one that wants a password first is there, too.
async fn ping(socket: &str) -> std::io::Result<u8> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(b"PING\r\n").await?;
    stream.read_u8().await
}

fn log(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}
