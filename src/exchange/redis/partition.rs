//! Partitions: which rooms share a server, and the names of their keys and channels.
//!
//! All keys and channels of a partition share a hash tag, and so a slot of Redis Cluster: every script is atomic and
//! legal, whatever the topology.

use super::script::{Constants, Scripts};
use crate::{
    protocol::{RoomName, SocketId},
    room::Member,
};
use redis_protocol::redis_keyslot;
use std::sync::Arc;

/// The number of slots of a Redis Cluster.
pub(super) const SLOTS: u16 = 16384;

/// How rooms are spread, for the whole of a deployment.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    prefix: String,
    partitions: Vec<Partition>,
}

/// One share of the rooms.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    /// The beginning of the names of its keys and channels, such as `sb:{0-12}:`.
    pub(super) at: String,
    /// Its slot in a Redis Cluster.
    pub(super) slot: u16,
    /// What happens in it.
    pub(super) scripts: Arc<Scripts>,
}

impl Layout {
    pub(super) fn new(prefix: &str, partitions: u16, constants: &Constants) -> Self {
        let scripts = Arc::new(Scripts::new(constants));
        let partition = |number| Partition::new(prefix, number, partitions, scripts.clone());
        let partitions = (0..partitions).map(partition).collect();
        Self { prefix: prefix.into(), partitions }
    }

    pub(super) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The partition of a room, by number: the CRC16 that Redis Cluster takes of a key.
    pub(super) fn of(&self, room: &RoomName) -> usize {
        usize::from(redis_keyslot(room.as_str().as_bytes())) % self.partitions.len()
    }

    /// The partition that tells of a connection without a room.
    pub(super) fn of_socket(&self, id: SocketId) -> usize {
        usize::from(redis_keyslot(id.as_str().as_bytes())) % self.partitions.len()
    }

    /// The key that says what the deployment is like.
    pub(super) fn deployment_key(&self) -> String {
        format!("{}:deployment", self.prefix)
    }

    /// The partition, the member and the room that a channel belongs to.
    pub(super) fn owner_of<'a>(&self, channel: &'a [u8]) -> Option<(usize, SocketId, &'a [u8])> {
        let tagged = channel.get(self.prefix.len() + 2..)?;
        let digits = tagged.iter().position(|byte| *byte == b'-')?;
        let number: usize = str::from_utf8(&tagged[..digits]).ok()?.parse().ok()?;
        let name = channel.strip_prefix(self.partitions.get(number)?.at.as_bytes())?.strip_prefix(b"q:")?;
        let (id, room) = name.split_at_checked(SocketId::LEN)?;
        Some((number, SocketId::parse(str::from_utf8(id).ok()?)?, room.strip_prefix(b":")?))
    }
}

impl Partition {
    /// Its tag is the first whose slot lies in the partition's own share of all slots, so that partitions spread evenly
    /// over the nodes of a cluster, which own ranges of slots.
    fn new(prefix: &str, number: u16, of: u16, scripts: Arc<Scripts>) -> Self {
        let share = |number: u16| u32::from(number) * u32::from(SLOTS) / u32::from(of);
        let own = share(number)..share(number + 1);
        let tagged = |salt| {
            let at = format!("{prefix}:{{{number}-{salt}}}:");
            (redis_keyslot(at.as_bytes()), at)
        };
        let mut candidates = (0..u32::MAX).map(tagged);
        let hit = candidates.find(|(slot, _)| own.contains(&u32::from(*slot)));
        let (slot, at) = hit.expect("some salt hits any range");
        Self { at, slot, scripts }
    }

    /// A member's mailbox, which is also the name of its channel.
    pub(super) fn mailbox(&self, id: SocketId, room: &RoomName) -> String {
        [&self.at, "q:", id.as_str(), ":", room.as_str()].concat()
    }

    pub(super) fn mailbox_of(&self, member: &Member) -> String {
        self.mailbox(member.id, &member.room)
    }

    /// The channel of a node's own probe.
    pub(super) fn probe(&self, node: &str) -> String {
        format!("{}hb:{node}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    #[test]
    fn partitions_spread_evenly_over_the_slots() {
        for count in [1, 3, 16, 1000] {
            let layout = Layout::new("sb", count, &Constants::of_tests());
            let share = usize::from(SLOTS / count);
            for (number, partition) in layout.partitions().iter().enumerate() {
                let (slot, begin) =
                    (usize::from(partition.slot), number * usize::from(SLOTS) / usize::from(count));
                assert!((begin..=begin + share).contains(&slot), "{partition:?} of {count}");
            }
        }
    }

    #[test]
    fn a_rooms_partition_never_changes() {
        let layout = Layout::new("sb", 16, &Constants::of_tests());
        let placed = ["a", "lobby", "房间", "a {b} c"].map(|name| layout.of(&room(name)));
        assert_eq!(placed, [7, 6, 8, 4], "every node of every version must agree");
    }

    #[test]
    fn a_channel_leads_back_to_its_member() {
        let layout = Layout::new("my app", 16, &Constants::of_tests());
        let id = SocketId::from_random([7; SocketId::LEN]);
        for name in ["a", "x:y", "{b}", "3-4"] {
            let member = Member::new(room(name), id);
            let number = layout.of(&member.room);
            let channel = layout.partitions()[number].mailbox_of(&member);
            assert_eq!(layout.owner_of(channel.as_bytes()), Some((number, id, name.as_bytes())));
        }
        for stranger in ["", "my app", "my app:{99-1}:q:", "my app:{0-0}:q:short:a", "other:{0-0}:q:x"] {
            assert_eq!(layout.owner_of(stranger.as_bytes()), None, "{stranger}");
        }
    }
}
