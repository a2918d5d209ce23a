//! What Redis takes for a bare PUBLISH: whoever hears a message publishes the next. The CPU is Redis' own account of it.

use super::resp::{self, Push};
use anyhow::{Context, ensure};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

const WARMUP: Duration = Duration::from_millis(500);

#[allow(clippy::print_stdout, reason = "this line is what the process has to say")]
pub(super) fn run(
    redis: SocketAddr,
    under_way: usize,
    size: usize,
    duration: Duration,
) -> anyhow::Result<()> {
    ensure!(under_way > 0, "--under-way must be at least 1, as whoever hears a message publishes the next");
    let mut players = Players::start(redis, under_way, size)?;
    players.play(WARMUP)?;
    let (began, before) = (Instant::now(), cpu(redis)?);
    let messages = players.play(duration)?;
    let (took, cpu) = (began.elapsed().as_secs_f64(), cpu(redis)? - before);
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let count = messages as f64;
    let result = json!({
        "under_way": under_way,
        "size": size,
        "messages": messages,
        "per_second": (count / took).round(),
        "redis_cpu_us_per_message": cpu * 1e6 / count,
    });
    println!("{result}");
    Ok(())
}

/// All who are subscribed and publish, on two connections.
struct Players {
    publisher: TcpStream,
    subscriber: TcpStream,
    payload: Vec<u8>,
    buffer: Vec<u8>,
    pushes: Vec<u8>,
}

impl Players {
    fn start(redis: SocketAddr, under_way: usize, size: usize) -> anyhow::Result<Self> {
        let [publisher, subscriber] = [connect(redis)?, connect(redis)?];
        ignore_replies(publisher.try_clone()?);
        let mut players = Self {
            publisher,
            subscriber,
            payload: vec![b'x'; size],
            buffer: vec![0; 64 * 1024],
            pushes: Vec::new(),
        };
        let mut commands = Vec::new();
        for player in 0..under_way {
            resp::command(&mut commands, &[b"SUBSCRIBE", &channel(player)]);
        }
        players.subscriber.write_all(&commands)?;
        Ok(players)
    }

    /// Each push is followed by a message on its channel: the first ones are the subscriptions' own.
    fn play(&mut self, duration: Duration) -> anyhow::Result<u64> {
        let (until, mut messages) = (Instant::now() + duration, 0);
        while Instant::now() < until {
            let length = self.subscriber.read(&mut self.buffer)?;
            ensure!(length > 0, "Redis closed a connection");
            self.pushes.extend_from_slice(&self.buffer[..length]);
            let (mut commands, mut rest) = (Vec::new(), &self.pushes[..]);
            while let Some((push, after)) = resp::push(rest)? {
                if let Push::Message { channel, .. } | Push::Subscribed { channel } = push {
                    resp::command(&mut commands, &[b"PUBLISH", channel, &self.payload]);
                    messages += 1;
                }
                rest = after;
            }
            let read = self.pushes.len() - rest.len();
            self.pushes.drain(..read);
            self.publisher.write_all(&commands)?;
        }
        Ok(messages)
    }
}

/// As long as a socket's channel would be.
fn channel(player: usize) -> Vec<u8> {
    format!("socket:{player:020}").into_bytes()
}

fn connect(redis: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(redis).with_context(|| format!("Redis at {redis}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Ends with the process.
fn ignore_replies(mut replies: TcpStream) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while replies.read(&mut buffer).is_ok_and(|length| length > 0) {}
    });
}

/// CPU seconds that Redis has taken so far.
fn cpu(redis: SocketAddr) -> anyhow::Result<f64> {
    let mut stream = connect(redis)?;
    let mut command = Vec::new();
    resp::command(&mut command, &[b"INFO", b"cpu"]);
    stream.write_all(&command)?;
    let mut lines = BufReader::new(stream).lines();
    let mut seconds = |name: &str| -> anyhow::Result<f64> {
        let found =
            lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.strip_prefix(name)?.parse()));
        Ok(found.with_context(|| format!("Redis' INFO has no {name}"))??)
    };
    Ok(seconds("used_cpu_sys:")? + seconds("used_cpu_user:")?)
}
