//! A node as its users run it: the binary, in a process of its own, killed when it is dropped.

use super::Endpoints;
use serde_json::Value;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    ops::Deref,
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::yield_now,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

pub(crate) struct Process {
    endpoints: Endpoints,
    child: Child,
    /// What it logged before it listened.
    pub(crate) starting: Vec<Value>,
    /// What it logs since. It is read all along, as a full pipe would hold it up.
    log: UnboundedReceiver<Value>,
    _reader: AbortOnDropHandle<()>,
}

impl Process {
    /// The binary with flags, on free ports, once it listens. It doesn't drain, unless they say so.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), flags).await
    }

    /// Likewise, at a place for clients that is known before.
    pub(crate) async fn start_at(address: SocketAddr, flags: &[&str]) -> Self {
        let mut child = command(flags)
            .args(["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
            .env("SWITCHBOARD_DRAIN", "0s")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut starting = Vec::new();
        let listening = loop {
            let line = next_line(&mut log).await;
            let line = line.unwrap_or_else(|| panic!("it ended before it listened: {starting:?}"));
            if line["message"] == "listening" {
                break line;
            }
            starting.push(line);
        };
        let address = |key: &str| listening[key].as_str().expect(key).parse().expect("an address");
        let endpoints = Endpoints { address: address("address"), admin: address("admin") };
        let (lines, read) = unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(line) = next_line(&mut log).await {
                // Who doesn't want to know any more, doesn't.
                let _ = lines.send(line);
            }
        });
        Self { endpoints, child, starting, log: read, _reader: AbortOnDropHandle::new(reader) }
    }

    /// Its resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// How many files it has open.
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("a running process").count()
    }

    /// Asks it to stop, and returns its exit status and what it logged since it listened.
    pub(crate) async fn stop(self) -> (Option<i32>, Vec<Value>) {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Waits until it has ended by itself, and returns its exit status and what it logged since it listened.
    pub(crate) async fn ended(mut self) -> (Option<i32>, Vec<Value>) {
        let mut log = Vec::new();
        while let Some(line) = self.log.recv().await {
            log.push(line);
        }
        (self.child.wait().await.expect("an end").code(), log)
    }

    /// The next line of its log.
    pub(crate) async fn logs(&mut self) -> Value {
        timeout(Duration::from_secs(10), self.log.recv()).await.expect("in time").expect("a line")
    }

    /// Kills it, which it can't notice, and waits until it is dead.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("runs");
    }

    /// Lets it do nothing, as a machine does that swaps or is being moved, and waits until it does nothing.
    pub(crate) async fn pause(&self) {
        self.signal("STOP").await;
        let stopped = async {
            while !self.threads().iter().all(|state| *state == 'T') {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), stopped).await.expect("it stops in time");
    }

    /// Lets a paused one go on, as if nothing had been.
    pub(crate) async fn go_on(&self) {
        self.signal("CONT").await;
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().await.expect("kill").success());
    }

    /// The state of each thread: the letter that follows its name in parentheses (proc(5)).
    fn threads(&self) -> Vec<char> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("a running process");
        let stats = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
        stats.filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next()).collect()
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("runs")
    }
}

impl Deref for Process {
    type Target = Endpoints;

    fn deref(&self) -> &Endpoints {
        &self.endpoints
    }
}

/// The binary, without settings from this environment.
pub(crate) fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD_") {
            command.env_remove(name);
        }
    }
    command.args(flags);
    command
}

async fn next_line(log: &mut Lines<BufReader<ChildStderr>>) -> Option<Value> {
    let line = log.next_line().await.expect("a log")?;
    Some(serde_json::from_str(&line).expect(&line))
}

mod tests {
    use crate::harness::{Process, get};
    use std::time::Duration;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        time::timeout,
    };

    #[tokio::test]
    async fn what_it_says_before_it_listens_is_kept() {
        let node = Process::start(&["--max-sockets", "10000000000"]).await;
        let [line] = &node.starting[..] else { panic!("{:?}", node.starting) };
        assert!(line["message"].as_str().expect("a message").contains("may not open enough files"), "{line}");
        assert_eq!(get(node.admin, "/livez").await.status, 200);
    }

    #[tokio::test]
    async fn a_killed_one_is_gone() {
        let node = Process::start(&[]).await;
        let address = node.address;
        node.kill().await;
        TcpStream::connect(address).await.expect_err("nobody there");
    }

    #[tokio::test]
    async fn a_paused_one_answers_once_it_goes_on() {
        let node = Process::start(&[]).await;
        node.pause().await;
        let mut socket = TcpStream::connect(node.admin).await.expect("the system accepts");
        socket.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("an open connection");
        // Another node, started meanwhile, has answered by now.
        get(Process::start(&[]).await.admin, "/livez").await;
        assert!(socket.try_read(&mut [0]).is_err(), "it is paused");
        node.go_on().await;
        let mut answer = [0; 12];
        timeout(Duration::from_secs(10), socket.read_exact(&mut answer))
            .await
            .expect("in time")
            .expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
}
