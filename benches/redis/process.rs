//! A process: what it took, and this program as a child that is told what to do, a line at a time.

use std::{env, fs, io::stdin, process::Stdio, thread};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// This program again, in another part.
pub(crate) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(words: &[&str]) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this program");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, orders, answers }
    }

    /// Tells it something.
    pub(crate) async fn tell(&mut self, order: &str) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.expect("it listens");
    }

    /// The next that it says.
    pub(crate) async fn hear(&mut self) -> String {
        self.answers.next_line().await.expect("a pipe").expect("it goes on")
    }

    pub(crate) async fn ask(&mut self, order: &str) -> String {
        self.tell(order).await;
        self.hear().await
    }

    /// Waits for its end.
    pub(crate) async fn end(self) {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        assert!(child.wait().await.expect("an end").success());
    }

    /// The CPU that it took, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        cpu(&self.child.id().expect("runs").to_string())
    }
}

/// What this process is told, until whoever tells it is gone.
pub(crate) fn orders() -> UnboundedReceiver<String> {
    let (told, orders) = unbounded_channel();
    thread::spawn(move || stdin().lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
    orders
}

/// The CPU that a process took, in seconds, all threads (proc(5): the first number of `schedstat` is in nanoseconds).
pub(crate) fn cpu(pid: &str) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a running process");
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// This process's resident memory, in bytes.
pub(crate) fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0
}
