//! What one client was told of its room: the one place that decides what it hears.

use crate::{
    protocol::{Info, LeaveReason, Peer, ServerEvent, SocketId},
    room::{Change, Notice, Snapshot},
};

/// The peers that a client knows of, and the last message it had from each.
#[derive(Debug)]
pub(super) struct View {
    version: u64,
    /// Sorted by id.
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    id: SocketId,
    info: Info,
    last_n: u64,
}

/// How a notice stands to what the client knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Timeliness {
    /// The client knows.
    Old,
    /// The very next change.
    Next,
    /// A change before it is missing.
    Ahead,
}

/// How a message stands to what the client had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The client hasn't had it.
    New,
    /// The client had it.
    Repeat,
    /// The client knows no such peer.
    Stranger,
}

impl View {
    /// What a client knows that was just told of `snapshot`.
    pub(super) fn new(snapshot: Snapshot) -> Self {
        let mut known: Vec<_> =
            snapshot.peers.into_iter().map(|Peer { id, info }| Known { id, info, last_n: 0 }).collect();
        known.sort_unstable_by_key(|known| known.id);
        Self { version: snapshot.version, known }
    }

    pub(super) fn knows(&self, id: SocketId) -> bool {
        self.find(id).is_ok()
    }

    pub(super) fn timeliness(&self, notice: &Notice) -> Timeliness {
        match notice.version {
            version if version <= self.version => Timeliness::Old,
            version if version == self.version + 1 => Timeliness::Next,
            _ => Timeliness::Ahead,
        }
    }

    /// Takes in the next change, and tells of it.
    pub(super) fn apply(
        &mut self,
        Notice { version, change }: Notice,
        mut tell: impl FnMut(ServerEvent<'_>),
    ) {
        self.version = version;
        match change {
            Change::Joined(peer) => self.come(&peer, &mut tell),
            Change::Left(id, reason) => self.go(id, reason, &mut tell),
            Change::Info(peer) => self.show(&peer, &mut tell),
        }
    }

    /// Takes in the truth, and tells what is different in it.
    pub(super) fn correct(&mut self, snapshot: &Snapshot, mut tell: impl FnMut(ServerEvent<'_>)) {
        self.version = snapshot.version;
        let stays = |id| snapshot.peers.iter().any(|peer| peer.id == id);
        let gone: Vec<_> = self.known.iter().map(|known| known.id).filter(|&id| !stays(id)).collect();
        for id in gone {
            self.go(id, LeaveReason::Lost, &mut tell);
        }
        for peer in &snapshot.peers {
            if self.knows(peer.id) {
                self.show(peer, &mut tell);
            } else {
                self.come(peer, &mut tell);
            }
        }
    }

    /// Notes that message `n` of `from` is here, and says whether the client should have it.
    pub(super) fn note(&mut self, from: SocketId, n: u64) -> Standing {
        match self.find(from) {
            Err(_) => Standing::Stranger,
            Ok(index) if n <= self.known[index].last_n => Standing::Repeat,
            Ok(index) => {
                self.known[index].last_n = n;
                Standing::New
            }
        }
    }

    fn come(&mut self, peer: &Peer, tell: &mut impl FnMut(ServerEvent<'_>)) {
        if let Err(index) = self.find(peer.id) {
            self.known.insert(index, Known { id: peer.id, info: peer.info.clone(), last_n: 0 });
            tell(ServerEvent::NewPeer(peer, self.version));
        }
    }

    fn go(&mut self, id: SocketId, reason: LeaveReason, tell: &mut impl FnMut(ServerEvent<'_>)) {
        if let Ok(index) = self.find(id) {
            self.known.remove(index);
            tell(ServerEvent::RemovePeer(id, reason, self.version));
        }
    }

    fn show(&mut self, peer: &Peer, tell: &mut impl FnMut(ServerEvent<'_>)) {
        if let Ok(index) = self.find(peer.id)
            && self.known[index].info != peer.info
        {
            self.known[index].info = peer.info.clone();
            tell(ServerEvent::PeerInfo(peer, self.version));
        }
    }

    fn find(&self, id: SocketId) -> Result<usize, usize> {
        self.known.binary_search_by_key(&id, |known| known.id)
    }
}
