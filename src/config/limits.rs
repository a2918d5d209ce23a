//! What one client, one address and one room may have.

use super::{bytes, values};
use crate::{
    exchange::MailboxLimits,
    protocol::{Info, RoomName},
};
use bytesize::ByteSize;
use clap::Args;
use std::num::{NonZeroU32, NonZeroUsize};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitConfig {
    /// Open WebSockets from one IPv4 address or IPv6 /64; the next one is closed with 4529 rate_limited
    #[arg(long, value_name = "NUMBER", default_value = "1000", value_parser = values::count)]
    pub(super) max_sockets_per_address: NonZeroUsize,

    /// Joins, resumes and new tokens a second from one address, ten seconds' worth at once; more are refused with
    /// rate_limited, at twice the rate with 4529
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = values::rate)]
    pub(super) joins_per_address: NonZeroU32,

    /// Frames a second from one client, ten seconds' worth at once; more are refused with rate_limited, at twice the rate
    /// with 4529
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = values::rate)]
    pub(super) messages_per_socket: NonZeroU32,

    /// The longest name of a room, in bytes, at most 1024; a longer one is refused with bad_room
    #[arg(long, value_name = "NUMBER", default_value = "128", value_parser = room_name)]
    pub(super) max_room_name: usize,

    /// The largest info that a peer may show, at most 64KiB; a larger one is refused with too_large
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = info)]
    pub(super) max_info: ByteSize,

    /// Messages kept for a member that is away or slow; to send it one more is refused with unavailable
    #[arg(long, value_name = "NUMBER", default_value = "1024", value_parser = values::count)]
    pub(super) mailbox_messages: NonZeroUsize,

    /// Memory of the messages kept for a member, likewise
    #[arg(long, value_name = "SIZE", default_value = "512KiB", value_parser = values::size)]
    pub(super) mailbox_bytes: ByteSize,
}

impl LimitConfig {
    pub(super) fn mailbox(&self) -> MailboxLimits {
        MailboxLimits { messages: self.mailbox_messages.get(), bytes: bytes(self.mailbox_bytes) }
    }
}

fn room_name(text: &str) -> Result<usize, String> {
    let length = text.parse().ok().filter(|length| (1..=RoomName::MAX_LEN).contains(length));
    length.ok_or_else(|| format!("takes a whole number from 1 to {}", RoomName::MAX_LEN))
}

fn info(text: &str) -> Result<ByteSize, String> {
    let size = values::size(text).ok().filter(|size| size.as_u64() <= Info::MAX_LEN as u64);
    size.ok_or_else(|| "takes a size from 1KiB to 64KiB".into())
}
