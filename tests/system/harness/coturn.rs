//! A real TURN server: coturn's `turnserver` with the settings of `docs/operations.md`, in a process of its own, on a free
//! port, killed when it is dropped.

use super::free_port;
use std::{fmt::Write, fs, net::SocketAddr, path::Path, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    task::yield_now,
    time::timeout,
};

pub(crate) struct Coturn {
    port: u16,
    _child: Child,
    _folder: TempDir,
}

impl Coturn {
    /// One that takes the credentials made with any of these secrets, once it listens.
    pub(crate) async fn with_secrets(secrets: &[&str]) -> Self {
        for _ in 0..10 {
            let (port, folder) = (free_port(), tempfile::tempdir().expect("a writable folder"));
            let mut child = spawn(port, secrets, folder.path());
            let listens = async {
                while TcpStream::connect(address(port)).await.is_err() {
                    if child.try_wait().expect("a child").is_some() {
                        return false;
                    }
                    yield_now().await;
                }
                true
            };
            if timeout(Duration::from_secs(20), listens).await.expect("coturn listens in time") {
                return Self { port, _child: child, _folder: folder };
            }
        }
        panic!("turnserver doesn't start");
    }

    /// What `--turn-server` takes.
    pub(crate) fn url(&self) -> String {
        format!("turn:{}?transport=tcp", self.address())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        address(self.port)
    }
}

fn spawn(port: u16, secrets: &[&str], folder: &Path) -> Child {
    let mut config = format!(
        "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\nno-tls\nno-dtls\nno-cli\nno-stdout-log\n\
         log-file=/dev/null\nsimple-log\nuserdb={folder}/turndb\npidfile={folder}/pid\nuse-auth-secret\n\
         realm=turn.example.org\n",
        folder = folder.display()
    );
    for secret in secrets {
        writeln!(config, "static-auth-secret={secret}").expect("memory");
    }
    let file = folder.join("turnserver.conf");
    fs::write(&file, config).expect("a writable folder");
    Command::new("turnserver")
        .arg("-c")
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("turnserver, which scripts/test.sh installs")
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}
