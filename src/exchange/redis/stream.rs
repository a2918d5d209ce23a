//! A partition's stream of events, `<at>events`: what is in an entry (written by `prelude.lua` and `connected.lua`), and who
//! sends it on.
//!
//! | type | fields |
//! | --- | --- |
//! | `socket.connected` | `sid`, `node`, `address` |
//! | `room.opened` | `room`, `version`, `restored` |
//! | `peer.joined` | `room`, `sid`, `node`, `info`, `version`, `restored` |
//! | `peer.left` | `room`, `sid`, `reason`, `version` |
//! | `room.closed` | `room` |
//!
//! Each has a `time`, too: milliseconds of Redis' clock.

use super::{delivery::reason_of, link::Common, partition::Partition, script::Script};
use crate::{
    exchange::{Happening, Sent, Spool, Turn, Waiting, What},
    protocol::{RoomName, SocketId},
};
use anyhow::Context;
use deadpool_redis::Connection;
use futures_util::future::{BoxFuture, FutureExt};
use redis::{Value, from_redis_value};
use serde_json::value::RawValue;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};
use tokio::time::sleep;

/// How often to look whether there is more. It is one call of a script.
const POLL: Duration = Duration::from_millis(100);

/// The events of one partition.
pub(super) struct Stream {
    common: Arc<Common>,
    number: usize,
}

impl Stream {
    pub(super) fn new(common: Arc<Common>, number: usize) -> Self {
        Self { common, number }
    }

    async fn ask(&self, lease: Duration, sent: Option<&Sent>, most: usize) -> anyhow::Result<Vec<Value>> {
        let Common { pools, node, .. } = &*self.common;
        let Partition { at, scripts, .. } = self.partition();
        let server = pools.server_of(self.number).context("there is no link to its server")?;
        let (last, passed) = sent.map_or(("", 0), |sent| (sent.last.as_str(), sent.passed));
        let lease = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let mut call = scripts.get(Script::Hook).key(at);
        call.arg(node).arg(lease).arg(last).arg(passed).arg(most);
        let asking = async |connection: &mut Connection| call.invoke_async(connection).await;
        pools.with_connection(&server, self.common.timeout * 2, asking).await
    }

    fn partition(&self) -> &Partition {
        &self.common.lanes[self.number].partition
    }
}

impl Spool for Stream {
    fn name(&self) -> &str {
        &self.partition().at
    }

    fn lease(&self) -> Duration {
        self.common.lease
    }

    fn turn<'a>(&'a self, sent: Option<&'a Sent>, most: usize) -> BoxFuture<'a, anyhow::Result<Turn>> {
        async move {
            let answer = self.ask(self.lease(), sent, most).await?;
            read_turn(&answer, most).context("an answer that makes no sense")
        }
        .boxed()
    }

    fn give_back<'a>(&'a self, sent: Option<&'a Sent>) -> BoxFuture<'a, anyhow::Result<()>> {
        async move { self.ask(Duration::ZERO, sent, 0).await.map(drop) }.boxed()
    }

    fn more(&self) -> BoxFuture<'_, ()> {
        sleep(POLL).boxed()
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// The answer of `hook.lua`.
fn read_turn(answer: &[Value], most: usize) -> Option<Turn> {
    let number = |value: &Value| from_redis_value::<u64>(value.clone()).ok();
    let [whose, rest @ ..] = answer else { return None };
    if number(whose)? == 0 {
        return Some(Turn::Others(Duration::from_millis(number(rest.first()?)?)));
    }
    let [now, waiting, lost, passed, entries @ ..] = rest else { return None };
    let (now, read_at) = (number(now)?, Instant::now());
    let next = entries.iter().map(|entry| read_entry(entry, now, read_at)).collect::<Option<_>>()?;
    let waiting = if most > 0 { Some(number(waiting)?) } else { None };
    let (again, lost, passed) = (number(whose)? == 2, number(lost)?, number(passed)?);
    Some(Turn::Ours { again, next, waiting, lost, passed })
}

/// An entry of the stream, which was read when Redis' clock said `now`.
fn read_entry(entry: &Value, now: u64, read_at: Instant) -> Option<Waiting> {
    let (id, fields): (String, Value) = from_redis_value(entry.clone()).ok()?;
    let added: u64 = id.split('-').next()?.parse().ok()?;
    let age = Duration::from_millis(now.saturating_sub(added));
    let since = read_at.checked_sub(age).unwrap_or(read_at);
    let happening = from_redis_value(fields).ok().and_then(|fields| read_happening(&fields));
    Some(Waiting { id, since, happening })
}

/// What an entry tells, or `None` where somebody else, or a newer version's node, wrote it.
fn read_happening(fields: &HashMap<String, String>) -> Option<Happening> {
    let text = |name: &str| fields.get(name).map(String::as_str);
    let id = || SocketId::parse(text("sid")?);
    let room = || RoomName::parse(text("room")?);
    let node = || Some(Arc::from(text("node")?));
    let version = || text("version")?.parse().ok();
    let restored = text("restored").is_some();
    let what = match text("type")? {
        "socket.connected" => {
            What::SocketConnected { id: id()?, node: node()?, address: text("address")?.parse().ok() }
        }
        "room.opened" => What::RoomOpened { room: room()?, version: version()?, restored },
        "peer.joined" => {
            let info = Arc::from(RawValue::from_string(text("info")?.to_owned()).ok()?);
            What::PeerJoined { room: room()?, id: id()?, node: node()?, info, version: version()?, restored }
        }
        "peer.left" => {
            let reason = reason_of(text("reason")?)?;
            What::PeerLeft { room: room()?, id: id()?, reason, version: version()? }
        }
        "room.closed" => What::RoomClosed { room: room()? },
        _ => return None,
    };
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(text("time")?.parse().ok()?))?;
    Some(Happening { at, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn entry(id: &str, fields: &[&str]) -> Value {
        Value::Array(vec![bulk(id), Value::Array(fields.iter().map(|field| bulk(field)).collect())])
    }

    #[test]
    fn what_another_one_wrote_is_passed_over() {
        let id = "0123456789abcdefghjk";
        let good =
            ["type", "peer.left", "time", "7", "room", "tea", "sid", id, "reason", "lost", "version", "2"];
        let happening = |fields: &[&str]| {
            let waiting = read_entry(&entry("5-0", fields), 9, Instant::now()).expect("an entry");
            assert_eq!(waiting.id, "5-0");
            waiting.happening
        };
        let left = happening(&good).expect("it can be read");
        assert!(
            matches!(left.what, What::PeerLeft { version: 2, .. })
                && left.at == UNIX_EPOCH + Duration::from_millis(7)
        );
        for (place, other) in [(1, "peer.flown"), (7, "short"), (9, "bored"), (11, "many"), (3, "soon")] {
            let mut fields = good;
            fields[place] = other;
            assert!(happening(&fields).is_none(), "{other}");
        }
        assert!(happening(&["type", "peer.left"]).is_none());
    }

    #[test]
    fn a_turn_is_read() {
        let number = |n| Value::Int(n);
        assert!(
            matches!(read_turn(&[number(0), number(70)], 9), Some(Turn::Others(wait)) if wait.as_millis() == 70)
        );
        let answer =
            [number(2), number(1000), number(3), number(4), number(5), entry("400-0", &["type", "?"])];
        let Some(Turn::Ours { again: true, next, waiting: Some(3), lost: 4, passed: 5 }) =
            read_turn(&answer, 9)
        else {
            panic!("not as it was written")
        };
        assert!(next[0].since.elapsed() >= Duration::from_millis(600), "so long ago");
        assert!(read_turn(&[], 9).is_none() && read_turn(&answer[..4], 9).is_none());
    }
}
