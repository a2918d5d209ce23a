//! Settings: each is a flag, an environment variable and a key of the configuration file, under one name.
//!
//! A flag wins over the environment, the environment over the file, the file over the default. The file's settings are
//! read as flags, so that there is one table of settings and one way to be wrong.

#![allow(clippy::doc_markdown, reason = "what documents a setting is its help text")]

mod file;
mod values;

use self::values::RedisUrl;
use crate::{
    exchange::redis::{self, Source},
    gateway::{Limits, OutboxLimits},
    protocol::{IceServer, Info},
    server::Settings,
    session::Rules,
};
use bytesize::ByteSize;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum, error::ErrorKind, parser::ValueSource};
use std::{ffi::OsString, net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

/// A WebRTC signaling gateway: people open a page, name a room, and their browsers find each other.
///
/// Each setting is a flag (--room-capacity 8), an environment variable (SWITCHBOARD_ROOM_CAPACITY=8) and a key of the
/// file that --config names (room-capacity = 8). A flag wins over the environment, the environment over the file.
#[derive(Clone, Debug, Parser)]
#[command(name = "switchboard", version, max_term_width = 100)]
pub struct Config {
    /// A TOML file of settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    addresses: AddressConfig,

    #[command(flatten)]
    rooms: RoomConfig,

    #[command(flatten)]
    redis: RedisConfig,

    #[command(flatten)]
    sockets: SocketConfig,

    /// What is logged, and how.
    #[command(flatten)]
    pub log: LogConfig,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Addresses")]
struct AddressConfig {
    /// Where clients connect: the WebSocket, the demo room and the SDK; port 0 is any free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080", value_parser = values::address)]
    listen: SocketAddr,

    /// Where operators connect: /livez, /readyz, /metrics and /drain
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:9090", value_parser = values::address)]
    admin_listen: SocketAddr,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rooms")]
struct RoomConfig {
    /// Members of a room; the next one is refused with room_full
    #[arg(long, value_name = "NUMBER", default_value = "64", value_parser = values::count)]
    room_capacity: NonZeroUsize,

    /// Time for a client that lost its connection to come back to its place in the room, if it asked for that at its join
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::time)]
    resume_window: Duration,

    /// A STUN server that clients are told of, such as stun:stun.example.org:3478; may be repeated
    #[arg(long, value_name = "URL", value_parser = values::ice_server)]
    ice_server: Vec<String>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Redis")]
struct RedisConfig {
    /// Where rooms are shared with other nodes: redis://, redis+sentinel:// or redis+cluster://; repeated, rooms are
    /// spread over independent servers; none, and rooms are in this node's memory
    #[arg(long, value_name = "URL", value_delimiter = ' ', value_parser = values::redis_url)]
    redis: Vec<RedisUrl>,

    /// A PEM file of the certificate authorities that rediss:// servers are signed by; else the system's
    #[arg(long, value_name = "FILE")]
    redis_ca: Option<PathBuf>,

    /// How the names of all keys and channels in Redis begin; deployments with other prefixes don't meet
    #[arg(long, value_name = "NAME", default_value = "sb", value_parser = values::prefix)]
    redis_prefix: String,

    /// Shares that rooms are spread over; the same on every node of a deployment
    #[arg(long, value_name = "NUMBER", default_value = "16", value_parser = values::partitions)]
    partitions: u16,

    /// Time for Redis to accept a connection, to answer, and to pass on what is published; then the link is made anew
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = values::time)]
    redis_timeout: Duration,

    /// Time to wait for Redis when the node starts
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::time)]
    redis_start_timeout: Duration,

    /// Silence of a node before the others remove its sessions; at least three times --redis-timeout
    #[arg(long, value_name = "TIME", default_value = "6s", value_parser = values::time)]
    lease: Duration,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sockets")]
struct SocketConfig {
    /// Open WebSockets on this node; the next one is closed with 1013 overloaded
    #[arg(long, value_name = "NUMBER", default_value = "10000", value_parser = values::count)]
    max_sockets: NonZeroUsize,

    /// The largest frame a client may send; a larger one ends its connection with 1009 too_big
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = values::size)]
    max_frame: ByteSize,

    /// Events that may wait for a slow client; one more ends its connection with 4508 slow_consumer
    #[arg(long, value_name = "NUMBER", default_value = "4096", value_parser = values::count)]
    outbox_messages: NonZeroUsize,

    /// Memory of the events that may wait for a slow client, likewise
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = values::size)]
    outbox_bytes: ByteSize,

    /// Time for a client to send the head of its request
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::time)]
    handshake_timeout: Duration,

    /// The longest that an HTTP connection may last which doesn't become a WebSocket
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = values::time)]
    http_timeout: Duration,

    /// Time for a client to join a room; then its connection ends with 4408 join_timeout
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::time)]
    join_timeout: Duration,

    /// Silence of a client before it is pinged
    #[arg(long, value_name = "TIME", default_value = "25s", value_parser = values::time)]
    ping_interval: Duration,

    /// Silence after the ping before its connection ends with 4504 ping_timeout
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = values::time)]
    ping_timeout: Duration,

    /// Time over which a node that is asked to stop sends its clients elsewhere; 0s, and all are closed at once
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::time_or_none)]
    drain: Duration,
}

/// Logging.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub struct LogConfig {
    /// What to log: error, warn, info, debug or trace, or directives such as switchboard=debug
    #[arg(long = "log", value_name = "LEVEL", default_value = "info", value_parser = values::directives)]
    pub directives: String,

    /// How to write it: for people, or one JSON object a line
    #[arg(long = "log-format", value_name = "FORMAT", default_value = "text")]
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For a terminal.
    Text,
    /// One object a line.
    Json,
}

impl Config {
    /// Reads the settings of this process. The error prints itself and knows its exit status (2, or 0 for `--help`).
    pub fn from_process() -> Result<Self, clap::Error> {
        Self::read(std::env::args_os().collect())
    }

    /// Reads the settings from a command line, the environment and the file that they name.
    pub fn read(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::settings_command();
        let mut matches = command.try_get_matches_from_mut(&arguments)?;
        let config = Self::from_arg_matches(&matches)?;
        let Some(path) = config.config else { return config.checked(&mut command) };

        let settings = file::read(&path, &command)?;
        let unset = |id: &str| {
            matches.value_source(id) != Some(ValueSource::CommandLine)
                && matches.value_source(id) != Some(ValueSource::EnvVariable)
        };
        let from_file = settings.into_iter().filter(|setting| unset(&setting.id)).map(|setting| setting.flag);
        let all = arguments.into_iter().chain(from_file.collect::<Vec<_>>());
        matches = command
            .try_get_matches_from_mut(all)
            .map_err(|error| file::blame(&path, &error, &mut command))?;
        Self::from_arg_matches(&matches)?.checked(&mut command)
    }

    /// Refuses what is wrong only together, and URLs that can't be read (without repeating them: they hold passwords).
    fn checked(self, command: &mut clap::Command) -> Result<Self, clap::Error> {
        self.check_limits()
            .and_then(|()| self.redis.check())
            .map_err(|message| command.error(ErrorKind::ValueValidation, message))?;
        Ok(self)
    }

    fn check_limits(&self) -> Result<(), String> {
        /// What a peer takes in the answer to a join, its info aside.
        const PEER_BYTES: u64 = 128;

        let SocketConfig { max_frame, outbox_bytes, .. } = self.sockets;
        let peers = self.rooms.room_capacity.get() as u64 * (Info::MAX_LEN as u64 + PEER_BYTES);
        for (needed, setting) in [(2 * max_frame.as_u64(), "--max-frame"), (peers, "--room-capacity")] {
            if outbox_bytes.as_u64() < needed {
                return Err(format!(
                    "--outbox-bytes {outbox_bytes} is too small for {setting}: it takes at least {needed}"
                ));
            }
        }
        Ok(())
    }

    /// The command, with the environment variable of each flag.
    pub fn settings_command() -> clap::Command {
        Self::command().mut_args(|argument| match argument.get_long() {
            Some(flag) => {
                let variable = format!("SWITCHBOARD_{}", flag.to_uppercase().replace('-', "_"));
                argument.env(variable).hide_env(true)
            }
            None => argument,
        })
    }

    /// Where to listen, for clients and for operators.
    pub fn addresses(&self) -> (SocketAddr, SocketAddr) {
        (self.addresses.listen, self.addresses.admin_listen)
    }

    /// The server's own settings.
    pub fn server(&self) -> Settings {
        let bytes = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        let SocketConfig { max_sockets, max_frame, outbox_messages, outbox_bytes, .. } = self.sockets;
        Settings {
            rules: Rules {
                join_timeout: self.sockets.join_timeout,
                ping_interval: self.sockets.ping_interval,
                ping_timeout: self.sockets.ping_timeout,
                resume_window: self.rooms.resume_window,
                ice_servers: self
                    .rooms
                    .ice_server
                    .iter()
                    .map(|url| IceServer { urls: vec![url.clone()] })
                    .collect(),
            },
            limits: Limits {
                frame: bytes(max_frame),
                room_capacity: self.rooms.room_capacity,
                sockets: max_sockets.get(),
                outbox: OutboxLimits { messages: outbox_messages.get(), bytes: bytes(outbox_bytes) },
                drain: self.sockets.drain,
            },
            handshake_timeout: self.sockets.handshake_timeout,
            http_timeout: self.sockets.http_timeout,
            redis: self.redis.settings(),
        }
    }
}

impl RedisConfig {
    fn check(&self) -> Result<(), String> {
        for url in &self.redis {
            if let Err(why) = &url.0 {
                return Err(format!("--redis {why}"));
            }
        }
        let sources: Vec<_> = self.sources().collect();
        if sources.len() > 1 && sources.iter().any(Source::is_cluster) {
            return Err("--redis names a cluster, and something else: a cluster is the whole of it".into());
        }
        if (1..sources.len()).any(|later| sources[..later].contains(&sources[later])) {
            return Err("--redis names the same server twice".into());
        }
        if self.lease < self.redis_timeout * 3 {
            return Err("--lease must be at least three times --redis-timeout".into());
        }
        Ok(())
    }

    fn sources(&self) -> impl Iterator<Item = Source> {
        self.redis.iter().filter_map(|url| url.0.clone().ok())
    }

    fn settings(&self) -> Option<redis::Settings> {
        (!self.redis.is_empty()).then(|| redis::Settings {
            sources: self.sources().collect(),
            authority: self.redis_ca.clone(),
            prefix: self.redis_prefix.clone(),
            partitions: self.partitions,
            timeout: self.redis_timeout,
            start_timeout: self.redis_start_timeout,
            lease: self.lease,
        })
    }
}

#[cfg(test)]
mod tests;
