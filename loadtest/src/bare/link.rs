//! The two connections of a bare relay to Redis: one publishes, one is subscribed.

use super::{
    outbox::Outbox,
    resp::{self, Push},
};
use anyhow::ensure;
use mio::{Interest, Registry, Token, net::TcpStream};
use std::{
    io::{self, ErrorKind, Read},
    net::SocketAddr,
};

/// More isn't taken from clients while so much waits for Redis.
const FULL: usize = 1024 * 1024;

pub(super) struct Link {
    publisher: Half,
    subscriber: Half,
    /// What of a push has come so far.
    pushes: Vec<u8>,
}

struct Half {
    stream: TcpStream,
    outbox: Outbox,
}

impl Link {
    pub(super) fn open(redis: SocketAddr, registry: &Registry, tokens: [Token; 2]) -> io::Result<Self> {
        let [publisher, subscriber] = tokens.map(|token| Half::open(redis, registry, token));
        Ok(Self { publisher: publisher?, subscriber: subscriber?, pushes: Vec::new() })
    }

    /// Goes with the next flush, as do the others.
    pub(super) fn publish(&mut self, channel: &[u8], payload: &[u8]) {
        resp::command(self.publisher.outbox.bytes(), &[b"PUBLISH", channel, payload]);
    }

    pub(super) fn subscribe(&mut self, channel: &[u8]) {
        resp::command(self.subscriber.outbox.bytes(), &[b"SUBSCRIBE", channel]);
    }

    pub(super) fn unsubscribe(&mut self, channel: &[u8]) {
        resp::command(self.subscriber.outbox.bytes(), &[b"UNSUBSCRIBE", channel]);
    }

    pub(super) fn is_full(&self) -> bool {
        self.publisher.outbox.len() > FULL
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        for half in [&mut self.publisher, &mut self.subscriber] {
            if !half.outbox.is_empty() {
                half.outbox.flush(&mut half.stream)?;
            }
        }
        Ok(())
    }

    /// How many heard each; nobody wants to know.
    pub(super) fn ignore_replies(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        let room = buffer.len();
        while let Some(replies) = read(&mut self.publisher.stream, buffer)? {
            ensure!(!replies.contains(&b'-'), "Redis says {:?}", String::from_utf8_lossy(replies));
            if replies.len() < room {
                break;
            }
        }
        Ok(())
    }

    /// Hands on all that has come.
    pub(super) fn pushes(&mut self, buffer: &mut [u8], mut each: impl FnMut(Push<'_>)) -> anyhow::Result<()> {
        let room = buffer.len();
        while let Some(bytes) = read(&mut self.subscriber.stream, buffer)? {
            // Less than there was room for is all there was; the next edge tells of more.
            let is_all = bytes.len() < room;
            self.pushes.extend_from_slice(bytes);
            let mut rest = &self.pushes[..];
            while let Some((push, after)) = resp::push(rest)? {
                each(push);
                rest = after;
            }
            let read = self.pushes.len() - rest.len();
            self.pushes.drain(..read);
            if is_all {
                break;
            }
        }
        Ok(())
    }
}

impl Half {
    fn open(redis: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        // Connecting is no part of what is measured, so it may block.
        let stream = std::net::TcpStream::connect(redis)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, outbox: Outbox::default() })
    }
}

/// What has come, if anything has; the end is an error, as nothing goes on without Redis.
fn read<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    match stream.read(buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(length) => Ok(Some(&buffer[..length])),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
