//! A client that does no more than it is told: no pong, no close frame, no check of its own.

use super::Ended;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) struct RawClient(TcpStream);

/// What a WebSocket frame is (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Opcode {
    Text = 1,
    Reserved = 3,
    Close = 8,
}

impl RawClient {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::dial(address).await.shake_hands().await
    }

    /// One that has asked to come into `room`, and reads nothing of it by itself.
    pub(crate) async fn entering(address: SocketAddr, room: &str) -> Self {
        let mut client = Self::connect(address).await;
        let join = format!(r#"{{"eventName":"join","data":{{"room":"{room}"}}}}"#);
        client.send(&[(Opcode::Text, join.as_bytes())]).await;
        client
    }

    /// The first half of what opens a connection.
    pub(crate) async fn dial(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a listening node");
        let request =
            format!("GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
        stream.write_all(request.as_bytes()).await.expect("an open connection");
        Self(stream)
    }

    /// The second half.
    pub(crate) async fn shake_hands(self) -> Self {
        let Self(mut stream) = self;
        let rest = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(rest.as_bytes()).await.expect("an open connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Sends frames in one write. The mask is zero, which leaves the payloads as they are.
    pub(crate) async fn send(&mut self, frames: &[(Opcode, &[u8])]) {
        let mut bytes = Vec::new();
        for (opcode, payload) in frames {
            bytes.push(0x80 | *opcode as u8);
            match u16::try_from(payload.len()) {
                Ok(short @ ..126) => bytes.push(0x80 | short.to_be_bytes()[1]),
                Ok(long) => bytes.extend([&[0x80 + 126], &long.to_be_bytes()[..]].concat()),
                Err(_) => bytes.extend([&[0x80 + 127], &(payload.len() as u64).to_be_bytes()[..]].concat()),
            }
            bytes.extend([0; 4]);
            bytes.extend(*payload);
        }
        self.0.write_all(&bytes).await.expect("an open connection");
    }

    /// Sends so many frames, without an end, of a message without a byte.
    pub(crate) async fn send_empty_fragments(&mut self, count: usize) {
        let mut frames = vec![[0, 0x80, 0, 0, 0, 0]; count];
        frames[0][0] = Opcode::Text as u8;
        self.0.write_all(frames.as_flattened()).await.expect("an open connection");
    }

    /// The next frame's first byte, without its "final" bit, and its payload; `None` once the connection has ended.
    pub(crate) async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.0.read_u8().await.ok()?;
        let length = match self.0.read_u8().await.ok()? {
            126 => usize::from(self.0.read_u16().await.ok()?),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((first & 0x0f, payload))
    }

    /// Waits for the close frame, past whatever comes before it, and returns how many frames came.
    pub(crate) async fn ended(&mut self) -> (Ended, usize) {
        for before in 0.. {
            let (opcode, payload) = self.receive().await.expect("a close frame before the end");
            if opcode == Opcode::Close as u8 {
                let (code, name) = payload.split_at(2);
                let code = u16::from_be_bytes(code.try_into().expect("two bytes"));
                return (Ended::with(code, std::str::from_utf8(name).expect("UTF-8")), before);
            }
        }
        unreachable!("it ends")
    }
}
