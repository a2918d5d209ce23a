//! A member of this node's: who hears for it, and how far it is.

use crate::{
    exchange::Recipient,
    protocol::{Info, RoomName, Signal, SocketId},
    room::{Event, Member},
};
use std::{mem, num::NonZeroUsize, sync::Arc};

pub(super) struct Registration {
    room: RoomName,
    recipient: Arc<dyn Recipient>,
    stage: Stage,
    /// How often something may have been missed.
    lapses: u32,
    /// Up to which lapse a sync has made good what was missed.
    repaired: u32,
    /// Messages delivered since its mailbox was trimmed, and the last of them.
    delivered: u32,
    last: Option<Signal>,
}

enum Stage {
    /// Its channel is being subscribed to; then it asks to join.
    Subscribing { info: Info, capacity: NonZeroUsize },
    /// It asked to join, or is in.
    Entered,
}

impl Registration {
    pub(super) fn new(
        room: RoomName,
        info: Info,
        capacity: NonZeroUsize,
        recipient: Arc<dyn Recipient>,
    ) -> Self {
        let stage = Stage::Subscribing { info, capacity };
        Self { room, recipient, stage, lapses: 0, repaired: 0, delivered: 0, last: None }
    }

    pub(super) fn member(&self, id: SocketId) -> Member {
        Member { room: self.room.clone(), id }
    }

    /// Its channel is subscribed to for the first time: what it is to join with. `None` where it had been before.
    pub(super) fn enter(&mut self) -> Option<(Info, NonZeroUsize)> {
        match mem::replace(&mut self.stage, Stage::Entered) {
            Stage::Subscribing { info, capacity } => Some((info, capacity)),
            Stage::Entered => None,
        }
    }

    /// Whether it asked to join.
    pub(super) fn has_entered(&self) -> bool {
        matches!(self.stage, Stage::Entered)
    }

    pub(super) fn tell(&self, event: Event) {
        self.recipient.deliver(event);
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

    /// What was missed up to this lapse has been told.
    pub(super) fn repaired(&mut self, lapses: u32) {
        self.repaired = lapses;
    }

    /// It had everything up to this message.
    pub(super) fn had(&mut self, last: Signal) {
        self.last = Some(last);
    }

    /// Hands it a message, and says how many it had since its mailbox was trimmed.
    pub(super) fn hand(&mut self, signal: Signal) -> u32 {
        self.delivered += 1;
        self.had(signal.clone());
        self.tell(Event::Signal(signal));
        self.delivered
    }

    /// Up to which message its mailbox can be emptied. Until a sync has told what was missed, none: it may lie before the
    /// last that was delivered.
    pub(super) fn take_delivered(&mut self) -> Option<Signal> {
        self.delivered = 0;
        if self.lapses == self.repaired { self.last.take() } else { None }
    }
}
