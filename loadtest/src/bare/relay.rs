//! The limit of a relay: epoll on one thread, one read and one write a message, and nothing is parsed but the first message.
//!
//! A client's first message says its own name and its partner's (see the dialect `plain`). From then on, what is read from one
//! is written to the other. With Redis, it is published on the partner's channel, and what comes on a client's channel is
//! written to it; all that one turn of the loop publishes goes in one write, and so does all that a client gets in it.
//!
//! Readiness is told on edges, so who stops reading early has to remember that there may be more.

use super::{link::Link, outbox::Outbox, resp::Push};
use anyhow::{Context, bail};
use mio::{
    Events, Interest, Poll, Registry, Token,
    event::Event,
    net::{TcpListener, TcpStream},
};
use std::{
    collections::HashMap,
    io::{ErrorKind, Read},
    mem,
    net::SocketAddr,
};

const BUFFER: usize = 64 * 1024;
/// A client for which so much waits doesn't read, and is dropped. Without Redis no more is taken from its partner before.
const FULL: usize = 4 * 1024 * 1024;
const HEADER: usize = size_of::<u32>();

const LISTENER: Token = Token(0);
const PUBLISHER: Token = Token(1);
const SUBSCRIBER: Token = Token(2);
const FIRST_CLIENT: usize = 3;

pub(super) fn run(listen: SocketAddr, redis: Option<SocketAddr>) -> anyhow::Result<()> {
    let (poll, mut relay) = bind(listen, redis)?;
    super::introduce(relay.listener.local_addr()?);
    relay.serve(poll)
}

fn bind(listen: SocketAddr, redis: Option<SocketAddr>) -> anyhow::Result<(Poll, Relay)> {
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind(listen).with_context(|| format!("listening on {listen}"))?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let link = match redis {
        Some(redis) => Some(
            Link::open(redis, poll.registry(), [PUBLISHER, SUBSCRIBER])
                .with_context(|| format!("Redis at {redis}"))?,
        ),
        None => None,
    };
    let relay = Relay::new(poll.registry().try_clone()?, listener, link);
    Ok((poll, relay))
}

struct Relay {
    registry: Registry,
    listener: TcpListener,
    link: Option<Link>,
    clients: Vec<Option<Client>>,
    /// Places of `clients` where nobody is.
    free: Vec<usize>,
    /// Where in `clients` each name is.
    names: HashMap<Vec<u8>, usize>,
    buffer: Vec<u8>,
    /// To be written to at the end of the turn.
    dirty: Vec<usize>,
    /// Not read to the end, as too much waits for Redis.
    waiting: Vec<usize>,
}

struct Client {
    stream: TcpStream,
    /// What of its first message has come so far.
    hello: Vec<u8>,
    /// Once it has said them.
    names: Option<Names>,
    /// Where its partner is, at this very process.
    partner: Option<usize>,
    outbox: Outbox,
    /// Not read to the end, as its partner doesn't take more.
    unread: bool,
}

struct Names {
    own: Vec<u8>,
    partner: Vec<u8>,
}

impl Relay {
    fn new(registry: Registry, listener: TcpListener, link: Option<Link>) -> Self {
        Self {
            registry,
            listener,
            link,
            clients: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            buffer: vec![0; BUFFER],
            dirty: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn serve(&mut self, mut poll: Poll) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                self.handle(event)?;
            }
            self.end_turn()?;
        }
    }

    fn handle(&mut self, event: &Event) -> anyhow::Result<()> {
        match (event.token(), &mut self.link) {
            (LISTENER, _) => self.accept(),
            (PUBLISHER | SUBSCRIBER, _) if event.is_read_closed() => bail!("Redis closed a connection"),
            (PUBLISHER, Some(link)) => link.ignore_replies(&mut self.buffer),
            (SUBSCRIBER, _) => self.hear_redis(),
            (Token(token), _) => {
                let index = token - FIRST_CLIENT;
                if event.is_writable() {
                    self.flush(index);
                }
                if event.is_readable() {
                    self.read(index, event.is_read_closed());
                }
                Ok(())
            }
        }
    }

    fn end_turn(&mut self) -> anyhow::Result<()> {
        self.flush_link()?;
        for index in mem::take(&mut self.dirty) {
            self.flush(index);
        }
        if !self.waiting.is_empty() && self.link.as_ref().is_some_and(|link| !link.is_full()) {
            for index in mem::take(&mut self.waiting) {
                self.read(index, true);
            }
            self.flush_link()?;
        }
        Ok(())
    }

    fn flush_link(&mut self) -> anyhow::Result<()> {
        Ok(self.link.as_mut().map_or(Ok(()), Link::flush)?)
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.welcome(stream)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Who is gone already is no matter of the others.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn welcome(&mut self, mut stream: TcpStream) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.clients.push(None);
            self.clients.len() - 1
        });
        self.registry.register(
            &mut stream,
            Token(FIRST_CLIENT + index),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.clients[index] = Some(Client {
            stream,
            hello: Vec::new(),
            names: None,
            partner: None,
            outbox: Outbox::default(),
            unread: false,
        });
        Ok(())
    }

    /// A read that fills less than the buffer took all there was, unless it was the last one and the end is still to be read.
    fn read(&mut self, index: usize, to_the_end: bool) {
        loop {
            if self.holds_back(index) {
                return;
            }
            let Some(client) = &mut self.clients[index] else { return };
            match client.stream.read(&mut self.buffer) {
                Ok(0) => return self.close(index),
                Ok(length) => {
                    self.hear(index, length);
                    if length < BUFFER && !to_the_end {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(index),
            }
        }
    }

    /// Whether what it says has nowhere to go for now. Then it is read later.
    fn holds_back(&mut self, index: usize) -> bool {
        if let Some(link) = &self.link {
            let is_full = link.is_full();
            if is_full {
                self.waiting.push(index);
            }
            return is_full;
        }
        let partner = self.clients[index].as_ref().and_then(|client| client.partner);
        let is_full =
            partner.and_then(|at| self.clients[at].as_ref()).is_some_and(|peer| !peer.outbox.is_empty());
        if let Some(client) = &mut self.clients[index] {
            client.unread = is_full;
        }
        is_full
    }

    /// Takes what is in the buffer.
    fn hear(&mut self, index: usize, length: usize) {
        let buffer = mem::take(&mut self.buffer);
        let bytes = &buffer[..length];
        match &mut self.clients[index] {
            Some(client) if client.names.is_none() => {
                client.hello.extend_from_slice(bytes);
                self.greet(index);
            }
            _ => self.forward(index, bytes),
        }
        self.buffer = buffer;
    }

    /// Reads the first message, once it is there.
    fn greet(&mut self, index: usize) {
        let Some(client) = &mut self.clients[index] else { return };
        let Some((length, rest)) = client.hello.split_first_chunk::<HEADER>() else { return };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((hello, rest)) = rest.split_at_checked(length.min(BUFFER)) else { return };
        let Some(tab) = hello.iter().position(|&byte| byte == b'\t') else { return self.close(index) };
        let names = Names { own: hello[..tab].into(), partner: hello[tab + 1..].into() };
        let rest = rest.to_vec();
        client.partner = self.names.get(&names.partner).copied();
        if let Some(partner) = client.partner.and_then(|at| self.clients[at].as_mut()) {
            partner.partner = Some(index);
        }
        self.names.insert(names.own.clone(), index);
        match &mut self.link {
            Some(link) => link.subscribe(&names.own),
            None => self.write(index, &ready()),
        }
        if let Some(client) = &mut self.clients[index] {
            client.names = Some(names);
            self.forward(index, &rest);
        }
    }

    /// Without a partner, nobody hears it.
    fn forward(&mut self, index: usize, bytes: &[u8]) {
        let Some(client) = &self.clients[index] else { return };
        match (&mut self.link, &client.names, client.partner) {
            (Some(link), Some(names), _) if !bytes.is_empty() => link.publish(&names.partner, bytes),
            (None, _, Some(partner)) => self.write(partner, bytes),
            _ => {}
        }
    }

    fn write(&mut self, index: usize, bytes: &[u8]) {
        let Some(Client { stream, outbox, .. }) = &mut self.clients[index] else { return };
        if outbox.write(stream, bytes).is_err() {
            self.close(index);
        }
    }

    fn hear_redis(&mut self) -> anyhow::Result<()> {
        let Self { link: Some(link), clients, names, dirty, buffer, .. } = self else { return Ok(()) };
        link.pushes(buffer, |push| {
            let (Push::Subscribed { channel } | Push::Message { channel, .. }) = push else { return };
            let index = names.get(channel);
            let Some(client) = index.and_then(|&index| clients[index].as_mut()) else { return };
            if client.outbox.is_empty() || client.outbox.len() > FULL {
                dirty.extend(index);
            }
            match push {
                Push::Message { payload, .. } => client.outbox.bytes().extend_from_slice(payload),
                _ => client.outbox.bytes().extend_from_slice(&ready()),
            }
        })
    }

    /// Writes what waits for a client. Then its partner can go on.
    fn flush(&mut self, index: usize) {
        let Some(Client { stream, outbox, partner, .. }) = &mut self.clients[index] else { return };
        if outbox.is_empty() {
            return;
        }
        let partner = *partner;
        if outbox.flush(stream).is_err() || outbox.len() > FULL {
            return self.close(index);
        }
        if outbox.is_empty() {
            self.read_on(partner);
        }
    }

    /// Reads what was left unread as long as its partner didn't take more.
    fn read_on(&mut self, index: Option<usize>) {
        let Some(index) = index else { return };
        if self.clients[index].as_ref().is_some_and(|client| client.unread) {
            self.read(index, true);
        }
    }

    /// The only way to be gone.
    fn close(&mut self, index: usize) {
        let Some(mut client) = self.clients[index].take() else { return };
        // The socket is closed with the client; that it couldn't be taken out before harms nobody.
        let _ = self.registry.deregister(&mut client.stream);
        self.free.push(index);
        if let Some(names) = client.names
            && self.names.get(&names.own) == Some(&index)
        {
            self.names.remove(&names.own);
            if let Some(link) = &mut self.link {
                link.unsubscribe(&names.own);
            }
        }
        if let Some(partner) = client.partner.and_then(|at| self.clients[at].as_mut())
            && partner.partner == Some(index)
        {
            partner.partner = None;
        }
        self.read_on(client.partner);
    }
}

/// The answer to a first message.
fn ready() -> Vec<u8> {
    const READY: &[u8] = b"ready";
    [&(READY.len() as u32).to_be_bytes(), READY].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, net::TcpStream, thread};

    /// More than all buffers on the way hold.
    const MUCH: usize = 24 * 1024 * 1024;

    fn join(server: SocketAddr, names: &str) -> TcpStream {
        let mut client = TcpStream::connect(server).expect("a server");
        let hello = [&u32::try_from(names.len()).expect("short").to_be_bytes(), names.as_bytes()].concat();
        // In two parts, as the network may do.
        for part in [&hello[..3], &hello[3..]] {
            client.write_all(part).expect("an open connection");
            thread::yield_now();
        }
        let mut answer = [0; 9];
        client.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, *ready());
        client
    }

    fn start() -> SocketAddr {
        let (poll, mut relay) = bind("127.0.0.1:0".parse().expect("an address"), None).expect("a port");
        let address = relay.listener.local_addr().expect("an address");
        thread::spawn(move || relay.serve(poll));
        address
    }

    fn bytes(seed: usize) -> Vec<u8> {
        (0..MUCH).map(|n| (n * 31 + n / 256 + seed).to_le_bytes()[0]).collect()
    }

    #[test]
    fn bytes_arrive_in_order_when_the_partner_reads_late() {
        let server = start();
        let [mut ann, mut ben] = ["ann\tben", "ben\tann"].map(|names| join(server, names));
        // Neither reads before both have written more than fits, and so each waits for the other's reader.
        let writers = [(&ann, 1), (&ben, 2)].map(|(client, seed)| {
            let mut client = client.try_clone().expect("a socket");
            thread::spawn(move || client.write_all(&bytes(seed)).expect("an open connection"))
        });
        for (reader, seed) in [(&mut ann, 2), (&mut ben, 1)] {
            let mut heard = vec![0; MUCH];
            reader.read_exact(&mut heard).expect("all bytes");
            assert!(heard == bytes(seed), "the bytes that were sent");
        }
        for writer in writers {
            writer.join().expect("a writer");
        }
    }

    #[test]
    fn who_is_gone_can_come_again() {
        let server = start();
        let mut ann = join(server, "ann\tben");
        drop(join(server, "ben\tann"));
        let mut ben = join(server, "ben\tann");
        ben.write_all(b"here").expect("an open connection");
        let mut heard = [0; 4];
        ann.read_exact(&mut heard).expect("a message");
        assert_eq!(&heard, b"here");
    }
}
