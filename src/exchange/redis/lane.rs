//! What this node has to do with one partition: its members there, what they ask, and what they are told.
//!
//! A lane outlives every connection. What it was asked waits here, in order, for the link that serves it; what a link
//! did not get answered comes back to the front.
//!
//! A member's life here: its channel is subscribed to; once Redis confirms that, it is let in by the script; so it can't
//! miss what happens in between.

use super::{
    connection::Reply,
    partition::Partition,
    request::{Ask, JoinAnswer, Request, read_ids, read_number, read_sync},
    trouble::Fault,
};
use crate::{
    exchange::Recipient,
    metrics::ExchangeMetrics,
    protocol::{Info, LeaveReason, RoomName, Signal, SocketId},
    room::{Event, Member, Refusal},
};
use std::{
    collections::{HashMap, VecDeque},
    mem,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Requests that may wait for Redis in one lane; a further one is refused.
const MAX_WAITING: usize = 16 * 1024;

/// Their memory, in bytes.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// After so many deliveries a mailbox is trimmed at once; else at the next beat.
const DELIVERIES_PER_TRIM: u32 = 64;

/// One partition, as this node sees it.
pub(super) struct Lane {
    pub(super) partition: Partition,
    metrics: Arc<ExchangeMetrics>,
    /// A `std` mutex: held for look-ups, pushes and deliveries, never across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: HashMap<SocketId, Registration>,
    channels: VecDeque<Channel>,
    waiting: VecDeque<Request>,
    waiting_bytes: usize,
    /// Who had messages since its mailbox was trimmed.
    untrimmed: Vec<SocketId>,
    /// One of them had many.
    trim_is_due: bool,
    leased_until: Option<Instant>,
    wake: Arc<Wake>,
}

/// A member of this node's.
struct Registration {
    room: RoomName,
    recipient: Arc<dyn Recipient>,
    stage: Stage,
    /// How often something may have been missed.
    lapses: u32,
    /// How many lapses were made good by a sync.
    repaired: u32,
    /// Deliveries since its mailbox was trimmed, and the last of them.
    delivered: u32,
    last: Option<Signal>,
}

enum Stage {
    /// Its channel is being subscribed to; then it asks to join.
    Subscribing { info: Info, capacity: NonZeroUsize },
    /// It asked to join, or is in.
    Entered,
}

/// What is to be done about a member's channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Subscribe(Member),
    Unsubscribe(Member),
}

/// How a lane calls the two halves of the link that serves it.
#[derive(Default)]
pub(super) struct Wake {
    pub(super) writer: Notify,
    pub(super) subscriber: Notify,
}

impl Lane {
    pub(super) fn new(partition: Partition, metrics: Arc<ExchangeMetrics>) -> Self {
        Self { partition, metrics, state: Mutex::default() }
    }

    // What members ask.

    pub(super) fn join(
        &self,
        member: &Member,
        info: Info,
        capacity: NonZeroUsize,
        recipient: Arc<dyn Recipient>,
    ) {
        let mut state = self.state();
        let registration = Registration {
            room: member.room.clone(),
            recipient,
            stage: Stage::Subscribing { info, capacity },
            lapses: 0,
            repaired: 0,
            delivered: 0,
            last: None,
        };
        state.members.insert(member.id, registration);
        state.change_channel(Channel::Subscribe(member.clone()));
    }

    pub(super) fn leave(&self, member: &Member, reason: LeaveReason) {
        let mut state = self.state();
        let Some(registration) = state.members.remove(&member.id) else { return };
        state.change_channel(Channel::Unsubscribe(member.clone()));
        if let Stage::Entered = registration.stage {
            self.ask(&mut state, member, Ask::Leave(reason));
        }
    }

    pub(super) fn post(&self, member: &Member, to: SocketId, signal: Signal) {
        self.ask_as_member(member, |_| Ask::Post { to, signal });
    }

    pub(super) fn broadcast(&self, member: &Member, signal: Signal) {
        self.ask_as_member(member, |_| Ask::Broadcast(signal));
    }

    pub(super) fn set_info(&self, member: &Member, info: Info) {
        self.ask_as_member(member, |_| Ask::SetInfo(info));
    }

    pub(super) fn sync(&self, member: &Member) {
        self.ask_as_member(member, |registration| Ask::Sync { lapses: registration.lapses });
    }

    /// Who isn't there has no say.
    fn ask_as_member(&self, member: &Member, ask: impl FnOnce(&Registration) -> Ask) {
        let mut state = self.state();
        if let Some(registration) = state.members.get(&member.id) {
            let ask = ask(registration);
            self.ask(&mut state, member, ask);
        }
    }

    fn ask(&self, state: &mut State, member: &Member, ask: Ask) {
        let request = Request { member: member.clone(), ask };
        let full = state.waiting.len() >= MAX_WAITING || state.waiting_bytes >= MAX_WAITING_BYTES;
        if full && request.is_refusable() {
            self.metrics.dropped.inc();
            return state.refuse(request);
        }
        state.waiting_bytes += request.weight();
        state.waiting.push_back(request);
        self.metrics.waiting.inc();
        state.wake.writer.notify_one();
    }

    // What the link does.

    /// A new link serves the lane: every channel is to be subscribed to on its connection.
    pub(super) fn attach(&self, wake: Arc<Wake>) {
        let mut state = self.state();
        state.wake = wake;
        let everyone = state.members.iter();
        let everyone = everyone.map(|(id, registration)| Member { room: registration.room.clone(), id: *id });
        state.channels = everyone.map(Channel::Subscribe).collect();
    }

    /// Takes up to `most` changes of channels that can go into one command.
    pub(super) fn take_channels(&self, most: usize) -> Vec<Channel> {
        let mut state = self.state();
        let kind = state.channels.front().map(mem::discriminant);
        let alike =
            state.channels.iter().take(most).take_while(|channel| Some(mem::discriminant(*channel)) == kind);
        let count = alike.count();
        state.channels.drain(..count).collect()
    }

    /// Redis confirmed that the member's channel is subscribed to. Says whether it had been before, on another connection.
    pub(super) fn subscribed(&self, id: SocketId) -> bool {
        let mut state = self.state();
        let Some(registration) = state.members.get_mut(&id) else { return false };
        match mem::replace(&mut registration.stage, Stage::Entered) {
            Stage::Subscribing { info, capacity } => {
                let member = Member { room: registration.room.clone(), id };
                self.ask(&mut state, &member, Ask::Join { info, capacity });
                false
            }
            Stage::Entered => {
                // Before anything that the new connection brings, so that no message hides one that was missed.
                registration.lapse();
                true
            }
        }
    }

    /// Whether a channel that Redis unsubscribed from was still wanted.
    pub(super) fn misses(&self, id: SocketId) -> bool {
        self.state().members.contains_key(&id)
    }

    /// Hands a member what came through its channel.
    pub(super) fn deliver(&self, id: SocketId, event: Event) {
        let state = &mut *self.state();
        let Some(registration) = state.members.get_mut(&id) else { return };
        if let Event::Signal(signal) = &event {
            registration.last = Some(signal.clone());
            registration.delivered += 1;
            match registration.delivered {
                1 => state.untrimmed.push(id),
                DELIVERIES_PER_TRIM => {
                    state.trim_is_due = true;
                    state.wake.writer.notify_one();
                }
                _ => {}
            }
        }
        registration.recipient.deliver(event);
    }

    /// Takes requests to send: all that wait, up to `most`.
    pub(super) fn take_requests(&self, most: usize) -> Vec<Request> {
        let mut state = self.state();
        if state.trim_is_due {
            self.ask_to_trim(&mut state);
        }
        let count = state.waiting.len().min(most);
        let requests: Vec<_> = state.waiting.drain(..count).collect();
        state.waiting_bytes -= requests.iter().map(Request::weight).sum::<usize>();
        requests
    }

    /// Takes back, to the front, a request that was not answered.
    pub(super) fn put_back(&self, request: Request) {
        self.state().put_back(request);
    }

    /// Asks for the mailboxes to be trimmed of what was delivered.
    pub(super) fn trim(&self) {
        self.ask_to_trim(&mut self.state());
    }

    fn ask_to_trim(&self, state: &mut State) {
        state.trim_is_due = false;
        for id in mem::take(&mut state.untrimmed) {
            let Some(registration) = state.members.get_mut(&id) else { continue };
            registration.delivered = 0;
            // Until a sync has told what was missed, it may lie before the last that was delivered.
            if registration.lapses == registration.repaired
                && let Some(last) = registration.last.take()
            {
                let member = Member { room: registration.room.clone(), id };
                self.ask(state, &member, Ask::Trim(last));
            }
        }
    }

    /// Passes an answer on.
    pub(super) fn answered(&self, request: Request, reply: &Reply) -> Result<(), Fault> {
        let mut state = self.state();
        if let Reply::Error(text) = reply {
            return self.failed(&mut state, request, Fault::of_error(text));
        }
        self.metrics.waiting.dec();
        let Member { id, .. } = request.member;
        match request.ask {
            Ask::Join { info, capacity } => match JoinAnswer::read(reply)? {
                JoinAnswer::Joined(snapshot) => state.tell(id, Event::Joined(snapshot)),
                JoinAnswer::Full => state.end(&request.member, Event::Refused(Refusal::Full)),
                JoinAnswer::NoLease => {
                    state.leased_until = None;
                    self.metrics.waiting.inc();
                    state.put_back(Request { member: request.member, ask: Ask::Join { info, capacity } });
                }
            },
            Ask::Post { to, signal: Signal { n, .. } } => match read_number(reply)? {
                0 => state.tell(id, Event::Gone { to, n }),
                -1 => self.mailbox_is_full(&state, id, to, n),
                _ => {}
            },
            Ask::Broadcast(Signal { n, .. }) => {
                for to in read_ids(reply)? {
                    self.mailbox_is_full(&state, id, to, n);
                }
            }
            Ask::SetInfo(_) => {
                if read_number(reply)? == 0 {
                    state.end(&request.member, Event::Removed);
                }
            }
            Ask::Sync { lapses } => match read_sync(reply)? {
                None => state.end(&request.member, Event::Removed),
                Some((snapshot, mailbox)) => {
                    if let Some(registration) = state.members.get_mut(&id) {
                        registration.repaired = lapses;
                        registration.last = mailbox.last().cloned();
                        state.untrimmed.push(id);
                    }
                    state.tell(id, Event::Synced { snapshot, mailbox });
                }
            },
            Ask::Leave(_) | Ask::Trim(_) => {}
        }
        Ok(())
    }

    /// What can be refused is; what must be done comes back, and its link ends.
    fn failed(&self, state: &mut State, request: Request, fault: Fault) -> Result<(), Fault> {
        if request.is_refusable() && matches!(fault, Fault::Refused(_)) {
            self.metrics.waiting.dec();
            state.refuse(request);
            return Ok(());
        }
        state.put_back(request);
        Err(fault)
    }

    fn mailbox_is_full(&self, state: &State, from: SocketId, to: SocketId, n: u64) {
        self.metrics.mailbox_full.inc();
        state.tell(from, Event::Failed { to: Some(to), n });
    }

    // The lease.

    /// The lease was renewed by a beat sent at `sent`; `held` says whether it had not lapsed before.
    pub(super) fn renewed(&self, sent: Instant, lease: Duration, held: bool) {
        let mut state = self.state();
        state.leased_until = Some(sent + lease);
        if !held {
            // Others may have taken its members for dead.
            state
                .members
                .values_mut()
                .filter(|member| matches!(member.stage, Stage::Entered))
                .for_each(Registration::lapse);
        }
    }

    /// Whether this node may speak for its members here.
    pub(super) fn has_lease(&self, now: Instant) -> bool {
        self.state().leased_until.is_some_and(|until| now < until)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put_back(&mut self, request: Request) {
        self.waiting_bytes += request.weight();
        self.waiting.push_front(request);
    }

    fn change_channel(&mut self, change: Channel) {
        self.channels.push_back(change);
        self.wake.subscriber.notify_one();
    }

    fn tell(&self, id: SocketId, event: Event) {
        if let Some(registration) = self.members.get(&id) {
            registration.recipient.deliver(event);
        }
    }

    /// Tells a member for the last time.
    fn end(&mut self, member: &Member, event: Event) {
        if let Some(registration) = self.members.remove(&member.id) {
            registration.recipient.deliver(event);
            self.change_channel(Channel::Unsubscribe(member.clone()));
        }
    }

    fn refuse(&mut self, Request { member, ask }: Request) {
        match ask {
            Ask::Join { .. } => self.end(&member, Event::Refused(Refusal::Unavailable)),
            Ask::Post { to, signal } => self.tell(member.id, Event::Failed { to: Some(to), n: signal.n }),
            Ask::Broadcast(signal) => self.tell(member.id, Event::Failed { to: None, n: signal.n }),
            Ask::SetInfo(_) | Ask::Leave(_) | Ask::Sync { .. } | Ask::Trim(_) => {}
        }
    }
}

impl Registration {
    fn lapse(&mut self) {
        self.lapses += 1;
        self.recipient.deliver(Event::Lapse);
    }
}
