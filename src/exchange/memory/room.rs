//! One room: who is in it, and telling them of each other.

use super::{
    journal::RoomJournal,
    mailbox::{Full, Kept},
};
use crate::{
    exchange::{Entry, MailboxLimits, Occupancy, Recipient, Standing},
    protocol::{Had, Info, LeaveReason, Peer, Signal, SocketId, Text},
    room::{Attachment, Change, Claim, Event, Member, Notice, Snapshot},
    traces::Published,
};
use std::{sync::Arc, time::Duration};
use tokio_util::task::AbortOnDropHandle;

/// A room's members, in the order of their joining: few enough that a scan beats a map.
pub(super) struct Room {
    version: u64,
    occupants: Vec<Occupant>,
    journal: Option<RoomJournal>,
}

struct Occupant {
    peer: Peer,
    /// Which connection speaks for it.
    attachment: Attachment,
    /// Where it hears; nowhere while it is away.
    recipient: Option<Arc<dyn Recipient>>,
    /// Of one that can come back.
    kept: Option<Box<Kept>>,
}

impl Room {
    pub(super) fn new(journal: Option<RoomJournal>) -> Self {
        Self { version: 0, occupants: Vec::new(), journal }
    }

    pub(super) fn len(&self) -> usize {
        self.occupants.len()
    }

    pub(super) fn join(
        &mut self,
        id: SocketId,
        entry: Entry,
        mailbox: MailboxLimits,
        recipient: Arc<dyn Recipient>,
    ) {
        let peer = Peer::here(id, entry.info);
        self.announce(id, Change::Joined(peer.clone()));
        if let Some(journal) = &self.journal {
            journal.joined(id, &peer.info, self.version, self.occupants.len());
        }
        recipient.deliver(Event::Joined(self.snapshot_for(id)));
        let kept = entry.lifeline.map(|lifeline| Box::new(Kept::new(lifeline, mailbox)));
        self.occupants.push(Occupant {
            peer,
            attachment: Attachment::default(),
            recipient: Some(recipient),
            kept,
        });
    }

    /// Whether the claim is right, and no later attempt has come before.
    pub(super) fn resume(&mut self, member: &Member, claim: &Claim, recipient: &Arc<dyn Recipient>) -> bool {
        let Some(occupant) = self.occupant(member.id) else { return false };
        let Some(kept) = &mut occupant.kept else { return false };
        if member.attachment.attempt() <= occupant.attachment.attempt() || !kept.admits(claim) {
            return false;
        }
        kept.expiry = None;
        kept.acknowledge(&claim.had);
        let mailbox = kept.messages();
        occupant.attachment = member.attachment;
        occupant.peer.away = false;
        match occupant.recipient.replace(recipient.clone()) {
            Some(before) => before.deliver(Event::Replaced),
            None => drop(self.announce(member.id, Change::Back(member.id))),
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
        occupant.recipient = None;
        self.announce(member.id, Change::Away(member.id));
        Some(window)
    }

    /// What ends the membership of one that is away.
    pub(super) fn expire_by(&mut self, member: &Member, expiry: AbortOnDropHandle<()>) {
        if let Some(kept) = self.find(member).and_then(|occupant| occupant.kept.as_mut()) {
            kept.expiry = Some(expiry);
        }
    }

    pub(super) fn acknowledge(&mut self, member: &Member, had: &Had) {
        if let Some(kept) = self.speaking(member).and_then(|occupant| occupant.kept.as_mut()) {
            kept.acknowledge(had);
        }
    }

    /// Its window is over.
    pub(super) fn expire(&mut self, member: &Member) {
        if self.find(member).is_some_and(|occupant| occupant.peer.away) {
            self.remove(member.id, LeaveReason::Lost);
        }
    }

    pub(super) fn leave(&mut self, member: &Member, reason: LeaveReason) {
        if self.speaking(member).is_some() {
            self.remove(member.id, reason);
        }
    }

    /// Sends a member away by an operator's will. Says whether it was there.
    pub(super) fn dismiss(&mut self, id: SocketId, reason: LeaveReason) -> bool {
        let Some(occupant) = self.occupant(id) else { return false };
        if let Some(recipient) = occupant.recipient.take() {
            recipient.deliver(Event::Ended(reason));
        }
        self.remove(id, reason);
        true
    }

    /// Sends everybody away by an operator's will. Says how many there were.
    pub(super) fn close(&mut self) -> u64 {
        // All are told before the first is removed: who goes needn't hear who else does.
        for occupant in &mut self.occupants {
            if let Some(recipient) = occupant.recipient.take() {
                recipient.deliver(Event::Ended(LeaveReason::Closed));
            }
        }
        let ids: Vec<_> = self.occupants.iter().map(|occupant| occupant.peer.id).collect();
        for id in &ids {
            self.remove(*id, LeaveReason::Closed);
        }
        ids.len() as u64
    }

    /// Tells everybody what an operator has to say.
    pub(super) fn announce_frame(&self, frame: &Text) {
        for recipient in self.occupants.iter().filter_map(|occupant| occupant.recipient.as_ref()) {
            recipient.deliver(Event::Announced(frame.clone()));
        }
    }

    /// Who is there, on this node.
    pub(super) fn occupancy(&self, node: &str) -> Occupancy {
        let members = self.occupants.iter().map(|occupant| (occupant.peer.id, occupant.standing(node)));
        Occupancy { version: self.version, members: members.collect() }
    }

    /// How a member is there, on this node.
    pub(super) fn standing(&self, id: SocketId, node: &str) -> Option<Standing> {
        Some(self.occupants.iter().find(|occupant| occupant.peer.id == id)?.standing(node))
    }

    /// Where a member hears; nowhere while it is away.
    pub(super) fn recipient_of(&self, id: SocketId) -> Option<Arc<dyn Recipient>> {
        self.occupants.iter().find(|occupant| occupant.peer.id == id)?.recipient.clone()
    }

    fn remove(&mut self, id: SocketId, reason: LeaveReason) {
        self.occupants.retain(|occupant| occupant.peer.id != id);
        self.announce(id, Change::Left(id, reason));
        if let Some(journal) = &self.journal {
            journal.left(id, reason, self.version, self.occupants.len());
        }
    }

    pub(super) fn set_info(&mut self, member: &Member, info: Info) {
        let Some(occupant) = self.speaking(member) else { return };
        occupant.peer.info = info;
        let peer = occupant.peer.clone();
        let notice = self.announce(member.id, Change::Info(peer));
        self.tell(member, Event::Notice(notice));
    }

    /// Says what became of it; nothing of what isn't the sender's to say.
    pub(super) fn post(&mut self, sender: &Member, to: SocketId, signal: Signal) -> Option<Published> {
        let speaker = self.recipient(sender)?;
        let n = signal.n;
        let published = match self.occupant(to) {
            None => {
                speaker.deliver(Event::Gone { to, n });
                Published::Gone
            }
            Some(receiver) => match receiver.hand(signal, &speaker) {
                Ok(()) => Published::Done,
                Err(Full) => Published::Failed,
            },
        };
        speaker.handled(n);
        Some(published)
    }

    /// Says how many mailboxes were full; nothing of what isn't the sender's to say.
    pub(super) fn broadcast(&mut self, sender: &Member, signal: &Signal) -> Option<u64> {
        let speaker = self.recipient(sender)?;
        let mut full = 0;
        for receiver in self.occupants.iter_mut().filter(|occupant| occupant.peer.id != sender.id) {
            full += u64::from(receiver.hand(signal.clone(), &speaker).is_err());
        }
        speaker.handled(signal.n);
        Some(full)
    }

    pub(super) fn sync(&mut self, member: &Member) {
        // Nothing is ever missed here.
        let snapshot = self.snapshot_for(member.id);
        self.tell(member, Event::Synced { snapshot, mailbox: Vec::new() });
    }

    fn tell(&mut self, member: &Member, event: Event) {
        if let Some(recipient) = self.recipient(member) {
            recipient.deliver(event);
        }
    }

    /// Where the occupant hears, if this connection of its speaks for it.
    fn recipient(&mut self, member: &Member) -> Option<Arc<dyn Recipient>> {
        self.speaking(member)?.recipient.clone()
    }

    /// The occupant, if this connection of its speaks for it.
    fn speaking(&mut self, member: &Member) -> Option<&mut Occupant> {
        self.find(member).filter(|occupant| !occupant.peer.away)
    }

    /// The occupant, if this connection of its was the last that spoke for it.
    fn find(&mut self, member: &Member) -> Option<&mut Occupant> {
        self.occupant(member.id).filter(|occupant| occupant.attachment == member.attachment)
    }

    fn occupant(&mut self, id: SocketId) -> Option<&mut Occupant> {
        self.occupants.iter_mut().find(|occupant| occupant.peer.id == id)
    }

    fn snapshot_for(&self, id: SocketId) -> Snapshot {
        let peers = self.occupants.iter().map(|occupant| &occupant.peer);
        Snapshot { version: self.version, peers: peers.filter(|peer| peer.id != id).cloned().collect() }
    }

    /// Tells a change to all but whom it is about.
    fn announce(&mut self, about: SocketId, change: Change) -> Notice {
        self.version += 1;
        let notice = Notice { version: self.version, change };
        let others = self.occupants.iter().filter(|occupant| occupant.peer.id != about);
        for recipient in others.filter_map(|occupant| occupant.recipient.as_ref()) {
            recipient.deliver(Event::Notice(notice.clone()));
        }
        notice
    }
}

impl Occupant {
    fn standing(&self, node: &str) -> Standing {
        Standing {
            node: (!self.peer.away).then(|| node.to_owned()),
            resumable: self.kept.is_some(),
            info: self.peer.info.clone(),
        }
    }

    /// Hands it a message, or tells the speaker that it can't be kept.
    fn hand(&mut self, signal: Signal, speaker: &Arc<dyn Recipient>) -> Result<(), Full> {
        if let Some(kept) = &mut self.kept
            && let Err(full) = kept.keep(signal.clone())
        {
            speaker.deliver(Event::Failed { to: Some(self.peer.id), n: Some(signal.n) });
            return Err(full);
        }
        if let Some(recipient) = &self.recipient {
            recipient.deliver(Event::Signal(signal));
        }
        Ok(())
    }
}
