//! A socket of the gateway's, and a client at the other end of a connection of this machine's.
//!
//! The kernel's work isn't counted, only what is done in this process to read and write: tokio's part of a turn too, which
//! many frames share.

use crate::{counted, frames};
use axum::{Router, routing::get};
use std::{
    future::Future,
    hint::black_box,
    io::{Read, Write},
    net::TcpStream,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use switchboard::{
    metrics::Metrics,
    protocol::Text,
    server::{HttpLimits, Serving},
    websocket::{Frame, Outgoing, Socket, Upgrade},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::mpsc};

/// Frames that come in one read, or go in one write. All of them fit into what a socket reads at once.
const FRAMES: u32 = 20;

/// Reads that are counted, or writes.
const TURNS: u32 = 25;

/// Larger than any frame here, in bytes.
const LIMIT: usize = 64 * 1024;

pub(crate) fn read_offer() -> u32 {
    read(&frames::offer())
}

pub(crate) fn read_candidate() -> u32 {
    read(&frames::candidate())
}

pub(crate) fn write_offer() -> u32 {
    write(&frames::offer())
}

pub(crate) fn write_candidate() -> u32 {
    write(&frames::candidate())
}

/// From the kernel to text.
fn read(text: &str) -> u32 {
    with_socket(|runtime, socket, client| {
        let batch = masked(text).repeat(FRAMES as usize);
        for turn in 0..=TURNS {
            client.write_all(&batch).expect("a connection");
            let mut left = FRAMES;
            // Nearly always once: the system may let what was written arrive in two parts.
            while left > 0 {
                let mut work = || {
                    runtime.block_on(socket.ready());
                    while let Some(frame) = socket.take() {
                        let Frame::Text(read) = black_box(frame) else { panic!("{frame:?}") };
                        assert_eq!(read.len(), text.len());
                        left -= 1;
                    }
                };
                count_after_first(turn, &mut work);
            }
            // Ends the turn: the socket gives its memory back.
            runtime.block_on(socket.write(Vec::new())).expect("a connection");
        }
    })
}

/// From text to the kernel.
fn write(text: &str) -> u32 {
    with_socket(|_, socket, client| {
        let text = Text::from(text.to_owned());
        let batch = || (0..FRAMES).map(|_| Outgoing::Text(text.clone())).collect::<Vec<_>>();
        let mut written = vec![0; FRAMES as usize * (4 + text.len())];
        for turn in 0..=TURNS {
            let mut frames = batch();
            let mut work = || {
                let turn = pin!(socket.write(std::mem::take(&mut frames)));
                let Poll::Ready(Ok(())) = turn.poll(&mut Context::from_waker(Waker::noop())) else {
                    panic!("a socket with nothing in it takes this at once");
                };
            };
            count_after_first(turn, &mut work);
            client.read_exact(&mut written).expect("the frames");
        }
    })
}

/// The first turn is uncounted: memory is taken in it.
fn count_after_first(turn: u32, work: &mut dyn FnMut()) {
    if turn == 0 { work() } else { counted(1, work) }
}

/// Runs `turns` with both ends of a connection; says how many frames it counted.
fn with_socket(turns: impl FnOnce(&Runtime, &mut Socket, &mut TcpStream)) -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let (mut socket, mut client) = runtime.block_on(connect());
    turns(&runtime, &mut socket, &mut client);
    TURNS * FRAMES
}

async fn connect() -> (Socket, TcpStream) {
    let (sender, mut sockets) = mpsc::channel(1);
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let upgrade = async move |upgrade: Upgrade| {
        let (response, opening) = upgrade.accept("");
        let (metrics, sender) = (metrics.clone(), sender.clone());
        tokio::spawn(async move {
            let socket = opening.socket(LIMIT, metrics).await.expect("an upgraded connection");
            sender.send(socket).await.expect("a receiver");
        });
        response
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let minute = Duration::from_mins(1);
    let limits = HttpLimits { connections: 1, handshake_timeout: minute, http_timeout: minute };
    let _serving = Serving::start(listener, Router::new().route("/", get(upgrade)), limits);

    let mut client = TcpStream::connect(address).expect("a connection");
    client.set_nodelay(true).expect("a socket");
    client.write_all(REQUEST.as_bytes()).expect("a connection");
    let socket = sockets.recv().await.expect("a socket");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("a response");
        head.extend(byte);
    }
    (socket, client)
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A text frame as a client sends it (RFC 6455, section 5.2).
fn masked(text: &str) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    let length = u16::try_from(text.len()).expect("a short text").to_be_bytes();
    let payload = text.bytes().zip(MASK.into_iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [0x81, 0x80 | 0x7E].into_iter().chain(length).chain(MASK).chain(payload).collect()
}
