//! A `redis-server` in a process of its own, on a free port, empty, killed when it is dropped; and what it says of itself.

use redis::{Client, aio::MultiplexedConnection};
use std::{
    collections::HashMap,
    net::{Ipv4Addr, TcpListener},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::sleep,
};

pub(crate) struct Server {
    port: u16,
    connection: MultiplexedConnection,
    _child: Child,
    _folder: TempDir,
}

/// What a server has done since it started.
#[derive(Clone, Debug)]
pub(crate) struct Counts(HashMap<String, f64>);

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        // It ends with the thread that started it: a run that is interrupted leaves none behind.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server", "--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("setpriv, of util-linux, and redis-server");
        let client = Client::open(format!("redis://127.0.0.1:{port}")).expect("a URL");
        for _ in 0..100 {
            if let Ok(connection) = client.get_multiplexed_async_connection().await {
                return Self { port, connection, _child: child, _folder: folder };
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server doesn't start");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What `--redis` takes.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends a command.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let (command, arguments) = words.split_first().expect("a command");
        redis::cmd(command).arg(arguments).query_async(&mut self.connection.clone()).await.expect(command)
    }

    /// Cuts all connections but this one, at once; says how many heard channels, and how many didn't.
    pub(crate) async fn cut(&self) -> [u32; 2] {
        let mut both = redis::pipe();
        both.atomic();
        for kind in ["pubsub", "normal"] {
            both.cmd("CLIENT").arg(&["KILL", "TYPE", kind]);
        }
        both.query_async(&mut self.connection.clone()).await.expect("a server")
    }

    pub(crate) async fn counts(&self) -> Counts {
        let text: String = self.ask(&["INFO", "stats", "cpu", "memory", "commandstats"]).await;
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            // A command's line is `cmdstat_get:calls=21,usec=…`
            let value = value.split(',').next()?.trim_start_matches("calls=");
            Some((name.to_owned(), value.parse().ok()?))
        };
        Counts(text.lines().filter_map(pair).collect())
    }
}

impl Counts {
    pub(crate) fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn calls(&self, command: &str) -> f64 {
        self.of(&format!("cmdstat_{command}"))
    }

    /// Seconds of CPU.
    pub(crate) fn cpu(&self) -> f64 {
        self.of("used_cpu_user") + self.of("used_cpu_sys")
    }
}
