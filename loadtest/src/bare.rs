//! The limits: servers that do next to nothing, so that it is known what a relay costs at the least on this machine.
//!
//! - `relay`: epoll, one read and one write a message, no parsing; with Redis between two of them, a bare PUBLISH more
//! - `echo`: WebSocket frames sent back by the library that most use
//! - `pubsub`: what Redis takes for a PUBLISH, without any sockets of clients

mod echo;
mod link;
mod outbox;
mod pubsub;
mod relay;
mod resp;

use clap::Subcommand;
use std::{net::SocketAddr, time::Duration};

#[derive(Debug, Subcommand)]
pub(crate) enum Bare {
    /// Passes bytes between the two of each pair, unread
    Relay {
        /// Where clients connect; port 0 is any free one
        #[arg(long, value_name = "IP:PORT")]
        listen: SocketAddr,

        /// The Redis that several of these share, so that the two of a pair can be at different ones
        #[arg(long, value_name = "IP:PORT")]
        redis: Option<SocketAddr>,
    },
    /// Sends WebSocket frames back
    Echo {
        /// Where clients connect; port 0 is any free one
        #[arg(long, value_name = "IP:PORT")]
        listen: SocketAddr,
    },
    /// Measures what Redis takes for a bare PUBLISH
    Pubsub {
        /// The Redis to measure
        #[arg(long, value_name = "IP:PORT")]
        redis: SocketAddr,

        /// Messages under way at any time, each on a channel of its own
        #[arg(long, value_name = "NUMBER", default_value = "32")]
        under_way: usize,

        /// Bytes of a message
        #[arg(long, value_name = "BYTES", default_value = "300")]
        size: usize,

        /// How long to measure
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
        duration: Duration,
    },
}

/// Serves until the process is ended; `Pubsub` prints one line of JSON and returns.
pub(crate) fn run(what: &Bare) -> anyhow::Result<()> {
    match *what {
        Bare::Relay { listen, redis } => relay::run(listen, redis),
        Bare::Echo { listen } => echo::run(listen),
        Bare::Pubsub { redis, under_way, size, duration } => pubsub::run(redis, under_way, size, duration),
    }
}

/// Whoever started it waits for this line.
#[allow(clippy::print_stdout, reason = "this line is what the process has to say")]
fn introduce(address: SocketAddr) {
    println!("listening on {address}");
}
