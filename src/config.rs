//! Settings: each is a flag, an environment variable and a key of the configuration file, under one name.
//!
//! A flag wins over the environment, the environment over the file, the file over the default. The file's settings are
//! read as flags, so that there is one table of settings and one way to be wrong.

#![allow(clippy::doc_markdown, rustdoc::bare_urls, reason = "what documents a setting is its help text")]

mod admin;
mod auth;
mod edge;
mod events;
mod file;
mod health;
mod ice;
mod limits;
mod secret;
mod traces;
mod values;

pub use self::health::HealthConfig;

use self::{
    admin::AdminConfig, auth::AuthConfig, edge::EdgeConfig, events::EventConfig, ice::IceConfig,
    limits::LimitConfig, traces::TraceConfig, values::RedisUrl,
};
use crate::{
    exchange::{
        MailboxLimits,
        redis::{self, Source},
    },
    gateway::{Limits, OutboxLimits},
    server::Settings,
    session::Rules,
};
use bytesize::ByteSize;
use clap::{
    ArgMatches, Args, CommandFactory, FromArgMatches, Parser, ValueEnum, error::ErrorKind,
    parser::ValueSource,
};
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
    auth: AuthConfig,

    #[command(flatten)]
    rooms: RoomConfig,

    #[command(flatten)]
    ice: IceConfig,

    #[command(flatten)]
    redis: RedisConfig,

    #[command(flatten)]
    edge: EdgeConfig,

    #[command(flatten)]
    sockets: SocketConfig,

    #[command(flatten)]
    limits: LimitConfig,

    #[command(flatten)]
    admin: AdminConfig,

    #[command(flatten)]
    events: EventConfig,

    #[command(flatten)]
    traces: TraceConfig,

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

    /// Where operators connect: /livez, /readyz, /metrics, /drain and the admin API
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

/// What a process is asked to do.
#[derive(Clone, Debug)]
pub enum Task {
    /// To be a node.
    Serve(Box<Config>),
    /// To ask one how it is.
    TellHealth(HealthConfig),
}

impl Task {
    /// Reads what this process is to do. The error prints itself and knows its exit status (2, or 0 for `--help`).
    pub fn from_process() -> Result<Self, clap::Error> {
        Self::read(std::env::args_os().collect())
    }

    /// Reads it from a command line, the environment and the file that they name.
    pub fn read(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let settings = Config::settings_command();
        let health = health::command(&settings);
        let mut command =
            settings.subcommand(health).args_conflicts_with_subcommands(true).disable_help_subcommand(true);
        let matches = matches(&mut command, arguments)?;
        match matches.subcommand_matches(health::NAME) {
            Some(matches) => {
                let health = HealthConfig::from_matches(matches);
                let health = health.map_err(|why| command.error(ErrorKind::ValueValidation, why))?;
                Ok(Self::TellHealth(health))
            }
            None => Ok(Self::Serve(Box::new(Config::from_arg_matches(&matches)?.checked(&mut command)?))),
        }
    }
}

/// Reads a command line and the environment, and what they leave open from the file that they name.
fn matches(command: &mut clap::Command, arguments: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    let matches = command.try_get_matches_from_mut(&arguments)?;
    let (asked, takes) = match matches.subcommand() {
        Some((name, asked)) => (asked, command.find_subcommand(name).expect("it was asked for")),
        None => (&matches, &*command),
    };
    let Some(path) = asked.get_one::<PathBuf>("config").cloned() else { return Ok(matches) };
    let settings = file::read(&path, command)?;
    let open = |id: &str| {
        takes.get_arguments().any(|argument| argument.get_id() == id)
            && !matches!(asked.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    let from_file = settings.into_iter().filter(|setting| open(&setting.id)).map(|setting| setting.flag);
    let all = arguments.into_iter().chain(from_file.collect::<Vec<_>>());
    command.try_get_matches_from_mut(all).map_err(|error| file::blame(&path, &error, command))
}

impl Config {
    /// Reads the settings of a node from a command line, the environment and the file that they name.
    pub fn read(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::settings_command();
        let matches = matches(&mut command, arguments)?;
        Self::from_arg_matches(&matches)?.checked(&mut command)
    }

    /// Refuses what is wrong only together, and URLs that can't be read (without repeating them: they hold passwords).
    fn checked(self, command: &mut clap::Command) -> Result<Self, clap::Error> {
        self.check_limits()
            .and_then(|()| self.ice.check())
            .and_then(|()| self.redis.check())
            .and_then(|()| self.auth.check(self.addresses.listen))
            .and_then(|()| self.admin.check())
            .and_then(|()| self.events.check(!self.redis.redis.is_empty()))
            .and_then(|()| self.traces.check())
            .map_err(|message| command.error(ErrorKind::ValueValidation, message))?;
        Ok(self)
    }

    fn check_limits(&self) -> Result<(), String> {
        /// What a peer takes in the answer to a join, its info aside.
        const PEER_BYTES: u64 = 128;

        /// What a kept message takes beside its frame.
        const MESSAGE_BYTES: u64 = 128;

        let SocketConfig { max_frame, outbox_bytes, .. } = self.sockets;
        let LimitConfig { max_info, mailbox_bytes, mailbox_messages, .. } = self.limits;
        let frames = 2 * max_frame.as_u64();
        let capacity = self.rooms.room_capacity.get() as u64;
        let peers = capacity.saturating_mul(max_info.as_u64() + PEER_BYTES);
        let kept = (mailbox_messages.get() as u64).saturating_mul(MESSAGE_BYTES);
        let return_of_one = peers.saturating_add(mailbox_bytes.as_u64()).saturating_add(kept);
        for (size, name, needed, setting) in [
            (outbox_bytes, "--outbox-bytes", frames, "--max-frame"),
            (mailbox_bytes, "--mailbox-bytes", frames, "--max-frame"),
            (outbox_bytes, "--outbox-bytes", peers, "--room-capacity and --max-info"),
            (outbox_bytes, "--outbox-bytes", return_of_one, "--mailbox-bytes and --mailbox-messages"),
        ] {
            if size.as_u64() < needed {
                return Err(format!("{name} {size} is too small for {setting}: it takes at least {needed}"));
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
        let SocketConfig { max_sockets, max_frame, outbox_messages, outbox_bytes, .. } = self.sockets;
        Settings {
            rules: Rules {
                join_timeout: self.sockets.join_timeout,
                ping_interval: self.sockets.ping_interval,
                ping_timeout: self.sockets.ping_timeout,
                resume_window: self.rooms.resume_window,
                ice: self.ice.settings(),
                max_room_name: self.limits.max_room_name,
                max_info: bytes(self.limits.max_info),
            },
            limits: Limits {
                frame: bytes(max_frame),
                room_capacity: self.rooms.room_capacity,
                sockets: max_sockets.get(),
                sockets_per_address: self.limits.max_sockets_per_address.get(),
                joins_per_address: self.limits.joins_per_address,
                messages_per_socket: self.limits.messages_per_socket,
                outbox: OutboxLimits { messages: outbox_messages.get(), bytes: bytes(outbox_bytes) },
                drain: self.sockets.drain,
            },
            edge: self.edge.settings(),
            mailbox: self.limits.mailbox(),
            handshake_timeout: self.sockets.handshake_timeout,
            http_timeout: self.sockets.http_timeout,
            redis: self.redis.settings(self.limits.mailbox(), self.events.stream_length()),
            auth: self.auth.settings(),
            admin_token: self.admin.settings(),
            spool_length: self.events.stream_length(),
            webhooks: self.events.settings(),
            traces: self.traces.settings(if self.redis.redis.is_empty() { "memory" } else { "redis" }),
        }
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
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

    fn settings(&self, mailbox: MailboxLimits, events: usize) -> Option<redis::Settings> {
        (!self.redis.is_empty()).then(|| redis::Settings {
            sources: self.sources().collect(),
            authority: self.redis_ca.clone(),
            prefix: self.redis_prefix.clone(),
            partitions: self.partitions,
            timeout: self.redis_timeout,
            start_timeout: self.redis_start_timeout,
            lease: self.lease,
            mailbox,
            events,
        })
    }
}

#[cfg(test)]
mod tests;
