//! A TCP proxy inside the test, which breaks connections as networks do.
//!
//! ```text
//! client ──▶ Proxy ──▶ target        a connection, and its fate, which a fault changes:
//!                                    Flow ◀─hold, release─▶ Hold, and from both to Cut or Reset
//! ```
//!
//! A fault acts on the connections that are open when it is called; those that come later are whole. Open is what the
//! proxy has taken in: a connection through which something has come is.

use super::ports::Reservation;
use std::{
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncWriteExt, copy, copy_bidirectional, sink},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::task::AbortOnDropHandle;

pub(crate) struct Proxy {
    port: Reservation,
    target: SocketAddr,
    /// Takes connections in; `None` while they are refused.
    door: Option<AbortOnDropHandle<()>>,
    connections: Connections,
}

/// Those that are open, and some that no longer are. A `std` mutex: held for a look at the list, never across an await.
type Connections = Arc<Mutex<Vec<Connection>>>;

struct Connection {
    fate: watch::Sender<Fate>,
    task: AbortOnDropHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Flow,
    Hold,
    Cut,
    Reset,
}

impl Proxy {
    /// A proxy on a free port.
    #[allow(clippy::unused_async, reason = "it needs a runtime")]
    pub(crate) async fn before(target: SocketAddr) -> Self {
        let port = Reservation::new();
        let mut proxy = Self { port, target, door: None, connections: Arc::default() };
        proxy.accept();
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Closes both sides in order, and drops what was under way.
    pub(crate) async fn cut(&self) {
        self.end(Fate::Cut).await;
    }

    /// Resets both sides, and drops what was under way.
    pub(crate) async fn reset(&self) {
        self.end(Fate::Reset).await;
    }

    /// Makes a black hole: connections stay open, and nothing that is sent from now on arrives. Nor is it read, so the
    /// buffers of who writes fill, as they do when a cable is pulled.
    pub(crate) fn hold(&self) {
        self.order(Fate::Hold);
    }

    /// Lets flow on what was held.
    pub(crate) fn release(&self) {
        self.order(Fate::Flow);
    }

    /// Refuses new connections.
    pub(crate) async fn refuse(&mut self) {
        let door = self.door.take().expect("is open");
        door.abort();
        // Cancelled, which is what was asked for.
        let _ = door.await;
    }

    /// Takes new connections in again.
    pub(crate) fn accept(&mut self) {
        /// More than a test opens at once.
        const BACKLOG: u32 = 1024;

        assert!(self.door.is_none(), "the door is open");
        let listener = self.port.socket().listen(BACKLOG).expect("a port of our own");
        let door = take_in(listener, self.target, Arc::clone(&self.connections));
        self.door = Some(AbortOnDropHandle::new(tokio::spawn(door)));
    }

    /// Ends what is open, and waits until it has: both sides can know.
    async fn end(&self, fate: Fate) {
        for connection in self.order(fate) {
            connection.closed().await;
        }
    }

    /// Gives each open connection a fate, and returns where to watch them.
    fn order(&self, fate: Fate) -> Vec<watch::Sender<Fate>> {
        let connections = self.connections.lock().expect("no panic");
        for connection in connections.iter() {
            connection.fate.send_replace(fate);
        }
        connections.iter().map(|connection| connection.fate.clone()).collect()
    }
}

async fn take_in(listener: TcpListener, target: SocketAddr, connections: Connections) {
    loop {
        let (client, _) = listener.accept().await.expect("a listener");
        let (fate, orders) = watch::channel(Fate::Flow);
        let task = AbortOnDropHandle::new(tokio::spawn(serve(client, target, orders)));
        let mut connections = connections.lock().expect("no panic");
        connections.retain(|connection| !connection.task.is_finished());
        connections.push(Connection { fate, task });
    }
}

/// Carries one connection to its end. A target that can't be reached, or that fails, ends it with a reset.
async fn serve(client: TcpStream, target: SocketAddr, orders: watch::Receiver<Fate>) {
    match TcpStream::connect(target).await {
        Ok(server) => {
            for side in [&client, &server] {
                side.set_nodelay(true).expect("an open socket");
            }
            carry(client, server, orders).await;
        }
        Err(_) => reset(client),
    }
}

/// Moves bytes while they may flow. A held connection isn't polled: nothing of it is read or written.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut orders: watch::Receiver<Fate>) {
    let last = {
        let mut bytes = pin!(copy_bidirectional(&mut client, &mut server));
        loop {
            let fate = *orders.borrow_and_update();
            if matches!(fate, Fate::Cut | Fate::Reset) {
                break fate;
            }
            tokio::select! {
                biased; // tests run on one thread: what is sent after an order is subject to it
                Ok(()) = orders.changed() => {}
                ended = &mut bytes, if fate == Fate::Flow => break if ended.is_ok() { Fate::Cut } else { Fate::Reset },
                else => break Fate::Reset,
            }
        }
    };
    if last == Fate::Cut {
        close_in_order(client, server, orders).await;
    } else {
        reset(client);
        reset(server);
    }
}

/// Says goodbye to both, and only then reads on until they do: to close a socket with unread bytes would reset it.
async fn close_in_order(mut client: TcpStream, mut server: TcpStream, orders: watch::Receiver<Fate>) {
    // Who has gone already needs no goodbye.
    let _ = (client.shutdown().await, server.shutdown().await);
    drop(orders);
    let (mut from_client, mut from_server) = (sink(), sink());
    let _ = tokio::join!(copy(&mut client, &mut from_client), copy(&mut server, &mut from_server));
}

fn reset(socket: TcpStream) {
    socket.set_zero_linger().expect("an open socket");
    drop(socket);
}

mod tests {
    use crate::harness::Proxy;
    use std::{
        io::{self, ErrorKind},
        time::Duration,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        time::timeout,
    };

    /// Both ends of connections through a proxy.
    struct Line {
        proxy: Proxy,
        listener: TcpListener,
    }

    impl Line {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let proxy = Proxy::before(listener.local_addr().expect("bound")).await;
            Self { proxy, listener }
        }

        /// A connection's client and its server, which have heard each other.
        async fn connect(&self) -> (TcpStream, TcpStream) {
            let mut client = TcpStream::connect(self.proxy.address()).await.expect("an open door");
            let accepted = timeout(Duration::from_secs(10), self.listener.accept()).await;
            let (mut server, _) = accepted.expect("in time").expect("a listener");
            round_trip(&mut client, &mut server).await;
            (client, server)
        }
    }

    async fn round_trip(client: &mut TcpStream, server: &mut TcpStream) {
        client.write_all(b"there").await.expect("an open connection");
        hears(server, b"there").await;
        server.write_all(b"back").await.expect("an open connection");
        hears(client, b"back").await;
    }

    async fn hears(socket: &mut TcpStream, expected: &[u8]) {
        let mut heard = vec![0; expected.len()];
        let read = timeout(Duration::from_secs(10), socket.read_exact(&mut heard)).await;
        read.expect("in time").expect("an open connection");
        assert_eq!(heard, expected);
    }

    /// What comes until the end, and how that is.
    async fn end(socket: &mut TcpStream) -> io::Result<usize> {
        timeout(Duration::from_secs(10), socket.read_to_end(&mut Vec::new())).await.expect("an end")
    }

    /// Nothing lies here to be read.
    fn has_nothing(socket: &TcpStream) {
        assert_eq!(socket.try_read(&mut [0]).expect_err("nothing").kind(), ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn bytes_pass_and_so_does_the_end_of_one_direction() {
        let line = Line::new().await;
        let (mut client, mut server) = line.connect().await;
        client.shutdown().await.expect("an open connection");
        assert_eq!(end(&mut server).await.expect("an end in order"), 0);
        server.write_all(b"still here").await.expect("an open direction");
        hears(&mut client, b"still here").await;
    }

    #[tokio::test]
    async fn a_cut_ends_both_sides_in_order_whatever_is_under_way() {
        let line = Line::new().await;
        let (mut client, mut server) = line.connect().await;
        line.proxy.hold();
        client.write_all(b"lost").await.expect("an open connection");
        server.write_all(b"lost").await.expect("an open connection");
        line.proxy.cut().await;
        assert_eq!(end(&mut client).await.expect("an end in order"), 0);
        assert_eq!(end(&mut server).await.expect("an end in order"), 0);
        line.connect().await;
    }

    #[tokio::test]
    async fn a_reset_is_one_on_both_sides() {
        let line = Line::new().await;
        let (mut client, mut server) = line.connect().await;
        line.proxy.reset().await;
        assert_eq!(end(&mut client).await.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        assert_eq!(end(&mut server).await.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        line.connect().await;
    }

    #[tokio::test]
    async fn what_is_held_arrives_after_the_release_and_new_connections_pass() {
        let line = Line::new().await;
        let (mut client, mut server) = line.connect().await;
        line.proxy.hold();
        client.write_all(b"held there").await.expect("an open connection");
        server.write_all(b"held back").await.expect("an open connection");
        for _ in 0..10 {
            let (mut other_client, mut other_server) = line.connect().await;
            round_trip(&mut other_client, &mut other_server).await;
            has_nothing(&client);
            has_nothing(&server);
        }
        line.proxy.release();
        hears(&mut server, b"held there").await;
        hears(&mut client, b"held back").await;
    }

    #[tokio::test]
    async fn who_writes_into_a_hole_fills_its_buffers_and_loses_nothing() {
        /// More than the kernel buffers for a connection.
        const LOTS: usize = 64 << 20;

        let line = Line::new().await;
        let (client, mut server) = line.connect().await;
        line.proxy.hold();
        let (mut written, mut before) = (0, None);
        while before != Some(written) {
            before = Some(written);
            line.connect().await;
            has_nothing(&server);
            while let Ok(length) = client.try_write(&[b'x'; 16 * 1024]) {
                written += length;
                assert!(written < LOTS, "somebody reads, or there is a queue without an end");
            }
        }
        assert!(written > 0);
        line.proxy.release();
        drop(client);
        assert_eq!(end(&mut server).await.expect("an end in order"), written);
    }

    #[tokio::test]
    async fn a_closed_client_is_not_missed_while_it_is_held() {
        let line = Line::new().await;
        let (client, mut server) = line.connect().await;
        line.proxy.hold();
        drop(client);
        for _ in 0..10 {
            line.connect().await;
            has_nothing(&server);
        }
        line.proxy.release();
        assert_eq!(end(&mut server).await.expect("an end in order"), 0);
    }

    #[tokio::test]
    async fn refused_is_who_comes_and_not_who_is_there() {
        let mut line = Line::new().await;
        let (mut client, mut server) = line.connect().await;
        line.proxy.refuse().await;
        let refusal = TcpStream::connect(line.proxy.address()).await.expect_err("a closed door");
        assert_eq!(refusal.kind(), ErrorKind::ConnectionRefused);
        round_trip(&mut client, &mut server).await;
        line.proxy.accept();
        line.connect().await;
    }

    #[tokio::test]
    async fn a_target_that_is_gone_is_a_reset() {
        let Line { proxy, listener } = Line::new().await;
        drop(listener);
        let mut client = TcpStream::connect(proxy.address()).await.expect("an open door");
        assert_eq!(end(&mut client).await.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn nothing_outlives_its_proxy() {
        let line = Line::new().await;
        let (mut client, mut server) = line.connect().await;
        let address = line.proxy.address();
        drop(line);
        assert_eq!(end(&mut client).await.expect("an end"), 0);
        assert_eq!(end(&mut server).await.expect("an end"), 0);
        let refusal = TcpStream::connect(address).await.expect_err("a closed door");
        assert_eq!(refusal.kind(), ErrorKind::ConnectionRefused);
    }
}
