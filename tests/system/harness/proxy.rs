//! A TCP proxy inside the test, which breaks connections as networks do.
//!
//! ```text
//! client ══▶ Proxy ══▶ target        a connection, and its fate: it is open, until a fault makes that Cut or Reset
//!        ◀══       ◀══               its two ways, each with a rule that faults change: Flow or Hold, a delay, a rate;
//!                                    or Half-closed, from which there is no way back
//! ```
//!
//! `cut`, `reset`, `hold` and `half_close` act on the connections that are open when they are called; those that come later
//! are whole. Open is what the proxy has taken in: a connection through which something has come is. Only a black hole
//! (`hold_all`) and a slow network (`delay`, `limit`) are there for whoever comes later, too.

use super::ports::Reservation;
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

pub(crate) struct Proxy {
    port: Reservation,
    target: SocketAddr,
    /// Takes connections in; `None` while they are refused.
    door: Option<AbortOnDropHandle<()>>,
    network: Network,
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the client to the target.
    There,
    /// From the target to the client.
    Back,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::There, Self::Back];
}

/// A `std` mutex: held for a look at it, never across an await.
type Network = Arc<Mutex<State>>;

#[derive(Default)]
struct State {
    /// Those that are open, and some that no longer are.
    connections: Vec<Connection>,
    /// What those begin with that come later.
    newcomers: Rules,
}

struct Connection {
    orders: watch::Sender<Orders>,
    task: AbortOnDropHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    fate: Fate,
    rules: Rules,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Open,
    Cut,
    Reset,
}

/// One for each way.
#[derive(Clone, Copy, Debug, Default)]
struct Rules {
    there: Rule,
    back: Rule,
}

impl Rules {
    fn of(&self, way: Way) -> Rule {
        match way {
            Way::There => self.there,
            Way::Back => self.back,
        }
    }

    fn change(&mut self, ways: &[Way], change: impl Fn(&mut Rule)) {
        for way in ways {
            change(match way {
                Way::There => &mut self.there,
                Way::Back => &mut self.back,
            });
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    flow: Flow,
    delay: Duration,
    /// Bytes a second.
    rate: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Free,
    Held,
    HalfClosed,
}

impl Proxy {
    /// A proxy on a free port.
    #[allow(clippy::unused_async, reason = "it needs a runtime")]
    pub(crate) async fn before(target: SocketAddr) -> Self {
        let port = Reservation::new();
        let mut proxy = Self { port, target, door: None, network: Arc::default() };
        proxy.accept();
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Closes both sides in order, and drops what was under way.
    pub(crate) async fn cut(&self) {
        self.end(Fate::Cut, || true).await;
    }

    /// Resets both sides, and drops what was under way.
    pub(crate) async fn reset(&self) {
        self.end(Fate::Reset, || true).await;
    }

    /// Resets the connections that are picked.
    pub(crate) async fn reset_some(&self, pick: impl FnMut() -> bool) {
        self.end(Fate::Reset, pick).await;
    }

    /// Makes a black hole: connections stay open, and nothing that is sent from now on arrives. Nor is it read, so the
    /// buffers of who writes fill, as they do when a cable is pulled.
    pub(crate) fn hold(&self) {
        self.hold_ways(&Way::BOTH);
    }

    /// Makes a black hole for what goes these ways.
    pub(crate) fn hold_ways(&self, ways: &[Way]) {
        self.rule(ways, |rule| rule.flow = rule.flow.held(), || true);
    }

    /// Makes a black hole of the connections that are picked.
    pub(crate) fn hold_some(&self, pick: impl FnMut() -> bool) {
        self.rule(&Way::BOTH, |rule| rule.flow = rule.flow.held(), pick);
    }

    /// Makes a black hole for what goes these ways, on later connections as well. One that may not flow there isn't seen by
    /// the target before it may.
    pub(crate) fn hold_all(&self, ways: &[Way]) {
        self.hold_ways(ways);
        self.state().newcomers.change(ways, |rule| rule.flow = Flow::Held);
    }

    /// Lets flow on what was held. What comes later is whole.
    pub(crate) fn release(&self) {
        self.rule(&Way::BOTH, |rule| rule.flow = rule.flow.released(), || true);
        self.state().newcomers.change(&Way::BOTH, |rule| rule.flow = Flow::Free);
    }

    /// Tells the receiver of what goes this way that its sender has nothing more to say: what that says from now on goes
    /// nowhere. The other way goes on.
    pub(crate) fn half_close(&self, way: Way) {
        self.rule(&[way], |rule| rule.flow = Flow::HalfClosed, || true);
    }

    /// What is sent this way arrives so much later than it would; on later connections as well.
    pub(crate) fn delay(&self, way: Way, delay: Duration) {
        self.rule_all(way, |rule| rule.delay = delay);
    }

    /// On each connection, at most so many bytes a second pass this way; on later ones as well. `None` is no limit.
    pub(crate) fn limit(&self, way: Way, rate: Option<u32>) {
        self.rule_all(way, |rule| rule.rate = rate);
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
        let door = take_in(listener, self.target, Arc::clone(&self.network));
        self.door = Some(AbortOnDropHandle::new(tokio::spawn(door)));
    }

    /// Ends what is open and picked, and waits until it has: both sides can know.
    async fn end(&self, fate: Fate, pick: impl FnMut() -> bool) {
        for connection in self.order(|orders| orders.fate = fate, pick) {
            connection.closed().await;
        }
    }

    fn rule_all(&self, way: Way, change: impl Fn(&mut Rule)) {
        self.rule(&[way], &change, || true);
        self.state().newcomers.change(&[way], change);
    }

    fn rule(&self, ways: &[Way], change: impl Fn(&mut Rule), pick: impl FnMut() -> bool) {
        self.order(|orders| orders.rules.change(ways, &change), pick);
    }

    /// Gives new orders for each open connection that is picked, and returns where to watch those.
    fn order(
        &self,
        change: impl Fn(&mut Orders),
        mut pick: impl FnMut() -> bool,
    ) -> Vec<watch::Sender<Orders>> {
        let mut state = self.state();
        state.forget_ended();
        let picked = state.connections.iter().filter(|_| pick());
        let ordered = picked.inspect(|connection| connection.orders.send_modify(&change));
        ordered.map(|connection| connection.orders.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.network.lock().expect("no panic")
    }
}

impl State {
    fn forget_ended(&mut self) {
        self.connections.retain(|connection| !connection.task.is_finished());
    }
}

impl Flow {
    fn held(self) -> Self {
        if self == Self::Free { Self::Held } else { self }
    }

    fn released(self) -> Self {
        if self == Self::Held { Self::Free } else { self }
    }
}

async fn take_in(listener: TcpListener, target: SocketAddr, network: Network) {
    loop {
        let (client, _) = listener.accept().await.expect("a listener");
        let mut state = network.lock().expect("no panic");
        let (orders, given) = watch::channel(Orders { rules: state.newcomers, ..Orders::default() });
        let task = AbortOnDropHandle::new(tokio::spawn(serve(client, target, given)));
        state.forget_ended();
        state.connections.push(Connection { orders, task });
    }
}

/// Carries one connection to its end. A target that can't be reached, or that fails, ends it with a reset.
async fn serve(client: TcpStream, target: SocketAddr, mut orders: watch::Receiver<Orders>) {
    let may_go = |orders: &Orders| orders.fate != Fate::Open || orders.rules.there.flow != Flow::Held;
    if orders.wait_for(may_go).await.is_err() || orders.borrow().fate == Fate::Reset {
        return reset(client);
    }
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

/// Moves bytes as the rules have it, until both ways have ended or fate ends them.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut orders: watch::Receiver<Orders>) {
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = pump(Way::There, from_client, to_server, orders.clone());
        let back = pump(Way::Back, from_server, to_client, orders.clone());
        tokio::select! {
            biased; // tests run on one thread: what is sent after an order is subject to it
            fate = orders.wait_for(|orders| orders.fate != Fate::Open) => fate.map_or(Fate::Reset, |orders| orders.fate),
            ended = async { tokio::try_join!(there, back) } => if ended.is_ok() { Fate::Cut } else { Fate::Reset },
        }
    };
    if ended == Fate::Cut {
        close_in_order(client, server, orders).await;
    } else {
        reset(client);
        reset(server);
    }
}

/// Moves the bytes of one way. Of what is held, nothing is read or written.
async fn pump(
    way: Way,
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut orders: watch::Receiver<Orders>,
) -> io::Result<()> {
    const ROOM: usize = 8 * 1024;

    let mut buffer = vec![0; ROOM];
    let mut line = Line::default();
    loop {
        let rule = orders.borrow_and_update().rules.of(way);
        let flows = rule.flow != Flow::Held;
        let listens = rule.flow == Flow::Free && !line.ended;
        if flows && !listens && line.is_empty() {
            to.shutdown().await?;
            copy(&mut from, &mut sink()).await?;
            return Ok(());
        }
        tokio::select! {
            biased;
            order = orders.changed() => if order.is_err() {
                // The proxy is gone, and this is about to be.
                return Ok(());
            },
            written = line.deliver(&mut to, rule.rate), if flows && !line.is_empty() => written?,
            length = from.read(&mut buffer), if listens && line.has_room() => match length? {
                0 => line.ended = true,
                length => line.take(&buffer[..length], rule.delay),
            },
        }
    }
}

/// What is under way in one direction.
#[derive(Default)]
struct Line {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// The sender has said all.
    ended: bool,
    /// The rate lets nothing pass before.
    free: Option<Instant>,
}

struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
    written: usize,
}

impl Line {
    fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// As much as a network holds for a connection. More isn't read, so that who writes too fast notices.
    fn has_room(&self) -> bool {
        const MOST: usize = 256 * 1024;

        self.bytes < MOST
    }

    fn take(&mut self, bytes: &[u8], delay: Duration) {
        self.bytes += bytes.len();
        self.chunks.push_back(Chunk { due: Instant::now() + delay, bytes: bytes.to_vec(), written: 0 });
    }

    /// Writes some of what is there, once it is due. To stop waiting for it loses nothing.
    async fn deliver(&mut self, to: &mut WriteHalf<'_>, rate: Option<u32>) -> io::Result<()> {
        /// Portions a second.
        const GRAIN: u32 = 100;

        let Some(chunk) = self.chunks.front_mut() else { return Ok(()) };
        let due = self.free.map_or(chunk.due, |free| free.max(chunk.due));
        if due > Instant::now() {
            sleep_until(due).await;
        }
        let rest = &chunk.bytes[chunk.written..];
        let most = rate.map_or(rest.len(), |rate| rest.len().min((rate / GRAIN).max(1) as usize));
        let written = to.write(&rest[..most]).await?;
        chunk.written += written;
        let portion = u32::try_from(written).expect("fits a chunk");
        self.free = rate.map(|rate| due.max(Instant::now()) + Duration::from_secs(1) * portion / rate);
        if chunk.written == chunk.bytes.len() {
            self.bytes -= chunk.written;
            self.chunks.pop_front();
        }
        Ok(())
    }
}

/// Says goodbye to both, and only then reads on until they do: to close a socket with unread bytes would reset it.
async fn close_in_order(mut client: TcpStream, mut server: TcpStream, orders: watch::Receiver<Orders>) {
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
    use crate::harness::{Proxy, Way};
    use std::{
        io::{self, ErrorKind},
        time::{Duration, Instant},
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
    async fn one_way_is_held_and_the_other_flows() {
        let line = Line::new().await;
        let (mut client, mut server) = line.connect().await;
        line.proxy.hold_ways(&[Way::Back]);
        for _ in 0..10 {
            server.write_all(b"held").await.expect("an open connection");
            client.write_all(b"flows").await.expect("an open connection");
            hears(&mut server, b"flows").await;
            line.connect().await;
            has_nothing(&client);
        }
        line.proxy.release();
        hears(&mut client, &b"held".repeat(10)).await;
    }

    #[tokio::test]
    async fn a_black_hole_takes_in_who_comes_later_and_shows_it_to_nobody() {
        let line = Line::new().await;
        let beside = Proxy::before(line.listener.local_addr().expect("bound")).await;
        let (client, mut server) = line.connect().await;
        line.proxy.hold_all(&Way::BOTH);
        let mut newcomer = TcpStream::connect(line.proxy.address()).await.expect("an open door");
        newcomer.write_all(b"there").await.expect("an open connection");
        for _ in 0..10 {
            let mut other = TcpStream::connect(beside.address()).await.expect("an open door");
            other.write_all(b"other").await.expect("an open connection");
            hears(&mut line.listener.accept().await.expect("a listener").0, b"other").await;
            has_nothing(&newcomer);
        }
        line.proxy.release();
        let (mut for_newcomer, _) = line.listener.accept().await.expect("a listener");
        hears(&mut for_newcomer, b"there").await;
        let (mut client, mut later) = (client, line.connect().await);
        round_trip(&mut client, &mut server).await;
        round_trip(&mut later.0, &mut later.1).await;
    }

    #[tokio::test]
    async fn who_is_picked_is_reset_and_the_others_flow() {
        let line = Line::new().await;
        let mut ends = Vec::new();
        for _ in 0..4 {
            ends.push(line.connect().await);
        }
        let mut turns = [true, false].into_iter().cycle();
        line.proxy.reset_some(|| turns.next().expect("endless")).await;
        let mut reset = 0;
        let mut open = Vec::new();
        for (mut client, mut server) in ends {
            client.write_all(b"there").await.ok();
            let mut heard = [0; 5];
            match timeout(Duration::from_secs(10), server.read_exact(&mut heard)).await.expect("in time") {
                Ok(_) => open.push((client, server)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    reset += 1;
                }
            }
        }
        assert_eq!((reset, open.len()), (2, 2));
    }

    #[tokio::test]
    async fn one_direction_ends_and_the_other_goes_on() {
        for way in Way::BOTH {
            let line = Line::new().await;
            let (mut client, mut server) = line.connect().await;
            let (near, far) = match way {
                Way::There => (&mut client, &mut server),
                Way::Back => (&mut server, &mut client),
            };
            line.proxy.half_close(way);
            assert_eq!(end(far).await.expect("an end in order"), 0);
            near.write_all(b"nowhere").await.expect("an open connection");
            far.write_all(b"still here").await.expect("an open direction");
            hears(near, b"still here").await;
            line.connect().await;
        }
    }

    #[tokio::test]
    async fn what_is_delayed_arrives_late_and_in_order() {
        const DELAY: Duration = Duration::from_millis(100);

        for way in Way::BOTH {
            let line = Line::new().await;
            let earlier = line.connect().await;
            line.proxy.delay(way, DELAY);
            let later = TcpStream::connect(line.proxy.address()).await.expect("an open door");
            let (server, _) = line.listener.accept().await.expect("a listener");
            for (client, server) in [earlier, (later, server)] {
                let (mut near, mut far) = match way {
                    Way::There => (client, server),
                    Way::Back => (server, client),
                };
                let before = Instant::now();
                for word in [b"one, ", b"two, "] {
                    near.write_all(word).await.expect("an open connection");
                }
                hears(&mut far, b"one, two, ").await;
                assert!(before.elapsed() >= DELAY);
                near.shutdown().await.expect("an open connection");
                far.write_all(b"back").await.expect("an open connection");
                hears(&mut near, b"back").await;
            }
        }
    }

    #[tokio::test]
    async fn no_more_passes_than_the_limit_lets() {
        const RATE: u32 = 200_000;
        const BYTES: usize = 60_000;

        for way in Way::BOTH {
            let line = Line::new().await;
            line.proxy.limit(way, Some(RATE));
            let (client, server) = line.connect().await;
            let (mut near, mut far) = match way {
                Way::There => (client, server),
                Way::Back => (server, client),
            };
            let before = Instant::now();
            near.write_all(&b"x".repeat(BYTES)).await.expect("an open connection");
            near.shutdown().await.expect("an open connection");
            assert_eq!(end(&mut far).await.expect("an end in order"), BYTES);
            assert!(before.elapsed() >= Duration::from_millis(290), "{:?}", before.elapsed());
            line.proxy.limit(way, None);
            line.connect().await;
        }
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
