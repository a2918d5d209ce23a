//! What one client was told of its room: the one place that decides what it hears.

use crate::{
    protocol::{Had, Info, LeaveReason, Peer, ServerEvent, SocketId},
    room::{Change, Notice, Snapshot},
};

/// The peers that a client knows of, and the last message it had from each.
#[derive(Debug)]
pub(super) struct View {
    version: u64,
    /// Sorted by id.
    known: Vec<Known>,
    /// Of a client that can come back: peers that went before it said that it had their last message, and that one's number.
    departed: Option<Vec<(SocketId, u64)>>,
}

#[derive(Debug)]
struct Known {
    id: SocketId,
    /// What the client was told of it. `None` where it was told on another connection.
    shown: Option<Shown>,
    last_n: u64,
    /// Up to which message the client said that it had them.
    acked: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Shown {
    info: Info,
    away: bool,
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
    pub(super) fn new(snapshot: &Snapshot, resumable: bool) -> Self {
        let known = snapshot.peers.iter().map(Known::told_of).collect();
        Self::sorted(snapshot.version, known, resumable.then(Vec::new))
    }

    /// What a client knows that says so itself: up to this version, these peers, and what it had from each.
    pub(super) fn returning(version: u64, had: &Had) -> Self {
        let known = had.iter().map(|&(id, n)| Known { id, shown: None, last_n: n, acked: n }).collect();
        Self::sorted(version, known, Some(Vec::new()))
    }

    fn sorted(version: u64, mut known: Vec<Known>, departed: Option<Vec<(SocketId, u64)>>) -> Self {
        known.sort_unstable_by_key(|known| known.id);
        Self { version, known, departed }
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
            Change::Away(id) => self.turn(id, true, &mut tell),
            Change::Back(id) => self.turn(id, false, &mut tell),
        }
    }

    /// Takes in the truth, and tells what is different in it: as of the version that the client knew, so that one that
    /// hears but some of it, and resumes, is told the rest.
    pub(super) fn correct(&mut self, snapshot: &Snapshot, mut tell: impl FnMut(ServerEvent<'_>)) {
        let knows_all = self.version == snapshot.version;
        let stays = |id| snapshot.peers.iter().any(|peer| peer.id == id);
        let gone: Vec<_> = self.known.iter().map(|known| known.id).filter(|&id| !stays(id)).collect();
        for id in gone {
            self.go(id, LeaveReason::Lost, &mut tell);
        }
        for peer in &snapshot.peers {
            match self.find(peer.id) {
                Err(_) => self.come(peer, &mut tell),
                Ok(index) if knows_all && self.known[index].shown.is_none() => {
                    self.known[index].shown = Some(Shown::by(peer));
                }
                Ok(_) => {
                    self.show(peer, &mut tell);
                    self.turn(peer.id, peer.away, &mut tell);
                }
            }
        }
        self.version = snapshot.version;
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

    /// Notes what the client says that it had; what is left is of peers that it was told of.
    pub(super) fn acknowledge(&mut self, had: &mut Had) {
        had.retain(|&(from, n)| {
            if let Ok(index) = self.find(from) {
                self.known[index].acked = n.max(self.known[index].acked);
                return true;
            }
            let Some(departed) = &mut self.departed else { return false };
            let Some(index) = departed.iter().position(|(id, _)| *id == from) else { return false };
            if n >= departed[index].1 {
                departed.swap_remove(index);
            }
            true
        });
    }

    /// Whether the client will never be told of anything of this peer's, nor was: it may still come back from before the going
    /// of one that it was told of.
    pub(super) fn is_stranger(&self, id: SocketId) -> bool {
        !self.knows(id) && !self.departed.iter().flatten().any(|&(departed, _)| departed == id)
    }

    /// Whether the client said that it had this message.
    pub(super) fn is_acknowledged(&self, from: SocketId, n: u64) -> bool {
        self.find(from).is_ok_and(|index| n <= self.known[index].acked)
    }

    fn come(&mut self, peer: &Peer, tell: &mut impl FnMut(ServerEvent<'_>)) {
        if let Err(index) = self.find(peer.id) {
            self.known.insert(index, Known::told_of(peer));
            tell(ServerEvent::NewPeer(peer, self.version));
        }
    }

    fn go(&mut self, id: SocketId, reason: LeaveReason, tell: &mut impl FnMut(ServerEvent<'_>)) {
        if let Ok(index) = self.find(id) {
            let Known { last_n, acked, .. } = self.known.remove(index);
            if let Some(departed) = self.departed.as_mut().filter(|_| last_n > acked) {
                departed.push((id, last_n));
            }
            tell(ServerEvent::RemovePeer(id, reason, self.version));
        }
    }

    fn show(&mut self, peer: &Peer, tell: &mut impl FnMut(ServerEvent<'_>)) {
        let Ok(index) = self.find(peer.id) else { return };
        match &mut self.known[index].shown {
            Some(shown) if shown.info == peer.info => return,
            Some(shown) => shown.info = peer.info.clone(),
            // Whether it is away is told apart.
            shown => *shown = Some(Shown { info: peer.info.clone(), away: !peer.away }),
        }
        tell(ServerEvent::PeerInfo(peer, self.version));
    }

    fn turn(&mut self, id: SocketId, away: bool, tell: &mut impl FnMut(ServerEvent<'_>)) {
        let Ok(index) = self.find(id) else { return };
        let Some(shown) = &mut self.known[index].shown else { return };
        if shown.away != away {
            shown.away = away;
            let event = if away { ServerEvent::PeerAway } else { ServerEvent::PeerBack };
            tell(event(id, self.version));
        }
    }

    fn find(&self, id: SocketId) -> Result<usize, usize> {
        self.known.binary_search_by_key(&id, |known| known.id)
    }
}

impl Known {
    fn told_of(peer: &Peer) -> Self {
        Self { id: peer.id, shown: Some(Shown::by(peer)), last_n: 0, acked: 0 }
    }
}

impl Shown {
    fn by(Peer { info, away, .. }: &Peer) -> Self {
        Self { info: info.clone(), away: *away }
    }
}
