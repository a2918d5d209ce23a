//! A web server that has a JWK set, and counts who asks for it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_util::task::AbortOnDropHandle;

pub(super) struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _serving: AbortOnDropHandle<()>,
}

struct Shared {
    /// Status and body.
    answer: Mutex<(u16, String)>,
    asked: AtomicUsize,
}

impl KeyServer {
    pub(super) async fn start(set: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared { answer: Mutex::new((200, set)), asked: AtomicUsize::new(0) });
        let serving = tokio::spawn(serve(listener, shared.clone()));
        Self { address, shared, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/jwks.json?secret=hunter2", self.address)
    }

    /// Answers so from now on.
    pub(super) fn answer(&self, status: u16, body: String) {
        *self.shared.answer.lock().expect("no panic") = (status, body);
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { break };
            head.push(byte);
        }
        let (status, body) = shared.answer.lock().expect("no panic").clone();
        shared.asked.fetch_add(1, Ordering::SeqCst);
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        // Who doesn't want to know any more, doesn't.
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}
