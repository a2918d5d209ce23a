//! How settings' values are written. Each error says what the setting takes.

use crate::{
    exchange::redis::Source,
    ice::{StunUrl, TurnUrl},
};
use bytesize::ByteSize;
use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};
use tracing_subscriber::EnvFilter;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "takes IP:PORT, such as 127.0.0.1:8080 or [::]:8080".into())
}

pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "takes a whole number from 1".into())
}

/// So many a second. The largest is as good as none.
pub(super) fn rate(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "takes a whole number from 1 to 4294967295".into())
}

/// A share of a whole.
pub(super) fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "takes a number from 0 to 1, such as 0.01".into())
}

pub(super) fn size(text: &str) -> Result<ByteSize, String> {
    let size = text.parse::<ByteSize>().ok().filter(|size| size.as_u64() >= 1024);
    size.ok_or_else(|| "takes a size of at least 1KiB, such as 64KiB or 65536".into())
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    let time = parse_time(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| "takes a time from 1ms to a year, with its unit, such as 500ms, 10s or 2m".into())
}

pub(super) fn time_or_none(text: &str) -> Result<Duration, String> {
    parse_time(text).ok_or_else(|| "takes a time up to a year, with its unit, such as 0s, 500ms or 2m".into())
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let time = parse_time(text).filter(|time| time.as_secs() > 0);
    time.ok_or_else(|| "takes a time from 1s to a year, with its unit, such as 30s, 10m or 1h".into())
}

fn parse_time(text: &str) -> Option<Duration> {
    /// Longer than any connection, and small enough to add to a clock.
    const LONGEST: Duration = Duration::from_hours(366 * 24);

    humantime::parse_duration(text).ok().filter(|time| *time <= LONGEST)
}

/// A URL of Redis, read or found wrong. It may hold a password, so that what is wrong is told without it, later.
#[derive(Clone, Debug)]
pub(super) struct RedisUrl(pub(super) Result<Source, String>);

#[allow(clippy::unnecessary_wraps, reason = "what a value parser is like")]
pub(super) fn redis_url(text: &str) -> Result<RedisUrl, String> {
    Ok(RedisUrl(Source::parse(text)))
}

pub(super) fn prefix(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let valid = (1..=64).contains(&text.len()) && text.chars().all(plain);
    valid.then(|| text.into()).ok_or_else(|| "takes 1 to 64 letters, digits, '-', '_', '.' or ':'".into())
}

pub(super) fn partitions(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|number| (1..=1024).contains(number));
    number.ok_or_else(|| "takes a whole number from 1 to 1024".into())
}

pub(super) fn stun_url(url: &str) -> Result<StunUrl, String> {
    StunUrl::parse(url).ok_or_else(|| {
        if TurnUrl::parse(url).is_some() {
            return "takes a STUN URL; name a TURN server with --turn-server, and its secret with --turn-secret".into();
        }
        "takes a STUN URL, such as stun:stun.example.org:3478".into()
    })
}

pub(super) fn turn_url(url: &str) -> Result<TurnUrl, String> {
    let takes =
        "takes a TURN URL, such as turn:turn.example.org:3478 or turns:turn.example.org:5349?transport=tcp";
    TurnUrl::parse(url).ok_or_else(|| takes.into())
}

pub(super) fn directives(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) if !text.is_empty() => Ok(text.into()),
        _ => {
            Err("takes error, warn, info, debug or trace, or directives such as switchboard=debug,hyper=warn"
                .into())
        }
    }
}
