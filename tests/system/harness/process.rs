//! A node as its users run it: the binary, in a process of its own, killed when it is dropped.

use super::Endpoints;
use serde_json::Value;
use std::{fs, ops::Deref, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

pub(crate) struct Process {
    endpoints: Endpoints,
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Process {
    /// The binary with flags, on free ports, once it listens.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let mut child = command(flags)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let line = log.next_line().await.expect("a log").expect("a line");
        let line: Value = serde_json::from_str(&line).expect(&line);
        assert_eq!(line["message"], "listening");
        let address = |key: &str| line[key].as_str().expect(key).parse().expect("an address");
        let endpoints = Endpoints { address: address("address"), admin: address("admin") };
        Self { endpoints, child, log }
    }

    /// Its resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let pid = self.child.id().expect("runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// How many files it has open.
    pub(crate) fn open_files(&self) -> usize {
        let pid = self.child.id().expect("runs");
        fs::read_dir(format!("/proc/{pid}/fd")).expect("a running process").count()
    }

    /// Asks it to stop, and returns its exit status and what it logged since it listened.
    pub(crate) async fn stop(mut self) -> (Option<i32>, Vec<Value>) {
        let pid = self.child.id().expect("runs").to_string();
        assert!(Command::new("kill").arg(pid).status().await.expect("kill").success());
        let mut log = Vec::new();
        while let Some(line) = self.log.next_line().await.expect("a log") {
            log.push(serde_json::from_str(&line).expect(&line));
        }
        (self.child.wait().await.expect("an end").code(), log)
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
