//! One member, as its node knows it.

use crate::{
    exchange::{
        Entry, Recipient,
        redis::request::{Ask, Record, Request, Resumed},
    },
    protocol::{Had, Info, LeaveReason, RoomName, Signal, SocketId},
    room::{Attachment, Claim, Event, Keys, Lifeline, Member},
};
use std::{mem, sync::Arc, time::Duration};

pub(super) struct Registration {
    room: RoomName,
    attachment: Attachment,
    recipient: Arc<dyn Recipient>,
    stage: Stage,
    /// What the others are shown of it: to register it again, should Redis lose it.
    info: Info,
    /// Of one that can be resumed.
    line: Option<Box<Line>>,
    /// Its channel is not subscribed to on the link that there is now, and was on another.
    is_cut: bool,
    /// A later attempt has the session.
    is_superseded: bool,
    /// An operator ended the session, while this connection was taking it up.
    ended: Option<LeaveReason>,
    /// How often something may have been missed.
    lapses: u32,
    /// Up to which lapse a sync has made good what was missed.
    repaired: u32,
    /// What was delivered since its mailbox was trimmed; and of one that can't be resumed, the last message.
    delivered: Delivered,
    last: Option<Signal>,
}

/// How it enters.
pub(super) enum Way {
    Join(Entry),
    Resume(Claim),
}

/// When a mailbox is to be trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrimDue {
    /// That is known already, or there is nothing to take out.
    No,
    /// With the others, in turn.
    Later,
    /// Before it fills.
    Now,
}

#[derive(Clone, Copy, Default)]
struct Delivered {
    messages: u32,
    bytes: usize,
}

enum Stage {
    /// Its channel is being subscribed to; then it asks.
    Subscribing(Way),
    /// It asked to enter.
    Asked,
    /// It is in.
    In,
}

/// How its client may come back, and what it had: that can be taken out of the mailbox.
struct Line {
    keys: Keys,
    window: Duration,
    had: Had,
    /// It said so since its mailbox was trimmed.
    is_due: bool,
}

impl Registration {
    pub(super) fn new(member: &Member, way: Way, recipient: Arc<dyn Recipient>) -> Self {
        let (info, line) = match &way {
            Way::Join(Entry { info, lifeline, .. }) => {
                (info.clone(), lifeline.as_ref().map(Line::of_joining))
            }
            Way::Resume(claim) => (Info::default(), Some(Line::of_resuming(claim))),
        };
        Self {
            room: member.room.clone(),
            attachment: member.attachment,
            recipient,
            stage: Stage::Subscribing(way),
            info,
            line: line.map(Box::new),
            is_cut: false,
            is_superseded: false,
            ended: None,
            lapses: 0,
            repaired: 0,
            delivered: Delivered::default(),
            last: None,
        }
    }

    pub(super) fn member(&self, id: SocketId) -> Member {
        Member { room: self.room.clone(), id, attachment: self.attachment }
    }

    /// Whether it is this connection.
    pub(super) fn is(&self, member: &Member) -> bool {
        self.attachment == member.attachment && self.room == member.room
    }

    /// Whether it is of this room. Who resumes may name another than the session's.
    pub(super) fn is_of(&self, room: &[u8]) -> bool {
        self.room.as_str().as_bytes() == room
    }

    pub(super) fn attempt(&self) -> u64 {
        self.attachment.attempt()
    }

    /// Its channel is subscribed to: what it asks for then. `None` where it asked before.
    pub(super) fn enter(&mut self) -> Option<Ask> {
        if !matches!(self.stage, Stage::Subscribing(_)) {
            return None;
        }
        match mem::replace(&mut self.stage, Stage::Asked) {
            Stage::Subscribing(Way::Join(entry)) => Some(Ask::Join(entry)),
            Stage::Subscribing(Way::Resume(claim)) => Some(Ask::Resume(claim)),
            Stage::Asked | Stage::In => None,
        }
    }

    /// Whether it asked to enter.
    pub(super) fn has_asked(&self) -> bool {
        !matches!(self.stage, Stage::Subscribing(_))
    }

    pub(super) fn is_in(&self) -> bool {
        matches!(self.stage, Stage::In)
    }

    /// It is in.
    pub(super) fn entered(&mut self) {
        self.stage = Stage::In;
    }

    /// The session is taken up by this attempt.
    pub(super) fn supersede(&mut self, attempt: u64) {
        self.is_superseded |= self.attempt() < attempt;
    }

    /// The session is over, if this connection was granted it before.
    pub(super) fn end(&mut self, reason: LeaveReason) {
        self.ended = Some(reason);
    }

    /// What its client hears last, where it was granted a session that is another's by now, or nobody's.
    pub(super) fn epitaph(&self) -> Option<Event> {
        match self.ended {
            Some(reason) => Some(Event::Ended(reason)),
            None => self.is_superseded.then_some(Event::Replaced),
        }
    }

    /// It is in, and was before.
    pub(super) fn resumed(&mut self, Resumed { info, window, .. }: &Resumed) {
        self.entered();
        self.info = info.clone();
        if let Some(line) = &mut self.line {
            line.window = *window;
        }
    }

    pub(super) fn shows(&mut self, info: Info) {
        self.info = info;
    }

    /// The request as it would be asked now: of several infos that have to be asked again, the last must not be overtaken.
    pub(super) fn up_to_date(&self, mut request: Request) -> Request {
        if let Ask::SetInfo(info) = &mut request.ask {
            *info = self.info.clone();
        }
        request
    }

    /// What Redis should hold of it.
    pub(super) fn record(&self) -> Record {
        let line = self.line.as_ref().map(|line| (line.keys, line.window));
        Record { info: self.info.clone(), line }
    }

    pub(super) fn tell(&self, event: Event) {
        self.recipient.deliver(event);
    }

    /// How its connection is.
    pub(super) fn recipient(&self) -> &dyn Recipient {
        &*self.recipient
    }

    /// Its messages up to this one are handled.
    pub(super) fn handled(&self, n: u64) {
        self.recipient.handled(n);
    }

    /// The link is over, or another one is there.
    pub(super) fn cut(&mut self) {
        self.is_cut = self.has_asked();
    }

    /// Its channel is subscribed to again. Says whether something may have been missed meanwhile, and tells it so.
    pub(super) fn mend(&mut self) -> bool {
        let was_cut = mem::replace(&mut self.is_cut, false);
        if was_cut {
            self.lapse();
        }
        was_cut
    }

    /// Something may have been missed.
    pub(super) fn lapse(&mut self) {
        self.lapses += 1;
        self.tell(Event::Lapse);
    }

    /// How many lapses it has had.
    pub(super) fn lapses(&self) -> u32 {
        self.lapses
    }

    /// What was missed up to this lapse has been told, and `last` is the end of its mailbox. Says whether that can be trimmed.
    pub(super) fn repaired(&mut self, lapses: u32, last: Option<&Signal>) -> bool {
        self.repaired = lapses;
        match last {
            Some(last) if self.line.is_none() => {
                self.last = Some(last.clone());
                true
            }
            _ => false,
        }
    }

    /// Hands it a message, and says when its mailbox is to be trimmed. That of one that can be resumed isn't until its client
    /// acknowledges something.
    pub(super) fn hand(&mut self, signal: Signal) -> TrimDue {
        let due = self.delivered.add(&signal);
        let is_plain = self.line.is_none();
        if is_plain {
            self.last = Some(signal.clone());
        }
        self.tell(Event::Signal(signal));
        if is_plain { due } else { TrimDue::No }
    }

    /// Its client had these. Says when its mailbox is to be trimmed.
    pub(super) fn acknowledge(&mut self, had: Had) -> TrimDue {
        let Some(line) = &mut self.line else { return TrimDue::No };
        line.acknowledge(had);
        match mem::replace(&mut line.is_due, true) {
            _ if self.delivered.is_much() => TrimDue::Now,
            false => TrimDue::Later,
            true => TrimDue::No,
        }
    }

    /// Some of the mailbox is left: what its client had may lie behind that, and is to be said again.
    pub(super) fn still_had(&mut self, had: &Had) {
        if let Some(line) = &mut self.line {
            line.acknowledge(had.clone());
        }
    }

    /// What its mailbox can be emptied of: what its client had, or else what was delivered to it. Of the latter, nothing until a
    /// sync has told what was missed: it may lie before the last that was delivered.
    pub(super) fn take_trim(&mut self) -> Option<Ask> {
        let trim = match &mut self.line {
            Some(line) => line.take_due().map(Ask::Acknowledge),
            None if self.lapses == self.repaired => self.last.take().map(Ask::Trim),
            None => None,
        };
        if trim.is_some() || self.line.is_none() {
            self.delivered = Delivered::default();
        }
        trim
    }
}

impl Delivered {
    /// After so many messages a mailbox is trimmed at once; else by and by.
    const MUCH: u32 = 64;

    /// Or so many bytes: an eighth of what it holds.
    const MANY_BYTES: usize = 64 * 1024;

    fn add(&mut self, signal: &Signal) -> TrimDue {
        let was_much = self.is_much();
        self.messages += 1;
        self.bytes += signal.frame.len();
        match self.messages {
            _ if self.is_much() && !was_much => TrimDue::Now,
            1 => TrimDue::Later,
            _ => TrimDue::No,
        }
    }

    fn is_much(&self) -> bool {
        self.messages >= Self::MUCH || self.bytes >= Self::MANY_BYTES
    }
}

impl Line {
    fn of_joining(Lifeline { key, window }: &Lifeline) -> Self {
        Self { keys: Keys::first(*key), window: *window, had: Had::new(), is_due: false }
    }

    fn of_resuming(claim: &Claim) -> Self {
        // The window comes with the answer.
        Self { keys: Keys::after(claim), window: Duration::ZERO, had: Had::new(), is_due: false }
    }

    /// What its client had, if it said so since this was last asked.
    fn take_due(&mut self) -> Option<Had> {
        mem::take(&mut self.is_due).then(|| mem::take(&mut self.had))
    }

    fn acknowledge(&mut self, had: Had) {
        for (from, n) in had {
            match self.had.iter_mut().find(|(known, _)| *known == from) {
                Some((_, highest)) => *highest = n.max(*highest),
                None => self.had.push((from, n)),
            }
        }
    }
}
