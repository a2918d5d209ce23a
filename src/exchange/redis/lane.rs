//! What this node has to do with one partition: its members there, what they ask, and what they are told.
//!
//! A lane outlives every connection. What it was asked waits here, in order, for the link that serves it; what a link
//! did not get answered comes back to the front.
//!
//! A member's life here: its channel is subscribed to; once Redis confirms that, it is let in by the script; so it can't
//! miss what happens in between.

mod queue;
mod registration;
#[cfg(test)]
mod tests;

use self::{queue::Queue, registration::Registration};
use super::{
    batch::Room,
    connection::Reply,
    partition::Partition,
    request::{Ask, Request, read_ids, read_join, read_number, read_sync},
    trouble::Fault,
    wake::Wake,
};
use crate::{
    exchange::Recipient,
    metrics::ExchangeMetrics,
    protocol::{Info, LeaveReason, Signal, SocketId},
    room::{Event, Member, Refusal},
};
use std::{
    collections::{HashMap, VecDeque},
    mem,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
/// After so many deliveries a mailbox is trimmed at once; else by and by.
const DELIVERIES_PER_TRIM: u32 = 64;

/// One partition, as this node sees it.
pub(super) struct Lane {
    pub(super) partition: Partition,
    metrics: Arc<ExchangeMetrics>,
    /// A `std` mutex: held for look-ups, pushes and deliveries, never across an await.
    state: Mutex<State>,
}

struct State {
    members: HashMap<SocketId, Registration>,
    queue: Queue,
    /// What the link's subscriber has to do.
    channels: VecDeque<Channel>,
    /// Who had messages since its mailbox was trimmed.
    untrimmed: Vec<SocketId>,
    /// One of them had many.
    trim_is_due: bool,
    leased_until: Option<Instant>,
    /// From when on this node may judge others by their leases.
    steady_from: Option<Instant>,
    /// The link that serves the lane, while there is one.
    link: Option<Arc<Wake>>,
}

/// What is to be done about a member's channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Subscribe(Member),
    Unsubscribe(Member),
}

/// What members ask.
impl Lane {
    pub(super) fn new(partition: Partition, metrics: Arc<ExchangeMetrics>) -> Self {
        let state = State {
            members: HashMap::new(),
            queue: Queue::new(metrics.clone()),
            channels: VecDeque::new(),
            untrimmed: Vec::new(),
            trim_is_due: false,
            leased_until: None,
            steady_from: None,
            link: None,
        };
        Self { partition, metrics, state: Mutex::new(state) }
    }

    pub(super) fn join(
        &self,
        member: &Member,
        info: Info,
        capacity: NonZeroUsize,
        recipient: Arc<dyn Recipient>,
    ) {
        let mut state = self.state();
        let registration = Registration::new(member.room.clone(), info, capacity, recipient);
        state.members.insert(member.id, registration);
        state.change_channel(Channel::Subscribe(member.clone()));
    }

    pub(super) fn leave(&self, member: &Member, reason: LeaveReason) {
        let mut state = self.state();
        let Some(registration) = state.members.remove(&member.id) else { return };
        state.change_channel(Channel::Unsubscribe(member.clone()));
        if registration.has_entered() {
            state.ask(member.clone(), Ask::Leave(reason));
        }
    }

    pub(super) fn post(&self, member: &Member, to: SocketId, signal: Signal) {
        self.ask(member, |_| Ask::Post { to, signal });
    }

    pub(super) fn broadcast(&self, member: &Member, signal: Signal) {
        self.ask(member, |_| Ask::Broadcast(signal));
    }

    pub(super) fn set_info(&self, member: &Member, info: Info) {
        self.ask(member, |_| Ask::SetInfo(info));
    }

    pub(super) fn sync(&self, member: &Member) {
        self.ask(member, |registration| Ask::Sync { lapses: registration.lapses() });
    }

    /// Who isn't there has no say.
    fn ask(&self, member: &Member, ask: impl FnOnce(&Registration) -> Ask) {
        let mut state = self.state();
        if let Some(registration) = state.members.get(&member.id) {
            let ask = ask(registration);
            state.ask(member.clone(), ask);
        }
    }
}

/// What the link that serves the lane does: its subscriber.
impl Lane {
    /// A new link serves the lane: every channel is to be subscribed to on its connection.
    pub(super) fn attach(&self, link: Arc<Wake>) {
        let mut state = self.state();
        let everyone = state.members.iter().map(|(id, registration)| registration.member(*id));
        state.channels = everyone.map(Channel::Subscribe).collect();
        state.link = Some(link);
        // What went on meanwhile isn't known.
        state.steady_from = None;
    }

    /// The link is over.
    pub(super) fn detach(&self) {
        let mut state = self.state();
        state.channels = VecDeque::new();
        state.link = None;
    }

    /// Takes up to `most` changes of channels that can go into one command.
    pub(super) fn take_channels(&self, most: usize) -> Vec<Channel> {
        let mut state = self.state();
        let kind = state.channels.front().map(mem::discriminant);
        let alike = |channel: &&Channel| Some(mem::discriminant(*channel)) == kind;
        let count = state.channels.iter().take(most).take_while(alike).count();
        state.channels.drain(..count).collect()
    }

    /// Redis confirmed that the member's channel is subscribed to. Says whether it had been before, on another link.
    pub(super) fn subscribed(&self, id: SocketId) -> bool {
        let mut state = self.state();
        let Some(registration) = state.members.get_mut(&id) else { return false };
        if let Some((info, capacity)) = registration.enter() {
            let member = registration.member(id);
            state.ask(member, Ask::Join { info, capacity });
            return false;
        }
        // Before anything that the new link brings, so that no message hides one that was missed.
        registration.lapse();
        true
    }

    /// Whether this node has such a member.
    pub(super) fn has(&self, id: SocketId) -> bool {
        self.state().members.contains_key(&id)
    }

    /// Hands a member what came through its channel.
    pub(super) fn deliver(&self, id: SocketId, event: Event) {
        let state = &mut *self.state();
        let Some(registration) = state.members.get_mut(&id) else { return };
        let Event::Signal(signal) = event else { return registration.tell(event) };
        match registration.hand(signal) {
            1 => state.untrimmed.push(id),
            DELIVERIES_PER_TRIM => {
                state.trim_is_due = true;
                state.wake_writer();
            }
            _ => {}
        }
    }
}

/// What the link that serves the lane does: its writer.
impl Lane {
    /// Takes the first requests to send, as many as there is room for.
    pub(super) fn take_requests(&self, room: &mut Room) -> Vec<Request> {
        let mut state = self.state();
        if state.trim_is_due {
            state.trim();
        }
        let mut taken = Vec::new();
        while room.is_left()
            && let Some(request) = state.queue.pop()
        {
            room.fill(&request);
            taken.push(request);
        }
        taken
    }

    /// Takes back a request that was not answered.
    pub(super) fn put_back(&self, request: Request) {
        self.state().queue.put_back(request);
    }

    /// Asks for every mailbox to be trimmed of what was delivered.
    pub(super) fn trim(&self) {
        self.state().trim();
    }

    /// The lease was renewed by a beat sent at `sent`; `held` says whether it had not lapsed before.
    pub(super) fn renewed(&self, sent: Instant, lease: Duration, held: bool) {
        let mut state = self.state();
        let lapsed = !held || state.leased_until.is_some_and(|until| until < sent);
        if lapsed || state.steady_from.is_none() {
            state.steady_from = Some(sent + lease);
        }
        state.leased_until = Some(sent + lease);
        if !held {
            // Others may have taken its members for dead.
            let entered = state.members.values_mut().filter(|registration| registration.has_entered());
            entered.for_each(Registration::lapse);
        }
    }

    /// Whether this node has held its lease for so long that who let theirs lapse is dead. When Redis was away from
    /// everybody, all leases have lapsed, and who comes back first must wait for the others.
    pub(super) fn may_reap(&self, now: Instant) -> bool {
        self.state().steady_from.is_some_and(|from| now >= from)
    }

    /// Whether this node may speak for its members here.
    pub(super) fn has_lease(&self, now: Instant) -> bool {
        self.state().leased_until.is_some_and(|until| now < until)
    }

    /// Passes an answer on.
    pub(super) fn answered(&self, request: Request, reply: &Reply) -> Result<(), Fault> {
        let mut state = self.state();
        if request.lacked_lease(reply) {
            state.leased_until = None;
            // Who has left meanwhile must not be let in when nobody would take it out again.
            if state.members.contains_key(&request.member.id) {
                state.queue.put_back(request);
            } else {
                state.queue.done();
            }
            return Ok(());
        }
        state.queue.done();
        self.pass_on(&mut state, &request, reply).inspect_err(|_| state.undo(request))
    }

    fn pass_on(
        &self,
        state: &mut State,
        Request { member, ask }: &Request,
        reply: &Reply,
    ) -> Result<(), Fault> {
        match ask {
            Ask::Join { .. } => match read_join(reply)? {
                Some(snapshot) => state.tell(member.id, Event::Joined(snapshot)),
                None => state.end(member, Event::Refused(Refusal::Full)),
            },
            Ask::Post { to, signal } => match read_number(reply)? {
                0 => state.tell(member.id, Event::Gone { to: *to, n: signal.n }),
                -1 => self.mailbox_is_full(state, member.id, *to, signal.n),
                _ => {}
            },
            Ask::Broadcast(signal) => {
                for to in read_ids(reply)? {
                    self.mailbox_is_full(state, member.id, to, signal.n);
                }
            }
            Ask::SetInfo(_) => {
                if read_number(reply)? == 0 {
                    state.end(member, Event::Removed);
                }
            }
            Ask::Sync { lapses } => match read_sync(reply)? {
                Some((snapshot, mailbox)) => {
                    state.repaired(member.id, *lapses, mailbox.last());
                    state.tell(member.id, Event::Synced { snapshot, mailbox });
                }
                None => state.end(member, Event::Removed),
            },
            Ask::Leave(_) | Ask::Trim(_) => {}
        }
        Ok(())
    }

    /// Redis refused this for good: whoever asked is told.
    pub(super) fn refuse(&self, request: Request) {
        let mut state = self.state();
        state.queue.done();
        state.undo(request);
    }

    fn mailbox_is_full(&self, state: &State, from: SocketId, to: SocketId, n: u64) {
        self.metrics.mailbox_full.inc();
        state.tell(from, Event::Failed { to: Some(to), n: Some(n) });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ask(&mut self, member: Member, ask: Ask) {
        match self.queue.push(Request { member, ask }) {
            None => self.wake_writer(),
            Some(request) => self.refuse(request),
        }
    }

    fn wake_writer(&self) {
        if let Some(link) = &self.link {
            link.writer.notify_one();
        }
    }

    /// Without a link there is nothing to change: the next one begins with every channel.
    fn change_channel(&mut self, change: Channel) {
        if let Some(link) = &self.link {
            self.channels.push_back(change);
            link.subscriber.notify_one();
        }
    }

    fn trim(&mut self) {
        self.trim_is_due = false;
        for id in mem::take(&mut self.untrimmed) {
            let Some(registration) = self.members.get_mut(&id) else { continue };
            if let Some(last) = registration.take_delivered() {
                // Before all that waits: what waits may be for a mailbox that is full.
                self.queue.push_front(Request { member: registration.member(id), ask: Ask::Trim(last) });
                self.wake_writer();
            }
        }
    }

    /// A sync told a member all up to this message. Its mailbox may be full: it is trimmed at once.
    fn repaired(&mut self, id: SocketId, lapses: u32, last: Option<&Signal>) {
        let Some(registration) = self.members.get_mut(&id) else { return };
        registration.repaired(lapses);
        if let Some(last) = last {
            registration.had(last.clone());
            self.untrimmed.push(id);
            self.trim_is_due = true;
        }
    }

    fn tell(&self, id: SocketId, event: Event) {
        if let Some(registration) = self.members.get(&id) {
            registration.tell(event);
        }
    }

    /// Tells a member for the last time.
    fn end(&mut self, member: &Member, event: Event) {
        if let Some(registration) = self.members.remove(&member.id) {
            registration.tell(event);
            self.change_channel(Channel::Unsubscribe(member.clone()));
        }
    }

    /// Tells that what Redis was asked isn't done, as far as can be known.
    fn undo(&mut self, request: Request) {
        let joining = matches!(request.ask, Ask::Join { .. }).then(|| request.member.clone());
        self.refuse(request);
        if let Some(member) = joining {
            self.ask(member, Ask::Leave(LeaveReason::Lost));
        }
    }

    /// Tells that what was asked isn't done.
    fn refuse(&mut self, Request { member, ask }: Request) {
        match ask {
            Ask::Join { .. } => self.end(&member, Event::Refused(Refusal::Unavailable)),
            Ask::Post { to, signal: Signal { n, .. } } => {
                self.tell(member.id, Event::Failed { to: Some(to), n: Some(n) });
            }
            Ask::Broadcast(Signal { n, .. }) => self.tell(member.id, Event::Failed { to: None, n: Some(n) }),
            Ask::SetInfo(_) => self.tell(member.id, Event::Failed { to: None, n: None }),
            // It can't be told what it missed.
            Ask::Sync { .. } => self.end(&member, Event::Removed),
            Ask::Leave(_) | Ask::Trim(_) => {}
        }
    }
}
