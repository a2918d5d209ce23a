//! One client's connection: the loop that feeds its session and does what the session says.
//!
//! A turn of the loop takes what is there, up to a batch: frames from the client and deliveries from its room. Then it
//! does everything that follows and flushes once, so that a burst costs one write.

use super::{
    Gateway,
    door::GatewayDoor,
    drain::Departure,
    limits::{Messages, Pace, Place},
    membership::Membership,
};
use crate::{
    metrics::{Counted, Outcome},
    protocol::{CloseCode, Ending, Limit, ResumeKey, SignalKind, SocketId, Trace},
    room::Event,
    session::{Effect, Input, Knock, Secrets, Session},
    websocket::{Frame, Lost, Opening, Outgoing, Socket},
};
use std::{collections::VecDeque, future::pending, mem, net::IpAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    select,
    sync::OwnedSemaphorePermit,
    task::yield_now,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::debug;

/// Frames taken from one client before its room and the others have their turn.
const BATCH: usize = 32;

/// How long who went on too fast waits for its close frame, unread, in its place: whoever comes back has a fresh allowance,
/// and would use it up again and again.
const PENANCE: Duration = Duration::from_secs(5);

pub(super) struct Connection {
    gateway: Arc<Gateway>,
    client: Option<IpAddr>,
    session: Session,
    membership: Option<Membership>,
    departure: Departure,
    messages: Messages,
    /// What the client said while its session waits for the answer to a join.
    waiting: VecDeque<String>,
    /// When this turn began.
    now: Instant,
    /// What the session said last, what this turn has to write, and whether the connection ends then. Empty, and without
    /// memory, between turns.
    effects: Vec<Effect>,
    outgoing: Vec<Outgoing>,
    /// Of the messages in it that are traced.
    traced: Vec<(SignalKind, Box<Trace>)>,
    ending: Option<Ending>,
}

/// Who comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor {
    /// Its own address, past all proxies; `None` where the server told none.
    pub(super) address: Option<IpAddr>,
    /// Whether its page may connect.
    pub(super) is_welcome: bool,
}

/// A connection's place on its node, and among those of its address.
struct Seat {
    _on_node: OwnedSemaphorePermit,
    _of_address: Option<Place>,
}

/// Serves one client from its upgrade to its end; until then it is counted among the node's tasks.
pub(super) async fn serve(
    opening: Opening,
    gateway: Arc<Gateway>,
    visitor: Visitor,
    _task: TaskTrackerToken,
) {
    let metrics = gateway.metrics.clone();
    let Some(mut socket) = opening.socket(gateway.limits.frame, metrics.clone()).await else { return };
    let _counted = Counted::into(&metrics.sockets);
    let mut phase = gateway.phase.subscribe();
    let ending = match seat(&gateway, visitor) {
        Ok(_seat) => {
            let mut connection = Connection::new(gateway, visitor);
            connection.tell_of();
            let ending = connection.run(&mut socket).await;
            // Out of its room before the farewell, which may take a while.
            drop(connection);
            if ending == Ending::Closed(CloseCode::RateLimited) {
                // Unless the node has to go.
                let _ = timeout(PENANCE, phase.wait_for(|phase| !phase.is_serving())).await;
            }
            ending
        }
        Err(code) => Ending::Closed(code),
    };
    metrics.closed(ending);
    debug!(?ending, "connection ended");
    match ending {
        Ending::Closed(code) if !ending.is_departure() => socket.close(code).await,
        _ => socket.part().await,
    }
}

/// Gives a visitor its place, or says why there is none. A browser doesn't show its page why an upgrade failed, so that this
/// is told after it.
fn seat(gateway: &Gateway, visitor: Visitor) -> Result<Seat, CloseCode> {
    // Its upgrade was under way when the node began to drain.
    if !gateway.phase.borrow().is_serving() {
        return Err(CloseCode::Restart);
    }
    if !visitor.is_welcome {
        return Err(CloseCode::Forbidden);
    }
    let of_address = visitor.address.map(|address| gateway.addresses.take(address).ok_or(address));
    let of_address = of_address.transpose().map_err(|_| {
        gateway.metrics.limit(Limit::AddressSockets);
        CloseCode::RateLimited
    })?;
    let on_node = gateway.places.clone().try_acquire_owned().map_err(|_| CloseCode::Overloaded)?;
    Ok(Seat { _on_node: on_node, _of_address: of_address })
}

impl Connection {
    fn new(gateway: Arc<Gateway>, visitor: Visitor) -> Self {
        let now = Instant::now();
        let door = Box::new(GatewayDoor::new(gateway.clone(), visitor.address));
        let session = Session::new(gateway.rules.clone(), SECRETS, door, now.into_std());
        let messages = Messages::new(gateway.limits.messages_per_socket);
        let departure = Departure::new(gateway.phase.subscribe());
        Self {
            gateway,
            client: visitor.address,
            session,
            membership: None,
            departure,
            messages,
            waiting: VecDeque::new(),
            now,
            effects: Vec::new(),
            outgoing: Vec::new(),
            traced: Vec::new(),
            ending: None,
        }
    }

    /// Tells who wants to hear of it that a client is here, unless its address connects too fast: what is told pushes older
    /// events out of their stream.
    fn tell_of(&self) {
        let Gateway { exchange, metrics, connected, .. } = &*self.gateway;
        let Some(id) = self.session.first_id().filter(|_| exchange.tells_of_connections()) else { return };
        match self.client.map_or(Pace::Fine, |address| connected.take(address.into())) {
            Pace::Fine => exchange.connected(id, self.client),
            Pace::Fast(_) | Pace::Relentless(_) => metrics.exchange.untold.inc(),
        }
    }

    async fn run(&mut self, socket: &mut Socket) -> Ending {
        let mut alarm = pin!(sleep_until(self.session.deadline().into()));
        // Kept from turn to turn, as the alarm is: to begin such a wait costs more than the rest of a turn's waiting.
        let mut departing = pin!(self.departure.next());
        loop {
            let (mut notice, mut busy) = (None, false);
            select! {
                biased;
                came = &mut departing => notice = Some(came),
                () = socket.ready(), if self.waiting.len() < BATCH => busy = true,
                () = deliveries(self.membership.as_ref()) => {}
                () = &mut alarm => {}
            }
            self.now = Instant::now();
            if let Some(notice) = notice {
                let input = self.departure.take(notice);
                self.handle(input);
                departing.set(self.departure.next());
            }
            if busy {
                busy = self.take_frames(socket);
            }
            if let Some(n) = self.membership.as_mut().and_then(Membership::newly_handled) {
                self.handle(Input::Handled(n));
            }
            // In each turn: a client that never pauses must not put off its deadline.
            self.handle(Input::Tick);
            self.take_deliveries();
            self.take_waiting();
            if let Err(ending) = self.write(socket).await {
                return ending;
            }
            if let Some(ending) = self.ending {
                return ending;
            }
            if alarm.is_elapsed() || self.session.deadline() < alarm.deadline().into_std() {
                alarm.as_mut().reset(self.session.deadline().into());
            }
            if busy {
                // Its peers have to run, too, or what it says fills their outboxes.
                yield_now().await;
            }
        }
    }

    /// Takes the client's frames that are there. Says whether there may be more.
    fn take_frames(&mut self, socket: &mut Socket) -> bool {
        for _ in 0..BATCH {
            if self.ending.is_some() || self.waiting.len() == BATCH {
                return false;
            }
            let Some(frame) = socket.take() else { return false };
            self.take_frame(frame);
        }
        true
    }

    fn take_frame(&mut self, frame: Frame<'_>) {
        match (frame, self.pace_of(frame)) {
            (_, Pace::Fine) => self.take_in_time(frame),
            (Frame::Text(text), Pace::Fast(after)) => self.handle(Input::Excess(Some(text), after)),
            (_, Pace::Fast(after)) => self.handle(Input::Excess(None, after)),
            (_, Pace::Relentless(_)) => {
                self.gateway.metrics.limit(Limit::Messages);
                self.handle(Input::Close(CloseCode::RateLimited));
            }
        }
    }

    /// Everything that a client may repeat counts.
    fn pace_of(&mut self, frame: Frame<'_>) -> Pace {
        match frame {
            Frame::Text(_) | Frame::Binary(_) | Frame::Heard => {
                self.messages.take(self.now.duration_since(self.gateway.began))
            }
            Frame::Gone(_) | Frame::Broken(_) => Pace::Fine,
        }
    }

    fn take_in_time(&mut self, frame: Frame<'_>) {
        if let (Frame::Text(_) | Frame::Binary(_), Some(membership)) = (&frame, &self.membership) {
            membership.outbox.note_received();
        }
        match frame {
            Frame::Text(text) if self.session.listens() => self.handle(Input::Text(text)),
            Frame::Text(text) => {
                self.waiting.push_back(text.to_owned());
                self.handle(Input::Heard);
            }
            Frame::Binary(_) => self.handle(Input::Binary),
            Frame::Heard => self.handle(Input::Heard),
            Frame::Gone(reason) => self.handle(Input::Gone(reason)),
            Frame::Broken(code) => self.handle(Input::Close(code)),
        }
    }

    /// Hands the session what the client said, as soon as it can take it.
    fn take_waiting(&mut self) {
        while self.session.listens() {
            let Some(text) = self.waiting.pop_front() else { return };
            self.handle(Input::Text(&text));
        }
    }

    /// Hands the session what its room told.
    fn take_deliveries(&mut self) {
        let Some(membership) = &self.membership else { return };
        let Ok(events) = membership.outbox.take() else {
            return self.handle(Input::Close(CloseCode::SlowConsumer));
        };
        for event in events {
            self.settle_answer(&event);
            self.handle(Input::Exchange(event));
        }
    }

    /// Hands something to the session and does at once what it says, but for the writing: what comes next may depend on
    /// it, such as which room the next delivery is from.
    fn handle(&mut self, input: Input<'_>) {
        let mut effects = mem::take(&mut self.effects);
        self.session.handle(input, self.now.into_std(), &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(effect);
        }
        self.effects = effects;
    }

    fn carry_out(&mut self, effect: Effect) {
        let Gateway { exchange, metrics, traces, .. } = &*self.gateway;
        match (effect, &self.membership) {
            (Effect::Send(text), _) => self.outgoing.push(Outgoing::Text(text)),
            (Effect::SendTraced(text, kind, trace), _) => {
                self.outgoing.push(Outgoing::Text(text));
                self.traced.push((kind, trace));
            }
            (Effect::Refuse(code, text), _) => {
                metrics.error(code);
                self.outgoing.extend(text.map(Outgoing::Text));
            }
            (Effect::Met(limit), _) => metrics.limit(limit),
            (Effect::Ping, _) => self.outgoing.push(Outgoing::Ping),
            (Effect::End(ending), _) => {
                if ending.is_departure() {
                    self.outgoing.clear();
                    self.traced.clear();
                }
                self.ending = Some(ending);
            }
            (Effect::TurnedAway(Knock::Join, code), _) => metrics.join_denied(self.session.dialect(), code),
            (Effect::TurnedAway(Knock::Resume, code), _) => metrics.resume_denied(code),
            // Counted among the errors.
            (Effect::TurnedAway(Knock::Renew, _), _) => {}
            (Effect::Join(member, info, capacity, lifeline), _) => {
                let client = self.client;
                self.membership =
                    Some(Membership::join(&self.gateway, client, member, info, capacity, lifeline));
            }
            (Effect::Resume(member, claim), _) => {
                self.membership = Some(Membership::resume(&self.gateway, self.client, member, claim));
            }
            (Effect::Leave(reason), _) => {
                if let Some(membership) = self.membership.take() {
                    membership.leave(reason);
                }
            }
            (Effect::Detach, _) => {
                if let Some(membership) = self.membership.take() {
                    metrics.detached.inc();
                    membership.detach();
                }
            }
            (Effect::Acknowledge(had), Some(Membership { member, .. })) => exchange.acknowledge(member, had),
            (Effect::Post(to, mut signal), Some(Membership { member, .. })) => {
                metrics.signal(signal.kind);
                traces.received(&mut signal, self.now.into_std());
                exchange.post(member, to, signal);
            }
            (Effect::Broadcast(mut signal), Some(Membership { member, .. })) => {
                metrics.signal(signal.kind);
                traces.received(&mut signal, self.now.into_std());
                exchange.broadcast(member, signal);
            }
            (Effect::SetInfo(info), Some(Membership { member, .. })) => exchange.set_info(member, info),
            (Effect::Sync, Some(Membership { member, .. })) => {
                metrics.syncs.inc();
                exchange.sync(member);
            }
            (Effect::Repaired { changes, messages }, _) => metrics.repaired(changes, messages),
            (
                Effect::Acknowledge(_)
                | Effect::Post(..)
                | Effect::Broadcast(_)
                | Effect::SetInfo(_)
                | Effect::Sync,
                None,
            ) => {
                debug_assert!(false, "the session knows whether it is in a room");
            }
        }
    }

    /// Writes what this turn has to say, unless the client takes too long to read.
    async fn write(&mut self, socket: &mut Socket) -> Result<(), Ending> {
        self.effects = Vec::new();
        let frames = mem::take(&mut self.outgoing);
        if let Some(membership) = &self.membership {
            let sent = frames.iter().filter(|frame| matches!(frame, Outgoing::Text(_))).count();
            membership.outbox.note_sent(sent as u64);
        }
        let rules = &self.gateway.rules;
        // As long as a client may be silent: while it doesn't read, it can't be pinged.
        let patience = rules.ping_interval + rules.ping_timeout;
        let written = select! {
            biased;
            written = socket.write(frames) => written.map_err(|Lost| Ending::Lost),
            () = overflow(self.membership.as_ref()) => Err(Ending::Closed(CloseCode::SlowConsumer)),
            () = self.departure.due() => Err(Ending::Closed(CloseCode::Restart)),
            () = sleep(patience) => Err(Ending::Closed(CloseCode::SlowConsumer)),
        };
        for (kind, trace) in mem::take(&mut self.traced) {
            self.gateway.traces.delivered(kind, &trace, written.err().map(Ending::as_str));
        }
        written
    }

    /// Takes note of the answer to a join or a resume: who was refused has no membership.
    fn settle_answer(&mut self, event: &Event) {
        let outcome = match event {
            Event::Joined(_) | Event::Resumed { .. } => Outcome::In,
            Event::Refused(refusal) => Outcome::Refused(refusal.code()),
            Event::Gap => return self.gateway.metrics.gaps.inc(),
            _ => return,
        };
        let (metrics, dialect) = (&self.gateway.metrics, self.session.dialect());
        let Some(membership) = &mut self.membership else { return };
        let took = membership.asked_at.elapsed();
        if membership.member.attachment.attempt() == 0 {
            metrics.join(dialect, outcome, took);
        } else {
            metrics.resume(outcome, took);
        }
        match outcome {
            Outcome::In => membership.counted = Some(Counted::into(&metrics.members)),
            Outcome::Refused(_) => self.membership = None,
        }
    }
}

/// Waits for deliveries; for ever, while the connection is in no room.
async fn deliveries(membership: Option<&Membership>) {
    match membership {
        Some(membership) => membership.outbox.ready().await,
        None => pending().await,
    }
}

/// Waits until too much waits for the client.
async fn overflow(membership: Option<&Membership>) {
    match membership {
        Some(membership) => membership.outbox.full().await,
        None => pending().await,
    }
}

const SECRETS: Secrets =
    Secrets { id: || SocketId::from_random(random()), key: || ResumeKey::from_random(random()) };

/// What nobody had before and nobody guesses.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}
