//! A node of the relay benchmark that is nothing but Redis: PUBLISH or SPUBLISH, one channel for each partner, no mailbox and
//! no script. What the exchange takes beyond this is its own.

use crate::partner::{Batches, Game};
use bytes::BytesMut;
use redis_protocol::resp2::{decode::decode_bytes_mut, types::BytesFrame};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc::{UnboundedSender, unbounded_channel},
};

/// Who plays all partners of a node.
pub(crate) struct Player {
    game: Arc<Game>,
    publish: &'static str,
    out: OwnedWriteHalf,
    commands: BytesMut,
    pending: u32,
    /// Of each pair, what was sent and heard.
    pairs: Vec<(u64, u64)>,
    counts: Arc<Counts>,
}

#[derive(Default)]
pub(crate) struct Counts {
    commands: AtomicU32,
    writes: AtomicU32,
}

pub(crate) async fn start(transport: &str, port: &str, game: Arc<Game>) -> Arc<Counts> {
    let (subscribe, publish) = match transport {
        "PUBLISH" => ("SUBSCRIBE", "PUBLISH"),
        "SPUBLISH" => ("SSUBSCRIBE", "SPUBLISH"),
        other => panic!("a transport: {other}"),
    };
    let (replies, out) = connect(port).await;
    let (mut pushes, mut subscriptions) = connect(port).await;
    let mut commands = BytesMut::new();
    for pair in 0..game.pairs {
        write(&mut commands, &[subscribe, &channel(pair, game.is_left)]);
    }
    subscriptions.write_all(&commands).await.expect("an open connection");
    let mut buffer = BytesMut::new();
    for _ in 0..game.pairs {
        reply(&mut pushes, &mut buffer).await;
        game.is_ready();
    }
    tokio::spawn(ignore(replies));
    let counts = Arc::new(Counts::default());
    let pairs = vec![(0, 0); game.pairs];
    let player =
        Player { game, publish, out, commands: BytesMut::new(), pending: 0, pairs, counts: counts.clone() };
    tokio::spawn(player.play(pushes, subscriptions, buffer));
    counts
}

impl Player {
    /// `_subscriptions` keeps the connection open.
    async fn play(mut self, mut pushes: OwnedReadHalf, _subscriptions: OwnedWriteHalf, mut buffer: BytesMut) {
        if self.game.serves > 0 {
            self.game.started().await;
        }
        let (turns, mut turn) = unbounded_channel();
        for pair in (0..self.game.pairs).flat_map(|pair| (0..self.game.serves).map(move |_| pair)) {
            let (game, turns) = (self.game.clone(), turns.clone());
            tokio::spawn(async move {
                game.spread().await;
                turns.send(pair)
            });
        }
        loop {
            self.flush().await;
            tokio::select! {
                push = reply(&mut pushes, &mut buffer) => {
                    self.hear(&push, &turns);
                    while let Some(push) = ready(&mut buffer) {
                        self.hear(&push, &turns);
                    }
                }
                Some(pair) = turn.recv() => {
                    self.send(pair);
                    while let Ok(pair) = turn.try_recv() {
                        self.send(pair);
                    }
                }
            }
        }
    }

    fn hear(&mut self, push: &BytesFrame, turns: &UnboundedSender<usize>) {
        let BytesFrame::Array(parts) = push else { panic!("a push: {push:?}") };
        let [_, BytesFrame::BulkString(channel), BytesFrame::BulkString(frame)] = &parts[..] else {
            panic!("a message: {push:?}")
        };
        let channel = str::from_utf8(channel).expect("text");
        let pair = channel.split(':').nth(1).and_then(|pair| pair.parse().ok()).expect("our channel");
        let frame = str::from_utf8(frame).expect("text");
        if self.game.hear(pair, &mut self.pairs[pair].1, frame) {
            if self.game.pause.is_zero() {
                return self.send(pair);
            }
            let (game, turns) = (self.game.clone(), turns.clone());
            tokio::spawn(async move {
                game.pause().await;
                turns.send(pair)
            });
        }
    }

    fn send(&mut self, pair: usize) {
        let frame = self.game.next(pair, &mut self.pairs[pair].0);
        write(&mut self.commands, &[self.publish, &channel(pair, !self.game.is_left), &frame]);
        self.pending += 1;
    }

    async fn flush(&mut self) {
        if self.pending > 0 {
            self.counts.commands.fetch_add(std::mem::take(&mut self.pending), Ordering::Relaxed);
            self.counts.writes.fetch_add(1, Ordering::Relaxed);
            self.out.write_all(&self.commands.split()).await.expect("an open connection");
        }
    }
}

impl Batches for Arc<Counts> {
    fn batches(&self) -> String {
        let [commands, writes] = [&self.commands, &self.writes].map(|count| count.load(Ordering::Relaxed));
        format!("{commands} {writes}")
    }
}

/// As long as the exchange's channel of a room with such a name.
fn channel(pair: usize, of_left: bool) -> String {
    format!("sb-as-long-as-a-mailbox-{}:{pair}", if of_left { "left" } else { "right" })
}

async fn connect(port: &str) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.expect("a server");
    stream.set_nodelay(true).expect("a socket");
    stream.into_split()
}

fn write(out: &mut BytesMut, words: &[&str]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// The next that is here already.
fn ready(buffer: &mut BytesMut) -> Option<BytesFrame> {
    decode_bytes_mut(buffer).expect("RESP").map(|(frame, ..)| frame)
}

async fn reply(from: &mut OwnedReadHalf, buffer: &mut BytesMut) -> BytesFrame {
    loop {
        if let Some(frame) = ready(buffer) {
            return frame;
        }
        buffer.reserve(64 * 1024);
        assert!(from.read_buf(buffer).await.expect("an open connection") > 0, "it goes on");
    }
}

/// How many heard each.
async fn ignore(mut replies: OwnedReadHalf) {
    let mut buffer = vec![0; 64 * 1024];
    while replies.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
}
