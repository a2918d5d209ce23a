//! Ports that are kept free for somebody.

use std::net::SocketAddr;
use tokio::net::TcpSocket;

/// A port of this machine that nobody gets but those who share ports (`SO_REUSEPORT`). It is bound and never listens:
/// while nobody else does, connections to it are refused.
pub(super) struct Reservation(TcpSocket);

impl Reservation {
    pub(super) fn new() -> Self {
        Self(shared("127.0.0.1:0".parse().expect("an address")))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    /// A socket that may listen there.
    pub(super) fn socket(&self) -> TcpSocket {
        shared(self.address())
    }
}

fn shared(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseport(true).expect("a fresh socket");
    socket.bind(address).expect("a free port");
    socket
}
