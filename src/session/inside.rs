//! A session that is in a room.

use super::{
    Effect,
    acks::Acks,
    held::{Held, Overrun},
    pass::{Act, Pass},
    view::{Standing, Timeliness, View},
};
use crate::{
    protocol::{Address, Dialect, Fault, Had, Relay, ServerEvent, Signal, SocketId},
    room::{Event, Notice, Snapshot},
};
use std::{mem, time::Instant};

/// One membership: what its client knows, and how many messages it sent.
#[derive(Debug)]
pub(super) struct Inside {
    me: SocketId,
    /// What its client may do.
    pub(super) pass: Pass,
    view: View,
    /// The number of its last message on this connection.
    sent: u64,
    flow: Flow,
    /// Of one that can be resumed.
    acks: Option<Box<Acks>>,
}

#[derive(Debug)]
enum Flow {
    /// The client hears each thing as it comes.
    Live,
    /// Something is missing: a snapshot was asked for, and what comes waits for it.
    CatchingUp {
        held: Held,
        /// So many of them were here before it was asked for, and so are older than it.
        older: usize,
    },
}

impl Inside {
    pub(super) fn joined(me: SocketId, pass: Pass, snapshot: &Snapshot, resumable: bool) -> Self {
        let acks = resumable.then(Box::default);
        Self { me, pass, view: View::new(snapshot, resumable), sent: 0, flow: Flow::Live, acks }
    }

    /// One that knows only what its client knew, and waits to be told the rest.
    pub(super) fn resumed(me: SocketId, pass: Pass, view: View, held: Held) -> Self {
        let flow = Flow::CatchingUp { held, older: 0 };
        Self { me, pass, view, sent: 0, flow, acks: Some(Box::default()) }
    }

    pub(super) fn me(&self) -> SocketId {
        self.me
    }

    pub(super) fn is_resumable(&self) -> bool {
        self.acks.is_some()
    }

    /// The client had these.
    pub(super) fn client_had(&mut self, mut had: Had, effects: &mut Vec<Effect>) {
        if self.is_resumable() {
            self.view.acknowledge(&mut had);
            effects.push(Effect::Acknowledge(had));
        }
    }

    /// Every message of the client's up to this one was handled.
    pub(super) fn handled(&mut self, n: u64) {
        if let Some(acks) = &mut self.acks {
            acks.handled(n);
        }
    }

    /// The client hears that this message of its own wasn't handed on.
    pub(super) fn refused(&mut self, n: u64) {
        if let Some(acks) = &mut self.acks {
            acks.refused(n);
        }
    }

    /// When the client wants to hear what was handled.
    pub(super) fn ack_due(&self) -> Option<Instant> {
        self.acks.as_ref()?.due()
    }

    /// Tells the client what was handled, if it is time.
    pub(super) fn tell_handled(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let Some(n) = self.acks.as_mut().and_then(|acks| acks.take(now)) {
            tell(&ServerEvent::Ack(n), Dialect::Native, effects);
        }
    }

    /// Numbers a message of the client's and sends it on. One that was numbered and sent before is not sent again.
    pub(super) fn relay(
        &mut self,
        relay: &Relay<'_>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        if self.is_resumable() && relay.n.is_none() {
            return Err(Fault::bad_message(
                "in a session that can be resumed, each message has its number n",
            ));
        }
        let n = relay.n.unwrap_or(self.sent + 1);
        if n <= self.sent {
            return Ok(());
        }
        if n > Signal::MAX_N {
            return Err(Fault::bad_message("there is no number after n = 9007199254740991; join anew"));
        }
        self.sent = n;
        if let Some(acks) = &mut self.acks {
            acks.came(n, now);
        }
        let act = match &relay.address {
            Address::Room => Act::Broadcast,
            Address::Peer(_) => Act::Signal,
        };
        self.pass.check(act).map_err(|fault| fault.about_message(n))?;
        match &relay.address {
            Address::Room => self.post(n, Effect::Broadcast(relay.sign(self.me, n)), effects),
            Address::Peer(name) => match SocketId::parse(name) {
                Some(id) if id == self.me => {
                    let message = "socketId is your own; a message goes to another peer";
                    return Err(Fault::bad_message(message).about_message(n));
                }
                Some(id) if self.view.knows(id) => {
                    self.post(n, Effect::Post(id, relay.sign(self.me, n)), effects);
                }
                _ => return Err(Fault::peer_gone(name, n)),
            },
        }
        Ok(())
    }

    /// Message `n` was passed over, and its client is told so. One that was sent before is no news.
    pub(super) fn skip(&mut self, n: u64, now: Instant) -> bool {
        let is_new = n > self.sent;
        if is_new {
            self.sent = n;
            if let Some(acks) = &mut self.acks {
                acks.came(n, now);
            }
        }
        is_new
    }

    fn post(&mut self, n: u64, effect: Effect, effects: &mut Vec<Effect>) {
        if let Some(acks) = &mut self.acks {
            acks.posted(n);
        }
        effects.push(effect);
    }

    /// Tells the client what it doesn't know yet, once nothing before it is missing.
    pub(super) fn hear(
        &mut self,
        event: Event,
        dialect: Dialect,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Overrun> {
        match (event, &mut self.flow) {
            (Event::Gap, _) => {
                tell(&ServerEvent::Gap, dialect, effects);
                Ok(())
            }
            // As it is, whatever the dialect. What is missing has nothing to do with it.
            (Event::Announced(frame), _) => {
                effects.push(Effect::Send(frame));
                Ok(())
            }
            (Event::Synced { snapshot, mailbox }, Flow::CatchingUp { held, older }) => {
                let (held, older) = (mem::take(held), *older);
                self.flow = Flow::Live;
                self.repair(&snapshot, &mailbox, &held, dialect, effects);
                self.replay(held, older, dialect, effects)
            }
            (event, Flow::CatchingUp { held, .. }) => held.push(event),
            (Event::Notice(notice), Flow::Live) => self.notice(notice, dialect, effects),
            (Event::Signal(signal), Flow::Live) => self.signal(signal, dialect, effects),
            (Event::Lapse, Flow::Live) => self.catch_up(None, effects),
            // Answered by the session, or nobody asked.
            (
                Event::Synced { .. }
                | Event::Joined(_)
                | Event::Resumed { .. }
                | Event::Refused(_)
                | Event::Gone { .. }
                | Event::Failed { .. }
                | Event::Replaced
                | Event::Removed
                | Event::Ended(_),
                Flow::Live,
            ) => Ok(()),
        }
    }

    fn notice(&mut self, notice: Notice, dialect: Dialect, effects: &mut Vec<Effect>) -> Result<(), Overrun> {
        match self.view.timeliness(&notice) {
            Timeliness::Old => {}
            Timeliness::Next => self.view.apply(notice, |event| tell(&event, dialect, effects)),
            Timeliness::Ahead => return self.catch_up(Some(Event::Notice(notice)), effects),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, dialect: Dialect, effects: &mut Vec<Effect>) -> Result<(), Overrun> {
        match self.pass_on(&signal, dialect, effects) {
            Standing::New | Standing::Repeat => Ok(()),
            // Its sender came unnoticed, or went.
            Standing::Stranger => self.catch_up(Some(Event::Signal(signal)), effects),
        }
    }

    fn catch_up(&mut self, waiting: Option<Event>, effects: &mut Vec<Effect>) -> Result<(), Overrun> {
        let mut held = Held::default();
        waiting.map_or(Ok(()), |event| held.push(event))?;
        self.flow = Flow::CatchingUp { older: held.len(), held };
        effects.push(Effect::Sync);
        Ok(())
    }

    /// Tells what was missed. What a peer sent before it went is told before its going, and what one sent that came
    /// unnoticed after its coming; a message from neither is dropped.
    fn repair(
        &mut self,
        snapshot: &Snapshot,
        mailbox: &[Signal],
        held: &Held,
        dialect: Dialect,
        effects: &mut Vec<Effect>,
    ) {
        let strangers: Vec<_> = mailbox.iter().filter(|signal| !self.view.knows(signal.from)).collect();
        let mut messages = self.deliver(mailbox, held, dialect, effects);
        let mut changes = 0;
        self.view.correct(snapshot, |event| {
            changes += 1;
            tell(&event, dialect, effects);
        });
        messages += self.deliver(mailbox, held, dialect, effects);
        self.give_up(&strangers, effects);
        if (changes, messages) != (0, 0) {
            effects.push(Effect::Repaired { changes, messages });
        }
    }

    /// Tells the messages of the peers that the client knows by now, in each one's order, and says how many of the
    /// mailbox's there were. What was held may be no more in the mailbox, and older than what is.
    fn deliver(
        &mut self,
        mailbox: &[Signal],
        held: &Held,
        dialect: Dialect,
        effects: &mut Vec<Effect>,
    ) -> usize {
        let mut missed = 0;
        for signal in mailbox {
            for waiting in held.messages().filter(|held| held.from == signal.from && held.n < signal.n) {
                self.pass_on(waiting, dialect, effects);
            }
            if self.pass_on(signal, dialect, effects) == Standing::New {
                missed += 1;
            }
        }
        for waiting in held.messages() {
            self.pass_on(waiting, dialect, effects);
        }
        missed
    }

    /// What its client will never be told, as its sender came and went unnoticed, needn't be kept for it.
    fn give_up(&self, strangers: &[&Signal], effects: &mut Vec<Effect>) {
        let strangers = strangers.iter().filter(|signal| self.view.is_stranger(signal.from));
        let had: Had = strangers.map(|signal| (signal.from, signal.n)).collect();
        if self.is_resumable() && !had.is_empty() {
            effects.push(Effect::Acknowledge(had));
        }
    }

    /// Tells a message that the client hasn't had, from a peer that it knows.
    fn pass_on(&mut self, signal: &Signal, dialect: Dialect, effects: &mut Vec<Effect>) -> Standing {
        let standing = self.view.note(signal.from, signal.n);
        match standing {
            Standing::New => tell_message(signal, dialect, effects),
            // It was posted twice, and the client won't speak of it again.
            Standing::Repeat if self.view.is_acknowledged(signal.from, signal.n) => {
                effects.push(Effect::Acknowledge(vec![(signal.from, signal.n)]));
            }
            Standing::Repeat | Standing::Stranger => {}
        }
        standing
    }

    /// Hears what waited for a snapshot. If something is missing even so, the rest waits for the next one.
    fn replay(
        &mut self,
        held: Held,
        older: usize,
        dialect: Dialect,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Overrun> {
        for (index, event) in held.into_iter().enumerate() {
            if self.is_settled(&event, index < older) {
                continue;
            }
            self.hear(event, dialect, effects)?;
        }
        if let Flow::CatchingUp { held, older } = &mut self.flow {
            *older = held.len();
        }
        Ok(())
    }

    /// Who sent a message before the snapshot and isn't in it has left since. What lapsed before the next snapshot is asked
    /// for will be in that.
    fn is_settled(&self, event: &Event, older: bool) -> bool {
        match (event, &self.flow) {
            (Event::Signal(signal), Flow::Live) => older && !self.view.knows(signal.from),
            (Event::Lapse, Flow::CatchingUp { .. }) => true,
            _ => false,
        }
    }
}

fn tell_message(signal: &Signal, dialect: Dialect, effects: &mut Vec<Effect>) {
    let frame = ServerEvent::Signal(signal).encode(dialect);
    effects.extend(frame.map(|frame| match &signal.trace {
        None => Effect::Send(frame),
        Some(trace) => Effect::SendTraced(frame, signal.kind, trace.clone()),
    }));
}

fn tell(event: &ServerEvent<'_>, dialect: Dialect, effects: &mut Vec<Effect>) {
    effects.extend(event.encode(dialect).map(Effect::Send));
}
