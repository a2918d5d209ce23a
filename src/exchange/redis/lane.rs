//! What this node has to do with one partition: its members there, what they ask, and what they are told.
//!
//! A lane outlives every connection. What it was asked waits here, in order, for the link that serves it; what a link
//! did not get answered comes back to the front.
//!
//! A member's life here: its channel is subscribed to; once Redis confirms that, it is let in by the script; so it can't
//! miss what happens in between. One that resumes does so beside the connection that it had here, if it had one, until it is in.
//!
//! When Redis has lost its data, or some of it, the lane registers its members again, as it knows them, and asks for nothing
//! else until every node has had the time to do so.

mod queue;
mod registration;
mod roster;
mod tenure;
#[cfg(test)]
mod tests;

use self::{
    queue::Queue,
    registration::{Registration, TrimDue, Way},
    roster::Roster,
    tenure::{News, Tenure},
};
use super::{
    batch::Room,
    connection::Reply,
    partition::Partition,
    request::{
        Ask, Change, Pulse, Request, Resumed, Synced, read_ack, read_change, read_ids, read_join,
        read_number, read_resume, read_sync,
    },
    trouble::Fault,
    wake::Wake,
};
use crate::{
    exchange::{Entry, Recipient, directory::vitals_of},
    metrics::ExchangeMetrics,
    protocol::{Had, Info, LeaveReason, Signal, SocketId, Text},
    room::{Claim, Event, Member, Refusal},
    traces::{Published, Traces},
};
use std::{
    collections::{HashSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// One partition, as this node sees it.
pub(super) struct Lane {
    pub(super) partition: Partition,
    metrics: Arc<ExchangeMetrics>,
    /// A `std` mutex: held for look-ups, pushes and deliveries, never across an await.
    state: Mutex<State>,
}

struct State {
    roster: Roster,
    tenure: Tenure,
    queue: Queue,
    /// What the link's subscriber has to do.
    channels: VecDeque<Channel>,
    /// Who had messages since its mailbox was trimmed.
    untrimmed: Vec<SocketId>,
    /// One of them had many.
    trim_is_due: bool,
    /// The link that serves the lane, while there is one.
    link: Option<Arc<Wake>>,
    traces: Traces,
}

/// What is to be done about a member's channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Subscribe(Member),
    Unsubscribe(Member),
}

/// What members ask.
impl Lane {
    pub(super) fn new(partition: Partition, metrics: Arc<ExchangeMetrics>, traces: Traces) -> Self {
        let state = State {
            roster: Roster::default(),
            tenure: Tenure::default(),
            queue: Queue::new(metrics.clone()),
            channels: VecDeque::new(),
            untrimmed: Vec::new(),
            trim_is_due: false,
            link: None,
            traces,
        };
        Self { partition, metrics, state: Mutex::new(state) }
    }

    pub(super) fn join(&self, member: &Member, entry: Entry, recipient: Arc<dyn Recipient>) {
        let mut state = self.state();
        let registration = Registration::new(member, Way::Join(entry), recipient);
        state.roster.join(member, registration);
        state.change_channel(Channel::Subscribe(member.clone()));
    }

    pub(super) fn resume(&self, member: &Member, claim: Claim, recipient: Arc<dyn Recipient>) {
        let mut state = self.state();
        let registration = Registration::new(member, Way::Resume(claim), recipient);
        state.roster.resume(member, registration);
        state.change_channel(Channel::Subscribe(member.clone()));
    }

    pub(super) fn leave(&self, member: &Member, reason: LeaveReason) {
        self.part(member, Ask::Leave(reason));
    }

    pub(super) fn detach(&self, member: &Member) {
        self.part(member, Ask::Detach);
    }

    fn part(&self, member: &Member, ask: Ask) {
        let mut state = self.state();
        let Some(registration) = state.remove(member) else { return };
        if registration.has_asked() {
            state.ask(member.clone(), ask);
        }
    }

    pub(super) fn acknowledge(&self, member: &Member, had: Had) {
        let mut state = self.state();
        let Some(registration) = state.roster.find(member) else { return };
        let due = registration.acknowledge(had);
        state.note_trim(member.id, due);
    }

    pub(super) fn post(&self, member: &Member, to: SocketId, signal: Signal) {
        self.ask(member, |_| Ask::Post { to, signal });
    }

    pub(super) fn broadcast(&self, member: &Member, signal: Signal) {
        self.ask(member, |_| Ask::Broadcast(signal));
    }

    pub(super) fn set_info(&self, member: &Member, info: Info) {
        self.ask(member, |registration| {
            registration.shows(info.clone());
            Ask::SetInfo(info)
        });
    }

    pub(super) fn sync(&self, member: &Member) {
        self.ask(member, |registration| Ask::Sync { lapses: registration.lapses() });
    }

    /// Who isn't there has no say.
    fn ask(&self, member: &Member, ask: impl FnOnce(&mut Registration) -> Ask) {
        let mut state = self.state();
        if let Some(registration) = state.roster.find(member) {
            let ask = ask(registration);
            state.ask(member.clone(), ask);
        }
    }
}

/// What the link that serves the lane does: its subscriber.
impl Lane {
    /// A new link serves the lane: every channel is to be subscribed to on its connection.
    pub(super) fn link(&self, link: Arc<Wake>) {
        let mut state = self.state();
        let mut channels = VecDeque::new();
        for (id, registration) in state.roster.everyone() {
            registration.cut();
            channels.push_back(Channel::Subscribe(registration.member(id)));
        }
        state.channels = channels;
        state.link = Some(link);
        state.tenure.relink();
    }

    /// The link is over.
    pub(super) fn unlink(&self) {
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
    pub(super) fn subscribed(&self, id: SocketId, room: &[u8]) -> bool {
        let mut state = self.state();
        let mut asked = Vec::new();
        let mut was_cut = false;
        for registration in state.roster.of(id).filter(|registration| registration.is_of(room)) {
            if let Some(ask) = registration.enter() {
                asked.push((registration.member(id), ask));
            }
            // Before anything that the new link brings, so that no message hides one that was missed.
            was_cut |= registration.mend();
        }
        for (member, ask) in asked {
            state.ask(member, ask);
        }
        was_cut
    }

    /// Whether this node has such a member.
    pub(super) fn has(&self, id: SocketId, room: &[u8]) -> bool {
        self.state().roster.of(id).any(|registration| registration.is_of(room))
    }

    /// Hands a member what came through its channel.
    pub(super) fn deliver(&self, id: SocketId, event: Event) {
        let state = &mut *self.state();
        for resuming in state.roster.resuming(id) {
            resuming.tell(event.clone());
        }
        let Some(registration) = state.roster.speaker(id) else { return };
        let Event::Signal(signal) = event else { return registration.tell(event) };
        let due = registration.hand(signal);
        state.note_trim(id, due);
    }

    /// A member was resumed, here or elsewhere: an earlier connection of its has no more say.
    pub(super) fn taken_over(&self, id: SocketId, attempt: u64) {
        let mut state = self.state();
        // One that isn't answered yet was granted before this, or will be refused.
        for resuming in state.roster.resuming(id) {
            resuming.supersede(attempt);
        }
        if let Some(before) = state.roster.speaker(id).filter(|registration| registration.attempt() < attempt)
        {
            let before = before.member(id);
            state.end(&before, Event::Replaced);
        }
    }

    /// An operator sent a member away: nobody speaks for it any more.
    pub(super) fn ended(&self, id: SocketId, reason: LeaveReason) {
        let mut state = self.state();
        // One that isn't answered yet was granted before this, or will be refused.
        for resuming in state.roster.resuming(id) {
            resuming.end(reason);
        }
        let Some(speaker) = state.roster.speaker(id) else { return };
        let (member, is_in) = (speaker.member(id), speaker.is_in());
        state.end(&member, Event::Ended(reason));
        if !is_in {
            // Should the answer to its joining be lost, it is asked again.
            state.ask(member, Ask::Leave(reason));
        }
    }

    /// Tells every member that is here.
    pub(super) fn announce(&self, frame: &Text) {
        for (_, registration) in self.state().roster.members() {
            registration.tell(Event::Announced(frame.clone()));
        }
    }

    /// How a member's connection is, in JSON.
    pub(super) fn vitals(&self, id: SocketId) -> Option<String> {
        vitals_of(self.state().roster.speaker(id)?.recipient())
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
        let is_gathering = state.tenure.is_gathering(Instant::now());
        while room.is_left()
            && let Some(request) = state.queue.pop(is_gathering)
        {
            room.fill(&request);
            taken.push(request);
        }
        taken
    }

    /// Whether nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.state().queue.is_empty()
    }

    /// Takes back a request that was not answered.
    pub(super) fn put_back(&self, request: Request) {
        self.state().queue.put_back(request);
    }

    /// Asks for every mailbox to be trimmed of what was delivered.
    pub(super) fn trim(&self) {
        self.state().trim();
    }

    /// The life of Redis' data that the members are registered in; empty until the first beat.
    pub(super) fn term(&self) -> String {
        self.state().tenure.term().to_owned()
    }

    /// How many sessions Redis should say are this node's; `None` while that changes.
    pub(super) fn census(&self) -> Option<usize> {
        let state = self.state();
        (state.queue.is_settled() && state.tenure.is_greeted()).then(|| state.roster.len())
    }

    /// The lease was renewed by a beat sent at `sent`.
    pub(super) fn renewed(&self, sent: Instant, lease: Duration, pulse: &Pulse) {
        let mut state = self.state();
        match state.tenure.renew(sent, lease, pulse) {
            News::NewTerm => state.restore_everyone(),
            News::Lapsed => {
                let asked = state.roster.everyone().map(|(_, registration)| registration);
                asked.filter(|registration| registration.has_asked()).for_each(Registration::lapse);
            }
            News::Nothing => {}
        }
    }

    /// What Redis says are this node's sessions: those that it knows and this node doesn't are given up, and the other way
    /// round they are registered again. Says how many there are of the former.
    pub(super) fn audited(&self, sessions: Vec<Member>) -> usize {
        let mut state = self.state();
        if !state.queue.is_settled() {
            return 0;
        }
        let known: HashSet<SocketId> = sessions.iter().map(|member| member.id).collect();
        let State { roster, queue, .. } = &mut *state;
        for (id, registration) in roster.members().filter(|(id, _)| !known.contains(id)) {
            let ask = Ask::Restore(registration.record());
            queue.restore(Request { member: registration.member(id), ask });
        }
        let ghosts: Vec<_> = sessions.into_iter().filter(|member| !state.roster.knows(member.id)).collect();
        let count = ghosts.len();
        for member in ghosts {
            state.ask(member, Ask::Detach);
        }
        state.wake_writer();
        count
    }

    /// Whether this node may judge others by their leases.
    pub(super) fn may_reap(&self, now: Instant) -> bool {
        self.state().tenure.may_reap(now)
    }

    /// Whether this node may speak for its members here.
    pub(super) fn has_lease(&self, now: Instant) -> bool {
        self.state().tenure.has_lease(now)
    }

    /// Whether anything but a beat can be asked now: this node has its lease, and the link has told in which life of the data.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        let state = self.state();
        state.tenure.has_lease(now) && state.tenure.is_greeted()
    }

    /// Passes an answer on.
    pub(super) fn answered(&self, request: Request, reply: &Reply) -> Result<(), Fault> {
        let mut state = self.state();
        if request.lacked_lease(reply) {
            state.tenure.lapse();
            match state.roster.find(&request.member) {
                Some(registration) => {
                    let request = registration.up_to_date(request);
                    state.queue.put_back(request);
                }
                // Who has left meanwhile must not be let in when nobody would take it out again.
                None => state.queue.done(&request),
            }
            return Ok(());
        }
        state.queue.done(&request);
        self.pass_on(&mut state, &request, reply).inspect_err(|_| state.undo(request))
    }

    fn pass_on(
        &self,
        state: &mut State,
        Request { member, ask }: &Request,
        reply: &Reply,
    ) -> Result<(), Fault> {
        match ask {
            Ask::Join(_) => match read_join(reply)? {
                joined @ Event::Joined(_) => state.entered(member, joined),
                end => state.end(member, end),
            },
            Ask::Resume(_) => match read_resume(reply)? {
                Some(resumed) => state.resumed(member, resumed),
                None => state.end(member, Event::Refused(Refusal::Expired)),
            },
            Ask::Post { to, signal } => {
                let published = match read_number(reply)? {
                    0 => {
                        state.tell(member, Event::Gone { to: *to, n: signal.n });
                        Published::Gone
                    }
                    -1 => {
                        self.mailbox_is_full(state, member, *to, signal.n);
                        Published::Failed
                    }
                    _ => Published::Done,
                };
                state.handled(member, signal, published);
            }
            Ask::Broadcast(signal) => {
                let mut published = Published::Done;
                for to in read_ids(reply)? {
                    self.mailbox_is_full(state, member, to, signal.n);
                    published = Published::Failed;
                }
                state.handled(member, signal, published);
            }
            Ask::SetInfo(_) => {
                if let Change::Over(end) = read_change(reply)? {
                    state.end(member, end);
                }
            }
            Ask::Sync { lapses } => match read_sync(reply)? {
                Synced::With(snapshot, mailbox) => {
                    state.repaired(member, *lapses, mailbox.last());
                    state.tell(member, Event::Synced { snapshot, mailbox });
                }
                Synced::Over(end) => state.end(member, end),
            },
            Ask::Restore(_) => match read_change(reply)? {
                Change::Over(end) => state.end(member, end),
                Change::Done(-1) => state.end(member, Event::Replaced),
                Change::Done(2) => self.metrics.restored.inc(),
                Change::Done(_) => {}
            },
            Ask::Acknowledge(had) => {
                if read_ack(reply)? > 0
                    && let Some(registration) = state.roster.find(member)
                {
                    registration.still_had(had);
                }
            }
            Ask::Leave(_) | Ask::Detach | Ask::Trim(_) => {}
        }
        Ok(())
    }

    /// Redis refused this for good: whoever asked is told.
    pub(super) fn refuse(&self, request: Request) {
        let mut state = self.state();
        state.queue.done(&request);
        state.undo(request);
    }

    fn mailbox_is_full(&self, state: &mut State, from: &Member, to: SocketId, n: u64) {
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

    fn note_trim(&mut self, id: SocketId, due: TrimDue) {
        if due != TrimDue::No {
            self.untrimmed.push(id);
        }
        if due == TrimDue::Now {
            self.trim_is_due = true;
            self.wake_writer();
        }
    }

    fn trim(&mut self) {
        self.trim_is_due = false;
        for id in mem::take(&mut self.untrimmed) {
            let Some(registration) = self.roster.speaker(id) else { continue };
            if let Some(ask) = registration.take_trim() {
                // Before all that waits: what waits may be for a mailbox that is full.
                self.queue.push_front(Request { member: registration.member(id), ask });
                self.wake_writer();
            }
        }
    }

    /// Forgets a connection, and its channel when it was the member's last.
    fn remove(&mut self, member: &Member) -> Option<Registration> {
        let removed = self.roster.remove(member)?;
        self.release(member);
        Some(removed)
    }

    /// Leaves a channel that nobody needs any more.
    fn release(&mut self, member: &Member) {
        let room = member.room.as_str().as_bytes();
        if !self.roster.of(member.id).any(|registration| registration.is_of(room)) {
            self.change_channel(Channel::Unsubscribe(member.clone()));
        }
    }

    /// Redis lost its data, or the last of it: everybody is registered again, and told that messages may be lost.
    fn restore_everyone(&mut self) {
        for (id, registration) in self.roster.members() {
            let ask = Ask::Restore(registration.record());
            self.queue.restore(Request { member: registration.member(id), ask });
            registration.tell(Event::Gap);
            registration.lapse();
        }
    }

    /// A member is in.
    fn entered(&mut self, member: &Member, event: Event) {
        if let Some(registration) = self.roster.find(member) {
            registration.entered();
            registration.tell(event);
        }
    }

    /// A member is in again, through this connection. The one that it had here before is over.
    fn resumed(&mut self, member: &Member, resumed: Resumed) {
        let Some(mut registration) = self.roster.take_resuming(member) else { return };
        registration.resumed(&resumed);
        let Resumed { snapshot, mailbox, has_gap, .. } = resumed;
        registration.tell(Event::Resumed { snapshot, mailbox });
        if has_gap {
            registration.tell(Event::Gap);
        }
        if let Some(epitaph) = registration.epitaph() {
            registration.tell(epitaph);
            return self.release(member);
        }
        if let Some(before) = self.roster.take_up(member, registration) {
            before.tell(Event::Replaced);
        }
    }

    /// A sync told a member all up to this message. Its mailbox may be full: it is trimmed at once.
    fn repaired(&mut self, member: &Member, lapses: u32, last: Option<&Signal>) {
        let Some(registration) = self.roster.find(member) else { return };
        if registration.repaired(lapses, last) {
            self.untrimmed.push(member.id);
            self.trim_is_due = true;
        }
    }

    fn tell(&mut self, member: &Member, event: Event) {
        if let Some(registration) = self.roster.find(member) {
            registration.tell(event);
        }
    }

    /// A member's messages up to this one are handled.
    fn handled(&mut self, member: &Member, signal: &Signal, published: Published) {
        if let Some(registration) = self.roster.find(member) {
            registration.handled(signal.n);
        }
        self.traces.published(signal.kind, signal.trace.as_deref(), published);
    }

    /// Tells a connection for the last time.
    fn end(&mut self, member: &Member, event: Event) {
        if let Some(registration) = self.remove(member) {
            registration.tell(event);
        }
    }

    /// Tells that what Redis was asked isn't done, as far as can be known.
    fn undo(&mut self, request: Request) {
        let member = request.member.clone();
        let parting = match request.ask {
            Ask::Join(_) => Some(Ask::Leave(LeaveReason::Lost)),
            Ask::Resume(_) => Some(Ask::Detach),
            _ => None,
        };
        self.refuse(request);
        if let Some(ask) = parting {
            self.ask(member, ask);
        }
    }

    /// Tells that what was asked isn't done.
    fn refuse(&mut self, Request { member, ask }: Request) {
        match ask {
            Ask::Join(_) | Ask::Resume(_) => self.end(&member, Event::Refused(Refusal::Unavailable)),
            Ask::Post { to, signal } => {
                self.tell(&member, Event::Failed { to: Some(to), n: Some(signal.n) });
                self.traces.published(signal.kind, signal.trace.as_deref(), Published::Failed);
            }
            Ask::Broadcast(signal) => {
                self.tell(&member, Event::Failed { to: None, n: Some(signal.n) });
                self.traces.published(signal.kind, signal.trace.as_deref(), Published::Failed);
            }
            Ask::SetInfo(_) => self.tell(&member, Event::Failed { to: None, n: None }),
            // It can't be told what it missed, or isn't there for the others.
            Ask::Sync { .. } | Ask::Restore(_) => self.end(&member, Event::Removed),
            Ask::Leave(_) | Ask::Detach | Ask::Trim(_) | Ask::Acknowledge(_) => {}
        }
    }
}
