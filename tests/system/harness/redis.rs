//! A real Redis: `redis-server` in a process of its own, on a free port, empty, killed when it is dropped.
//!
//! It also ends when the thread that started it does, so that a test run which is killed leaves none behind. The harness
//! speaks to it through a Unix socket in its folder: no other server can answer there, whoever may enter by the port.

mod certificates;
mod cluster;
mod ports;
mod sentinel;
#[cfg(test)]
mod tests;

pub(crate) use self::{cluster::Cluster, ports::free as free_port, sentinel::Sentinel};

use super::until;
use redis::{AsyncConnectionConfig, Client, aio::MultiplexedConnection, cmd};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
};

/// A master sends its replicas the data at once rather than in 5 s, and a word each second rather than each 10 s: before the
/// first one, nobody knows that a replica follows.
const REPLICATE_AT_ONCE: [&str; 4] = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];

pub(crate) struct RedisServer {
    port: u16,
    setup: Setup,
    child: Child,
    folder: TempDir,
}

/// What sets a server apart. It is the same again after a restart.
struct Setup {
    /// The option that takes its port.
    port: &'static str,
    /// Lines of its redis.conf.
    config: String,
    arguments: Vec<String>,
    /// User and password for `--redis`, as a URL has them.
    credentials: String,
    /// What the harness adds to its URL.
    login: &'static str,
}

impl RedisServer {
    /// A server as it comes.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server with flags, as on the command line of `redis-server`.
    pub(crate) async fn with(arguments: &[&str]) -> Self {
        Self::configured("", arguments).await
    }

    /// A server that speaks TLS alone.
    pub(crate) async fn with_tls() -> Self {
        let folder = new_folder();
        let config = certificates::make(folder.path()).await;
        Self::set_up(Setup { port: "--tls-port", config, ..Setup::default() }, folder).await
    }

    /// A server that knows but one user, such as `switchboard on >secret ~sb:* +get`, and the harness.
    pub(crate) async fn with_user(acl: &str) -> Self {
        let mut words = acl.split(' ');
        let user = words.next().expect("a name");
        let password = words.find_map(|word| word.strip_prefix('>')).expect("a password");
        let config = format!("user default off\nuser {acl}\nuser harness on nopass ~* &* +@all\n");
        let credentials = format!("{user}:{password}@");
        let login = "?user=harness&pass=any";
        Self::set_up(Setup { config, credentials, login, ..Setup::default() }, new_folder()).await
    }

    /// A server with lines of redis.conf, too.
    async fn configured(config: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let setup = Setup { config: config.to_owned(), arguments, ..Setup::default() };
        Self::set_up(setup, new_folder()).await
    }

    async fn set_up(setup: Setup, folder: TempDir) -> Self {
        fs::write(folder.path().join("redis.conf"), &setup.config).expect("a configuration");
        let port = ports::free();
        let child = spawn(port, &setup, &folder);
        let mut server = Self { port, setup, child, folder };
        for _ in 0..10 {
            if server.answers().await {
                return server;
            }
            server.port = ports::free();
            server.child = spawn(server.port, &server.setup, &server.folder);
        }
        panic!("redis-server doesn't start:\n{}", server.log());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// What `--redis` takes.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.setup.port == "--tls-port" { "rediss" } else { "redis" };
        format!("{scheme}://{}{}", self.setup.credentials, self.address())
    }

    /// What `--redis-ca` takes, of a server that speaks TLS.
    pub(crate) fn ca_file(&self) -> PathBuf {
        certificates::ca_file(self.folder.path())
    }

    /// Every key that matches.
    pub(crate) async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys = cmd("KEYS");
        keys.arg(pattern).query_async(&mut self.connection().await).await.expect("keys")
    }

    /// A connection for a test's own questions.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = Client::open(format!("unix://{}{}", self.socket(), self.setup.login)).expect("a URL");
        client.get_multiplexed_async_connection_with_config(&patient()).await.expect("a server")
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
        // A replica has one from its master, as of when it began to follow it.
        let _ = fs::remove_file(self.folder.path().join("dump.rdb"));
        self.restart_with_what_it_saved().await;
    }

    /// Writes down what it holds, as a server does now and then that is told to save.
    pub(crate) async fn save(&self) {
        let () = cmd("SAVE").query_async(&mut self.connection().await).await.expect("saved");
    }

    /// Starts it anew on the port that it had. One that runs is killed first.
    pub(crate) async fn restart_with_what_it_saved(&mut self) {
        if self.child.id().is_some() {
            self.kill().await;
        }
        self.child = spawn(self.port, &self.setup, &self.folder);
        assert!(self.answers().await, "redis-server doesn't start again:\n{}", self.log());
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

    /// How many replicas have its data, and have said so: those take in what it is told from then on.
    async fn replicas(&self) -> usize {
        let mut connection = self.connection().await;
        let info: String =
            cmd("INFO").arg("replication").query_async(&mut connection).await.expect("an answer");
        info.matches("state=online").count() - info.matches("state=online,offset=0,").count()
    }

    /// Neither killed nor paused.
    fn runs(&self) -> bool {
        self.child.id().is_some() && self.state() != 'T'
    }

    /// One letter, from proc(5).
    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("a running process");
        stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).expect("a state")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Default for Setup {
    fn default() -> Self {
        let (config, credentials) = (String::new(), String::new());
        Self { port: "--port", config, arguments: Vec::new(), credentials, login: "" }
    }
}

fn new_folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// How a test connects: the crate's own patience, half a second, is short where every core is busy.
pub(crate) fn patient() -> AsyncConnectionConfig {
    let patience = Some(Duration::from_secs(10));
    AsyncConnectionConfig::new().set_connection_timeout(patience).set_response_timeout(patience)
}

/// The user of `docs/operations.md`, whose password is `secret`.
pub(crate) fn documented_user() -> String {
    let page = fs::read_to_string("docs/operations.md").expect("the page");
    let line = page.lines().find_map(|line| line.strip_prefix("ACL SETUSER ")).expect("its line");
    line.replace(">password", ">secret")
}

fn spawn(port: u16, setup: &Setup, folder: &TempDir) -> Child {
    let path = |name: &str| format!("{}/{name}", folder.path().display());
    // A socket that an earlier life left behind would be taken for this one's.
    let _ = fs::remove_file(path("socket"));
    let log = File::create(path("log")).expect("a log");
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "redis-server", &path("redis.conf")])
        .args([setup.port, &port.to_string(), "--bind", "127.0.0.1", "--unixsocket", &path("socket")])
        .args(["--save", "", "--appendonly", "no", "--dir", &path("")])
        .args(["--loglevel", "warning", "--logfile", ""])
        .args(&setup.arguments)
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
