//! What is asked of Redis for a member: written as a script call, and its answer read.

use super::{
    connection::{Reply, text_of, write_command},
    delivery,
    partition::Partition,
    script::Script,
    trouble::Fault,
};
use crate::{
    exchange::Entry,
    protocol::{Had, Info, KeyHash, LeaveReason, Peer, RoomName, Signal, SocketId},
    room::{Attachment, Claim, Event, Keys, Lifeline, Member, Refusal, Snapshot},
};
use std::time::Duration;

/// Something that a member asks. Each may be asked again after a lost answer: it takes effect once.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) member: Member,
    pub(super) ask: Ask,
}

#[derive(Debug)]
pub(super) enum Ask {
    Join(Entry),
    Resume(Claim),
    Leave(LeaveReason),
    Detach,
    Post {
        to: SocketId,
        signal: Signal,
    },
    Broadcast(Signal),
    SetInfo(Info),
    Sync {
        /// How many lapses the member had had when it asked.
        lapses: u32,
    },
    /// This is the last message that was delivered: the mailbox need not keep it.
    Trim(Signal),
    /// Its client had these: the mailbox need not keep them.
    Acknowledge(Had),
    /// It is to be as its node knows it.
    Restore(Record),
}

/// What Redis holds of a member.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) info: Info,
    /// Of one that can be resumed.
    pub(super) line: Option<(Keys, Duration)>,
}

/// What the answer to a resume tells.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) snapshot: Snapshot,
    pub(super) mailbox: Vec<Signal>,
    pub(super) info: Info,
    pub(super) window: Duration,
    /// Messages may be lost since it was last taken up.
    pub(super) has_gap: bool,
}

impl Request {
    pub(super) fn script(&self) -> Script {
        match self.ask {
            Ask::Join(_) => Script::Join,
            Ask::Resume(_) => Script::Resume,
            Ask::Leave(_) => Script::Leave,
            Ask::Detach => Script::Detach,
            Ask::Post { .. } => Script::Post,
            Ask::Broadcast(_) => Script::Broadcast,
            Ask::SetInfo(_) => Script::Info,
            Ask::Sync { .. } => Script::Sync,
            Ask::Trim(_) => Script::Trim,
            Ask::Acknowledge(_) => Script::Ack,
            Ask::Restore(_) => Script::Restore,
        }
    }

    /// Roughly how much memory it holds while it waits, in bytes.
    pub(super) fn weight(&self) -> usize {
        let carried = match &self.ask {
            Ask::Join(Entry { info, .. }) | Ask::SetInfo(info) => info.as_str().len(),
            Ask::Post { signal, .. } | Ask::Broadcast(signal) => signal.frame.len(),
            Ask::Resume(Claim { had, .. }) | Ask::Acknowledge(had) => {
                had.len() * size_of::<(SocketId, u64)>()
            }
            // What is shared with the registration counts there.
            Ask::Restore(_) | Ask::Leave(_) | Ask::Detach | Ask::Sync { .. } | Ask::Trim(_) => 0,
        };
        size_of::<Self>() + carried
    }

    /// Roughly how much work it is for Redis, and for the nodes that are told of it, in messages.
    pub(super) fn work(&self) -> usize {
        match self.ask {
            Ask::Post { .. } | Ask::Trim(_) => 1,
            Ask::Sync { .. } | Ask::Acknowledge(_) | Ask::Restore(_) => 4,
            Ask::Resume(_) => 8,
            Ask::Join(_) | Ask::Leave(_) | Ask::Detach | Ask::Broadcast(_) | Ask::SetInfo(_) => 16,
        }
    }

    /// Whether it may be refused when too much waits. The others are few: one or two for each member.
    pub(super) fn is_refusable(&self) -> bool {
        matches!(
            self.ask,
            Ask::Join(_) | Ask::Resume(_) | Ask::Post { .. } | Ask::Broadcast(_) | Ask::SetInfo(_)
        )
    }

    /// Whether it changes which sessions are the node's.
    pub(super) fn moves(&self) -> bool {
        matches!(self.ask, Ask::Join(_) | Ask::Resume(_) | Ask::Leave(_) | Ask::Detach | Ask::Restore(_))
    }

    /// Whether it was refused because the node's lease lapsed: it is to be asked again when that is renewed.
    pub(super) fn lacked_lease(&self, reply: &Reply) -> bool {
        match self.ask {
            Ask::Join(_) | Ask::Resume(_) | Ask::Restore(_) => text_of(reply) == Some("no lease"),
            Ask::SetInfo(_) => *reply == Reply::Integer(-1),
            _ => false,
        }
    }

    /// Writes the call of its script, as said by a node through a link of this number.
    pub(super) fn write(&self, partition: &Partition, node: &str, link: &str, out: &mut Vec<u8>) {
        let Member { room, id, attachment } = &self.member;
        let (room, id, at) = (room.as_str(), id.as_str(), partition.at.as_str());
        let attachment = attachment.to_string();
        let attachment = attachment.as_str();
        let script = self.script();
        let mut call = |key: &str, arguments: &[&str]| {
            write_command(out, &partition.scripts.call(script, key), arguments);
        };
        match &self.ask {
            Ask::Join(Entry { info, capacity, lifeline }) => {
                let capacity = capacity.to_string();
                let entry = [room, id, node, info.as_str(), &capacity, link];
                match lifeline {
                    None => call(at, &entry),
                    Some(Lifeline { key, window }) => {
                        call(at, &[&entry[..], &[&key.to_hex(), &milliseconds(*window)]].concat());
                    }
                }
            }
            Ask::Resume(Claim { key, next, had }) => {
                let (key, next, had) = (key.to_hex(), next.to_hex(), written(had));
                let claim = [room, id, node, attachment, link, &key, &next];
                call(at, &claim.into_iter().chain(had.iter().map(String::as_str)).collect::<Vec<_>>());
            }
            Ask::Leave(reason) => call(at, &[room, id, node, attachment, delivery::reason_name(*reason)]),

            Ask::Post { to, signal } => {
                let mailbox = partition.mailbox(*to, &self.member.room);
                write_message(partition.scripts.call(script, &mailbox), &[], signal, out);
            }
            Ask::Broadcast(signal) => {
                write_message(partition.scripts.call(script, at), &[room, id], signal, out);
            }
            Ask::SetInfo(info) => call(at, &[room, id, node, attachment, info.as_str(), link]),
            Ask::Detach | Ask::Sync { .. } => call(at, &[room, id, node, attachment]),
            Ask::Trim(last) => {
                let mailbox = partition.mailbox_of(&self.member);
                write_message(partition.scripts.call(script, &mailbox), &[], last, out);
            }
            Ask::Acknowledge(had) => {
                let had = written(had);
                call(at, &[room, id].into_iter().chain(had.iter().map(String::as_str)).collect::<Vec<_>>());
            }
            Ask::Restore(Record { info, line }) => {
                let record = [room, id, node, attachment, info.as_str(), link];
                match line {
                    None => call(at, &record),
                    Some((Keys { used, told }, window)) => {
                        let told = told.map(KeyHash::to_hex).unwrap_or_default();
                        let line = [&used.to_hex()[..], &told, &milliseconds(*window)];
                        call(at, &[&record[..], &line].concat());
                    }
                }
            }
        }
    }
}

/// Writes a call whose last argument is a message.
fn write_message(call: [&str; 4], before: &[&str], signal: &Signal, out: &mut Vec<u8>) {
    let message = delivery::write_signal(signal);
    let before = before.iter().map(|argument| argument.as_bytes());
    let arguments: Vec<&[u8]> = before.chain([message.as_slice()]).collect();
    write_command(out, &call, &arguments);
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().to_string()
}

fn written(had: &Had) -> Vec<String> {
    had.iter().flat_map(|(from, n)| [from.to_string(), n.to_string()]).collect()
}

/// A member's mailbox, as a script answers it.
fn read_mailbox(reply: &Reply) -> Option<Vec<Signal>> {
    let Reply::Array(mailbox) = reply else { return None };
    Some(mailbox.iter().filter_map(|message| delivery::read_signal(text_of(message)?)).collect())
}

/// Reads the answer to a join: what the connection hears of it. Where it is not let in, that is the last.
pub(super) fn read_join(reply: &Reply) -> Result<Event, Fault> {
    match text_of(reply) {
        Some("full") => Ok(Event::Refused(Refusal::Full)),
        Some(_) => read_ended(reply),
        None => read_snapshot(reply).map(Event::Joined),
    }
}

/// Reads the answer to a resume; `None` where there is no such session.
pub(super) fn read_resume(reply: &Reply) -> Result<Option<Resumed>, Fault> {
    if text_of(reply) == Some("expired") {
        return Ok(None);
    }
    let read = || {
        let Reply::Array(parts) = reply else { return None };
        let [snapshot, mailbox, info, window, has_gap] = parts.as_slice() else { return None };
        Some(Resumed {
            snapshot: read_snapshot(snapshot).ok()?,
            mailbox: read_mailbox(mailbox)?,
            info: delivery::info_of(text_of(info)?)?,
            window: Duration::from_millis(text_of(window)?.parse().ok()?),
            has_gap: read_number(has_gap).ok()? == 1,
        })
    };
    read().map(Some).ok_or_else(|| garbled("resume"))
}

/// What the answer to a sync tells.
#[derive(Debug)]
pub(super) enum Synced {
    /// Who is there, and what the mailbox holds.
    With(Snapshot, Vec<Signal>),
    /// It isn't this connection's any more: what that hears last.
    Over(Event),
}

/// What the answer to a change tells.
#[derive(Debug)]
pub(super) enum Change {
    /// A number of the script's own.
    Done(i64),
    /// The session is there no more: what its connection hears last.
    Over(Event),
}

/// Reads the answer to a change of a session.
pub(super) fn read_change(reply: &Reply) -> Result<Change, Fault> {
    match reply {
        Reply::Integer(0) => Ok(Change::Over(Event::Removed)),
        Reply::Integer(number) => Ok(Change::Done(*number)),
        Reply::BulkString(_) => read_ended(reply).map(Change::Over),
        _ => Err(garbled("a script")),
    }
}

/// Reads why an operator ended a session.
fn read_ended(reply: &Reply) -> Result<Event, Fault> {
    let reason = text_of(reply).and_then(delivery::reason_of);
    reason.map(Event::Ended).ok_or_else(|| garbled("a script"))
}

/// Reads the answer to a sync.
pub(super) fn read_sync(reply: &Reply) -> Result<Synced, Fault> {
    match reply {
        Reply::Integer(0) => Ok(Synced::Over(Event::Removed)),
        Reply::Integer(_) => Ok(Synced::Over(Event::Replaced)),
        Reply::BulkString(_) => read_ended(reply).map(Synced::Over),
        Reply::Array(parts) => match parts.as_slice() {
            [snapshot, mailbox] => {
                let mailbox = read_mailbox(mailbox).ok_or_else(|| garbled("sync"))?;
                Ok(Synced::With(read_snapshot(snapshot)?, mailbox))
            }
            _ => Err(garbled("sync")),
        },
        _ => Err(garbled("sync")),
    }
}

/// Reads a list of ids.
pub(super) fn read_ids(reply: &Reply) -> Result<Vec<SocketId>, Fault> {
    let Reply::Array(ids) = reply else { return Err(garbled("broadcast")) };
    ids.iter().map(|id| text_of(id).and_then(SocketId::parse).ok_or_else(|| garbled("broadcast"))).collect()
}

/// Reads a number.
pub(super) fn read_number(reply: &Reply) -> Result<i64, Fault> {
    match reply {
        Reply::Integer(number) => Ok(*number),
        _ => Err(garbled("a script")),
    }
}

/// What the answer to a beat tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pulse {
    /// The lease had held until now.
    pub(super) held: bool,
    /// The life of the data, in one process, that this is.
    pub(super) term: String,
    /// How long all are still registering their sessions again.
    pub(super) gathering: Duration,
    /// How many sessions are the node's; `None` from a link that isn't its latest.
    pub(super) sessions: Option<usize>,
    /// Some session's window is over.
    pub(super) expired: bool,
    /// The nodes that let their lease lapse.
    pub(super) dead: Vec<String>,
}

/// Reads the answer to a beat.
pub(super) fn read_beat(reply: &Reply) -> Result<Pulse, Fault> {
    let Reply::Array(parts) = reply else { return Err(garbled("beat")) };
    let [held, term, gathering, sessions, expired, dead @ ..] = parts.as_slice() else {
        return Err(garbled("beat"));
    };
    let gathering = u64::try_from(read_number(gathering)?).unwrap_or_default();
    Ok(Pulse {
        held: read_number(held)? == 1,
        term: text_of(term).ok_or_else(|| garbled("beat"))?.to_owned(),
        gathering: Duration::from_millis(gathering),
        sessions: usize::try_from(read_number(sessions)?).ok(),
        expired: read_number(expired)? == 1,
        dead: dead.iter().filter_map(|node| text_of(node).map(str::to_owned)).collect(),
    })
}

/// Reads the answer to an ack: how many messages are left in the mailbox.
pub(super) fn read_ack(reply: &Reply) -> Result<i64, Fault> {
    match reply {
        Reply::Array(counts) => counts.get(1).map_or(Err(garbled("ack")), read_number),
        _ => Err(garbled("ack")),
    }
}

/// Reads the answer to an audit: the sessions that are the node's. What can't be one isn't the node's business.
pub(super) fn read_audit(reply: &Reply) -> Result<Vec<Member>, Fault> {
    let Reply::Array(parts) = reply else { return Err(garbled("audit")) };
    let members = parts.chunks(3).map(|member| {
        let [id, room, attachment] = member else { return None };
        Some(Member {
            id: SocketId::parse(text_of(id)?)?,
            room: RoomName::parse(text_of(room)?)?,
            attachment: Attachment::parse(text_of(attachment)?)?,
        })
    });
    Ok(members.flatten().collect())
}

/// A version, then of each peer its id, its info, the version that its joining made, and whether it is away.
fn read_snapshot(reply: &Reply) -> Result<Snapshot, Fault> {
    let read = || {
        let Reply::Array(parts) = reply else { return None };
        let (version, peers) = parts.split_first()?;
        let mut peers: Vec<(u64, Peer)> = peers
            .chunks(4)
            .map(|peer| {
                let [id, info, joined, away] = peer else { return None };
                let (id, info) = (SocketId::parse(text_of(id)?)?, delivery::info_of(text_of(info)?)?);
                let peer = Peer { id, info, away: text_of(away)? == "1" };
                Some((text_of(joined)?.parse().ok()?, peer))
            })
            .collect::<Option<_>>()?;
        peers.sort_by_key(|(joined, _)| *joined);
        let peers = peers.into_iter().map(|(_, peer)| peer).collect();
        Some(Snapshot { version: text_of(version)?.parse().ok()?, peers })
    };
    read().ok_or_else(|| garbled("a snapshot"))
}

fn garbled(what: &str) -> Fault {
    Fault::Garbled(format!("{what} was answered in another shape"))
}
