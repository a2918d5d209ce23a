//! One room: who is in it, and telling them of each other.

use super::mailbox::{Full, Kept};
use crate::{
    exchange::{Entry, Recipient},
    protocol::{Had, Info, LeaveReason, Peer, Signal, SocketId},
    room::{Change, Claim, Event, Member, Notice, Snapshot},
};
use std::{mem, sync::Arc, time::Duration};
use tokio_util::task::AbortOnDropHandle;

/// A room's members, in the order of their joining: few enough that a scan beats a map.
#[derive(Default)]
pub(super) struct Room {
    version: u64,
    occupants: Vec<Occupant>,
}

struct Occupant {
    peer: Peer,
    /// The attempt whose connection speaks for it.
    attempt: u64,
    /// Where it hears. While it is away, nobody listens there.
    recipient: Arc<dyn Recipient>,
    /// Of one that can come back.
    kept: Option<Box<Kept>>,
}

impl Room {
    pub(super) fn len(&self) -> usize {
        self.occupants.len()
    }

    pub(super) fn join(&mut self, id: SocketId, entry: Entry, recipient: Arc<dyn Recipient>) {
        let peer = Peer::here(id, entry.info);
        self.announce(id, Change::Joined(peer.clone()));
        recipient.deliver(Event::Joined(self.snapshot_for(id)));
        let kept = entry.lifeline.map(|lifeline| Box::new(Kept::new(lifeline)));
        self.occupants.push(Occupant { peer, attempt: 0, recipient, kept });
    }

    /// Whether the claim is right, and no later attempt has come before.
    pub(super) fn resume(&mut self, member: &Member, claim: &Claim, recipient: &Arc<dyn Recipient>) -> bool {
        let Some(occupant) = self.occupants.iter_mut().find(|occupant| occupant.peer.id == member.id) else {
            return false;
        };
        let Some(kept) = &mut occupant.kept else { return false };
        if member.attempt <= occupant.attempt || !kept.admits(claim) {
            return false;
        }
        kept.expiry = None;
        kept.acknowledge(&claim.had);
        let mailbox = kept.messages();
        occupant.attempt = member.attempt;
        let was_away = mem::replace(&mut occupant.peer.away, false);
        let before = mem::replace(&mut occupant.recipient, recipient.clone());
        if was_away {
            self.announce(member.id, Change::Back(member.id));
        } else {
            before.deliver(Event::Replaced);
        }
        recipient.deliver(Event::Resumed { snapshot: self.snapshot_for(member.id), mailbox });
        true
    }

    /// Keeps a member's place, and says for how long. One that can't come back is lost.
    pub(super) fn detach(&mut self, member: &Member) -> Option<Duration> {
        let occupant = self.speaking(member)?;
        let Some(kept) = &occupant.kept else {
            self.leave(member, LeaveReason::Lost);
            return None;
        };
        let window = kept.window;
        occupant.peer.away = true;
        self.announce(member.id, Change::Away(member.id));
        Some(window)
    }

    /// What ends the membership of one that is away.
    pub(super) fn expire_by(&mut self, member: &Member, expiry: AbortOnDropHandle<()>) {
        if let Some(kept) = self.speaking(member).and_then(|occupant| occupant.kept.as_mut()) {
            kept.expiry = Some(expiry);
        }
    }

    pub(super) fn acknowledge(&mut self, member: &Member, had: &Had) {
        if let Some(kept) = self.speaking(member).and_then(|occupant| occupant.kept.as_mut()) {
            kept.acknowledge(had);
        }
    }

    pub(super) fn leave(&mut self, member: &Member, reason: LeaveReason) {
        if self.speaking(member).is_some() {
            self.occupants.retain(|occupant| occupant.peer.id != member.id);
            self.announce(member.id, Change::Left(member.id, reason));
        }
    }

    pub(super) fn set_info(&mut self, member: &Member, info: Info) {
        let Some(occupant) = self.speaking(member) else { return };
        occupant.peer.info = info;
        let (peer, recipient) = (occupant.peer.clone(), occupant.recipient.clone());
        let notice = self.announce(member.id, Change::Info(peer));
        recipient.deliver(Event::Notice(notice));
    }

    pub(super) fn post(&mut self, sender: &Member, to: SocketId, signal: Signal) {
        let Some(speaker) = self.speaking(sender) else { return };
        let (speaker, n) = (speaker.recipient.clone(), signal.n);
        match self.occupants.iter_mut().find(|occupant| occupant.peer.id == to) {
            None => speaker.deliver(Event::Gone { to, n }),
            Some(receiver) => receiver.hand(signal, &speaker),
        }
        speaker.handled(n);
    }

    pub(super) fn broadcast(&mut self, sender: &Member, signal: &Signal) {
        let Some(speaker) = self.speaking(sender) else { return };
        let speaker = speaker.recipient.clone();
        for receiver in self.occupants.iter_mut().filter(|occupant| occupant.peer.id != sender.id) {
            receiver.hand(signal.clone(), &speaker);
        }
        speaker.handled(signal.n);
    }

    pub(super) fn sync(&mut self, member: &Member) {
        let snapshot = self.snapshot_for(member.id);
        if let Some(occupant) = self.speaking(member) {
            // Nothing is ever missed here.
            occupant.recipient.deliver(Event::Synced { snapshot, mailbox: Vec::new() });
        }
    }

    /// The occupant, if this connection of its speaks for it.
    fn speaking(&mut self, member: &Member) -> Option<&mut Occupant> {
        self.occupants
            .iter_mut()
            .find(|occupant| occupant.peer.id == member.id && occupant.attempt == member.attempt)
    }

    fn snapshot_for(&self, id: SocketId) -> Snapshot {
        let peers = self.occupants.iter().map(|occupant| &occupant.peer);
        Snapshot { version: self.version, peers: peers.filter(|peer| peer.id != id).cloned().collect() }
    }

    /// Tells a change to all but whom it is about.
    fn announce(&mut self, about: SocketId, change: Change) -> Notice {
        self.version += 1;
        let notice = Notice { version: self.version, change };
        for occupant in self.occupants.iter().filter(|occupant| occupant.peer.id != about) {
            occupant.recipient.deliver(Event::Notice(notice.clone()));
        }
        notice
    }
}

impl Occupant {
    /// Hands it a message, or tells the speaker that it can't be kept.
    fn hand(&mut self, signal: Signal, speaker: &Arc<dyn Recipient>) {
        if let Some(kept) = &mut self.kept
            && let Err(Full) = kept.keep(signal.clone())
        {
            return speaker.deliver(Event::Failed { to: Some(self.peer.id), n: Some(signal.n) });
        }
        self.recipient.deliver(Event::Signal(signal));
    }
}
