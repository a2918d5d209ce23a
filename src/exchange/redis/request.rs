//! What is asked of Redis for a member: written as a script call, and its answer read.

use super::{
    connection::{Reply, text_of, write_command},
    delivery,
    partition::Partition,
    script::Script,
    trouble::Fault,
};
use crate::{
    protocol::{Info, LeaveReason, Peer, Signal, SocketId},
    room::{Member, Snapshot},
};
use std::num::NonZeroUsize;

/// Something that a member asks. Each may be asked again after a lost answer: it takes effect once.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) member: Member,
    pub(super) ask: Ask,
}

#[derive(Debug)]
pub(super) enum Ask {
    Join {
        info: Info,
        capacity: NonZeroUsize,
    },
    Leave(LeaveReason),
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
}

impl Request {
    pub(super) fn script(&self) -> Script {
        match self.ask {
            Ask::Join { .. } => Script::Join,
            Ask::Leave(_) => Script::Leave,
            Ask::Post { .. } => Script::Post,
            Ask::Broadcast(_) => Script::Broadcast,
            Ask::SetInfo(_) => Script::Info,
            Ask::Sync { .. } => Script::Sync,
            Ask::Trim(_) => Script::Trim,
        }
    }

    /// Roughly how much memory it holds while it waits, in bytes.
    pub(super) fn weight(&self) -> usize {
        let carried = match &self.ask {
            Ask::Join { info, .. } | Ask::SetInfo(info) => info.as_str().len(),
            Ask::Post { signal, .. } | Ask::Broadcast(signal) => signal.frame.len(),
            Ask::Leave(_) | Ask::Sync { .. } | Ask::Trim(_) => 0,
        };
        size_of::<Self>() + carried
    }

    /// Roughly how much work it is for Redis, and for the nodes that are told of it, in messages.
    pub(super) fn work(&self) -> usize {
        match self.ask {
            Ask::Post { .. } | Ask::Trim(_) => 1,
            Ask::Sync { .. } => 4,
            Ask::Join { .. } | Ask::Leave(_) | Ask::Broadcast(_) | Ask::SetInfo(_) => 16,
        }
    }

    /// Whether it may be refused when too much waits. The others are few: one or two for each member.
    pub(super) fn is_refusable(&self) -> bool {
        matches!(self.ask, Ask::Join { .. } | Ask::Post { .. } | Ask::Broadcast(_) | Ask::SetInfo(_))
    }

    /// Whether it was refused because the node's lease lapsed: it is to be asked again when that is renewed.
    pub(super) fn lacked_lease(&self, reply: &Reply) -> bool {
        match self.ask {
            Ask::Join { .. } => text_of(reply) == Some("no lease"),
            Ask::SetInfo(_) => *reply == Reply::Integer(-1),
            _ => false,
        }
    }

    /// Writes the call of its script, as said by a node through a link of this number.
    pub(super) fn write(&self, partition: &Partition, node: &str, link: &str, out: &mut Vec<u8>) {
        let Member { room, id } = &self.member;
        let (room, id, at) = (room.as_str(), id.as_str(), partition.at.as_str());
        let script = self.script();
        let mut call = |key: &str, arguments: &[&str]| {
            write_command(out, &script.call(key), arguments);
        };
        match &self.ask {
            Ask::Join { info, capacity } => {
                call(at, &[room, id, node, info.as_str(), &capacity.to_string(), link]);
            }
            Ask::Leave(reason) => call(at, &[room, id, node, delivery::reason_name(*reason)]),
            Ask::Post { to, signal } => {
                call(&partition.mailbox(*to, &self.member.room), &[&delivery::write_signal(signal)]);
            }
            Ask::Broadcast(signal) => call(at, &[room, id, &delivery::write_signal(signal)]),
            Ask::SetInfo(info) => call(at, &[room, id, node, info.as_str(), link]),
            Ask::Sync { .. } => call(at, &[room, id, node]),
            Ask::Trim(last) => call(&partition.mailbox_of(&self.member), &[&delivery::write_signal(last)]),
        }
    }
}

/// Reads the answer to a join: a snapshot, or `None` where the room is full.
pub(super) fn read_join(reply: &Reply) -> Result<Option<Snapshot>, Fault> {
    match text_of(reply) {
        Some("full") => Ok(None),
        _ => read_snapshot(reply).map(Some),
    }
}

/// Reads the answer to a sync: a snapshot and what the mailbox holds; or `None` where the member is there no more.
pub(super) fn read_sync(reply: &Reply) -> Result<Option<(Snapshot, Vec<Signal>)>, Fault> {
    match reply {
        Reply::Null => Ok(None),
        Reply::Array(parts) => match parts.as_slice() {
            [snapshot, Reply::Array(mailbox)] => {
                let messages = mailbox.iter().filter_map(|message| delivery::read_signal(text_of(message)?));
                Ok(Some((read_snapshot(snapshot)?, messages.collect())))
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

/// Reads the answer to a beat: whether the lease had held until now, and whose had not.
pub(super) fn read_beat(reply: &Reply) -> Result<(bool, Vec<String>), Fault> {
    let Reply::Array(parts) = reply else { return Err(garbled("beat")) };
    let [held, dead @ ..] = parts.as_slice() else { return Err(garbled("beat")) };
    let dead = dead.iter().filter_map(|node| text_of(node).map(str::to_owned)).collect();
    Ok((read_number(held)? == 1, dead))
}

/// A version, then of each peer its id, its info, and the version that its joining made.
fn read_snapshot(reply: &Reply) -> Result<Snapshot, Fault> {
    let read = || {
        let Reply::Array(parts) = reply else { return None };
        let (version, peers) = parts.split_first()?;
        let mut peers: Vec<(u64, Peer)> = peers
            .chunks(3)
            .map(|peer| {
                let [id, info, joined] = peer else { return None };
                let peer =
                    Peer { id: SocketId::parse(text_of(id)?)?, info: delivery::info_of(text_of(info)?)? };
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
