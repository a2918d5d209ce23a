//! The life of one client's connection, decided without doing any of it.
//!
//! A [`Session`] takes an [`Input`] and the time, and answers with [`Effect`]s: frames to send, requests to the exchange,
//! the end of the connection. It reads no clock and knows no socket, so that every order of events can be tried in a test.
//!
//! ```text
//! Outside ──join, resume──▶ Entering ──Joined, Resumed──▶ Inside ──leave──▶ Outside
//!    ▲                         └────────Refused──────────────┐
//!    └───────────────────────────────────────────────────────┘        any ──▶ Over
//! ```
//!
//! A membership that can be resumed outlives its session: when the connection ends, but not by anybody's will, the session
//! says [`Effect::Detach`] in place of [`Effect::Leave`], and another one takes the membership up.

mod acks;
mod held;
mod inside;
mod view;

#[cfg(test)]
mod tests;

use self::{
    held::{Held, Overrun},
    inside::Inside,
    view::View,
};
use crate::{
    protocol::{
        ClientEvent, ClientFrame, CloseCode, Dialect, Ending, ErrorCode, Fault, Had, IceServer, Info,
        JoinRequest, LeaveReason, ResumeKey, ResumeRequest, ServerEvent, Signal, SocketId, Text, Ticket,
    },
    room::{Attachment, Claim, Event, Lifeline, Member, Refusal, Snapshot},
};
use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

/// What a session goes by; one for all of a node's.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long a connection may be outside of a room.
    pub join_timeout: Duration,
    /// How long a client may be silent before it is pinged.
    pub ping_interval: Duration,
    /// How long it may be silent after that.
    pub ping_timeout: Duration,
    /// How long a membership outlives its connection, if its client asks for that.
    pub resume_window: Duration,
    /// What clients are told of STUN and TURN servers.
    pub ice_servers: Vec<IceServer>,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// The client sent a text frame.
    Text(&'a str),
    /// The client sent a binary frame.
    Binary,
    /// The client sent a WebSocket ping or pong.
    Heard,
    /// The exchange tells something.
    Exchange(Event),
    /// Every message of the client's up to this number was handled.
    Handled(u64),
    /// The node drains: the client should come back elsewhere after this time.
    Drain(Duration),
    /// Time passed; the session's [deadline](Session::deadline) may have come.
    Tick,
    /// The client ended the connection, or it broke.
    Gone(LeaveReason),
    /// The gateway must end the connection.
    Close(CloseCode),
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a text frame.
    Send(Text),
    /// Tell the client of an error, in a dialect that has errors.
    Refuse(ErrorCode, Option<Text>),
    /// Send a WebSocket ping.
    Ping,
    /// Enter a room.
    Join(Member, Info, Option<Lifeline>),
    /// Take up a membership that another connection had.
    Resume(Member, Claim),
    /// Leave the room.
    Leave(LeaveReason),
    /// Leave the membership to another connection that may take it up.
    Detach,
    /// The client had these: they needn't be kept for it.
    Acknowledge(Had),
    /// Post a message to a peer.
    Post(SocketId, Signal),
    /// Post a message to all the others.
    Broadcast(Signal),
    /// Change what the others are shown.
    SetInfo(Info),
    /// Ask the exchange for a snapshot.
    Sync,
    /// Note that the client was told things by a snapshot instead of as they happened.
    Repaired {
        /// Peers that came, went or show something else.
        changes: usize,
        /// Messages.
        messages: usize,
    },
    /// End the connection. The last effect of a session.
    End(Ending),
}

/// One connection's state.
#[derive(Debug)]
pub struct Session {
    rules: Arc<Rules>,
    secrets: Secrets,
    dialect: Option<Dialect>,
    state: State,
    malformed: u8,
    heard: Instant,
    pinged: bool,
}

/// Where a session has what nobody can guess from: ids that were never used, and keys.
#[derive(Clone, Copy, Debug)]
pub struct Secrets {
    /// Makes an id.
    pub id: fn() -> SocketId,
    /// Makes a key.
    pub key: fn() -> ResumeKey,
}

#[derive(Debug)]
enum State {
    Outside {
        since: Instant,
    },
    /// Deliveries that overtook the answer wait in `held`.
    Entering {
        member: Member,
        way: Way,
        held: Held,
        since: Instant,
    },
    Inside(Inside),
    Over,
}

#[derive(Debug)]
enum Way {
    /// By joining; with a key, where the client wants to come back.
    Joining(Option<ResumeKey>),
    /// By resuming: with a new key, and what its client knows.
    Resuming(ResumeKey, View),
}

/// How a membership ends, or this connection's part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    /// It ends.
    Leaving(LeaveReason),
    /// It goes on, if it can be resumed; else it is lost.
    Detaching,
}

impl Session {
    /// So many malformed frames end a connection: a well-made client sends none.
    pub const MAX_MALFORMED: u8 = 10;

    /// A connection made `now`.
    pub fn new(rules: Arc<Rules>, secrets: Secrets, now: Instant) -> Self {
        let state = State::Outside { since: now };
        Self { rules, secrets, dialect: None, state, malformed: 0, heard: now, pinged: false }
    }

    /// Takes what happened, and adds what is to be done about it.
    pub fn handle(&mut self, input: Input<'_>, now: Instant, effects: &mut Vec<Effect>) {
        if matches!(input, Input::Text(_) | Input::Binary | Input::Heard) {
            self.heard = now;
            self.pinged = false;
        }
        match input {
            Input::Text(text) => {
                if let Err(fault) = self.client_says(text, now, effects) {
                    self.refuse(&fault, effects);
                }
            }
            Input::Binary => self.refuse(&Fault::bad_message("a frame is text, not binary"), effects),
            Input::Heard => {}
            Input::Exchange(event) => self.exchange_says(event, now, effects),
            Input::Handled(n) => {
                if let Ok(inside) = self.inside() {
                    inside.handled(n);
                }
            }
            Input::Drain(after) => self.tell(&ServerEvent::Reconnect(after), effects),
            Input::Tick => self.tick(now, effects),
            Input::Gone(reason) => self.end(reason.into(), effects),
            Input::Close(code) => self.close(code, effects),
        }
    }

    /// Whether it can take the client's next text; else that has to wait for the exchange's answer.
    pub fn listens(&self) -> bool {
        matches!(self.state, State::Outside { .. } | State::Inside(_))
    }

    /// When it wants to hear `Tick`, unless it hears from its client before.
    pub fn deadline(&self) -> Instant {
        let liveness = self.heard
            + self.rules.ping_interval
            + if self.pinged { self.rules.ping_timeout } else { Duration::ZERO };
        match &self.state {
            State::Outside { since } | State::Entering { since, .. } => {
                liveness.min(*since + self.rules.join_timeout)
            }
            State::Inside(inside) => inside.ack_due().map_or(liveness, |due| liveness.min(due)),
            State::Over => liveness,
        }
    }

    /// The dialect: native, until the first event tells.
    pub fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::Native)
    }

    fn client_says(&mut self, text: &str, now: Instant, effects: &mut Vec<Effect>) -> Result<(), Fault> {
        let frame = ClientFrame::parse(text)?;
        let dialect = *self.dialect.get_or_insert_with(|| frame.dialect());
        match frame.event(dialect)? {
            ClientEvent::Join(request) => self.join(request, now, effects),
            ClientEvent::Relay(relay) => match self.inside() {
                Ok(inside) => inside.relay(&relay, now, effects),
                Err(fault) => Err(Fault { n: relay.n, ..fault }),
            },
            ClientEvent::Info(info) => {
                self.inside()?;
                effects.push(Effect::SetInfo(info));
                Ok(())
            }
            ClientEvent::Leave => {
                // Who isn't in a room gains no time by leaving it.
                if !matches!(self.state, State::Outside { .. }) {
                    let parting = Parting::Leaving(LeaveReason::Left);
                    self.part_for(State::Outside { since: now }, parting, effects);
                }
                self.tell(&ServerEvent::Left, effects);
                Ok(())
            }
            ClientEvent::Resume(request) => self.resume(request, now, effects),
            ClientEvent::Ack(had) => {
                self.inside()?.client_had(had, effects);
                Ok(())
            }
            ClientEvent::IceServers => {
                self.tell(&ServerEvent::IceServers(&self.rules.ice_servers), effects);
                Ok(())
            }
            ClientEvent::Ping => {
                self.tell(&ServerEvent::Pong, effects);
                Ok(())
            }
            ClientEvent::Token | ClientEvent::Ignored => Ok(()),
        }
    }

    fn join(
        &mut self,
        JoinRequest { room, info, resume }: JoinRequest,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        self.outside()?;
        let member = Member::new(room, (self.secrets.id)());
        let key = resume.then(self.secrets.key);
        let window = self.rules.resume_window;
        let lifeline = key.as_ref().map(|key| Lifeline { key: key.hash(), window });
        effects.push(Effect::Join(member.clone(), info, lifeline));
        self.enter(member, Way::Joining(key), now);
        Ok(())
    }

    fn resume(
        &mut self,
        ResumeRequest { room, id, key, attempt, had, version }: ResumeRequest,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        self.outside()?;
        let member = Member { room, id, attachment: Attachment::by(attempt) };
        let (view, next) = (View::returning(version, &had), (self.secrets.key)());
        effects.push(Effect::Resume(member.clone(), Claim { key: key.hash(), next: next.hash(), had }));
        self.enter(member, Way::Resuming(next, view), now);
        Ok(())
    }

    fn enter(&mut self, member: Member, way: Way, now: Instant) {
        self.state = State::Entering { member, way, held: Held::default(), since: now };
    }

    fn outside(&self) -> Result<(), Fault> {
        let State::Outside { .. } = self.state else {
            let message = "this connection is in a room; leave it first, or open another connection";
            return Err(Fault::new(ErrorCode::AlreadyJoined, message));
        };
        Ok(())
    }

    fn inside(&mut self) -> Result<&mut Inside, Fault> {
        match &mut self.state {
            State::Inside(inside) => Ok(inside),
            _ => Err(Fault::new(ErrorCode::NotJoined, "join a room first")),
        }
    }

    fn exchange_says(&mut self, event: Event, now: Instant, effects: &mut Vec<Effect>) {
        let dialect = self.dialect();
        let heard = match (&mut self.state, event) {
            (State::Entering { .. }, Event::Joined(snapshot)) => return self.joined(&snapshot, now, effects),
            (State::Entering { .. }, Event::Resumed { snapshot, mailbox }) => {
                return self.resumed(snapshot, mailbox, now, effects);
            }
            (State::Entering { .. }, Event::Refused(refusal)) => {
                self.state = State::Outside { since: now };
                return self.refused(refusal, effects);
            }
            (State::Entering { .. } | State::Inside(_), Event::Replaced) => {
                return self.close(CloseCode::Replaced, effects);
            }
            (State::Entering { .. } | State::Inside(_), Event::Removed) => {
                return self.close(CloseCode::Unavailable, effects);
            }
            (State::Entering { held, .. }, overtaking) => held.push(overtaking),
            (State::Inside(inside), Event::Gone { to, n }) => {
                inside.refused(n);
                return self.refuse(&Fault::peer_gone(to.as_str(), n), effects);
            }
            (State::Inside(inside), Event::Failed { to, n }) => {
                if let Some(n) = n {
                    inside.refused(n);
                }
                let peer = to.as_ref().map(SocketId::as_str);
                return self.refuse(&Fault::not_handed_on(peer, n), effects);
            }
            (State::Inside(inside), event) => inside.hear(event, dialect, effects),
            (State::Outside { .. } | State::Over, _) => Ok(()),
        };
        if let Err(Overrun) = heard {
            self.close(CloseCode::Unavailable, effects);
        }
    }

    fn joined(&mut self, snapshot: &Snapshot, now: Instant, effects: &mut Vec<Effect>) {
        let Some((Member { room, id: you, .. }, Way::Joining(key), held)) = self.entered(now) else { return };
        let window = self.rules.resume_window;
        let (peers, ice_servers) = (&snapshot.peers, &self.rules.ice_servers);
        let resume = key.as_ref().map(|key| Ticket { key, window });
        let version = snapshot.version;
        self.tell(&ServerEvent::Peers { you, room: &room, peers, version, ice_servers, resume }, effects);
        self.state = State::Inside(Inside::joined(you, snapshot, key.is_some()));
        for event in held {
            self.exchange_says(event, now, effects);
        }
    }

    fn resumed(&mut self, snapshot: Snapshot, mailbox: Vec<Signal>, now: Instant, effects: &mut Vec<Effect>) {
        let Some((Member { room, id: you, .. }, Way::Resuming(key, view), held)) = self.entered(now) else {
            return;
        };
        let resume = Ticket { key: &key, window: self.rules.resume_window };
        let (version, ice_servers) = (snapshot.version, &self.rules.ice_servers);
        self.tell(&ServerEvent::Resumed { you, room: &room, version, ice_servers, resume }, effects);
        self.state = State::Inside(Inside::resumed(you, view, held));
        self.exchange_says(Event::Synced { snapshot, mailbox }, now, effects);
    }

    /// Takes apart what it was entering with.
    fn entered(&mut self, now: Instant) -> Option<(Member, Way, Held)> {
        match mem::replace(&mut self.state, State::Outside { since: now }) {
            State::Entering { member, way, held, .. } => Some((member, way, held)),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn refused(&mut self, refusal: Refusal, effects: &mut Vec<Effect>) {
        let message = match refusal {
            Refusal::Full => "the room is full; try again when someone has left",
            Refusal::Expired => {
                "this session can't be resumed: it is over, its key is another, or a later attempt has it; join anew"
            }
            Refusal::Unavailable => "the rooms can't be reached at the moment; try again soon",
        };
        self.refuse(&Fault::new(refusal.code(), message), effects);
    }

    fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let State::Inside(inside) = &mut self.state {
            inside.tell_handled(now, effects);
        }
        if now < self.deadline() {
            return;
        }
        match self.state {
            State::Over => {}
            State::Outside { since } if now >= since + self.rules.join_timeout => {
                self.close(CloseCode::JoinTimeout, effects);
            }
            State::Entering { since, .. } if now >= since + self.rules.join_timeout => {
                self.part_for(State::Outside { since: now }, Parting::Detaching, effects);
                self.refused(Refusal::Unavailable, effects);
            }
            _ if self.pinged => self.close(CloseCode::PingTimeout, effects),
            _ => {
                self.pinged = true;
                effects.push(Effect::Ping);
            }
        }
    }

    fn tell(&self, event: &ServerEvent<'_>, effects: &mut Vec<Effect>) {
        effects.extend(event.encode(self.dialect()).map(Effect::Send));
    }

    /// Answers a fault; one too many ends the connection.
    fn refuse(&mut self, fault: &Fault, effects: &mut Vec<Effect>) {
        if fault.code == ErrorCode::BadMessage {
            self.malformed += 1;
            if self.malformed >= Self::MAX_MALFORMED {
                return self.close(CloseCode::BadMessage, effects);
            }
        }
        let dialect = self.dialect();
        effects.push(Effect::Refuse(fault.code, ServerEvent::Error(fault).encode(dialect)));
        // A SkyRTC client waits for `_peers`, and has no other way to hear that there won't be any.
        if let (Dialect::SkyRtc, State::Outside { .. }) = (dialect, &self.state) {
            match fault.code {
                ErrorCode::BadRoom | ErrorCode::RoomFull => self.close(CloseCode::Forbidden, effects),
                ErrorCode::Unavailable => self.close(CloseCode::Unavailable, effects),
                _ => {}
            }
        }
    }

    fn close(&mut self, code: CloseCode, effects: &mut Vec<Effect>) {
        self.end(Ending::Closed(code), effects);
    }

    fn end(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        let parting = match ending {
            Ending::Closed(CloseCode::Bye) => Parting::Leaving(LeaveReason::Left),
            Ending::Closed(code) if !code.invites_back() => Parting::Leaving(LeaveReason::Lost),
            Ending::Closed(_) | Ending::Lost => Parting::Detaching,
        };
        if !matches!(self.state, State::Over) {
            self.part_for(State::Over, parting, effects);
            effects.push(Effect::End(ending));
        }
    }

    /// The one place where a membership ends, or this connection's part in it.
    fn part_for(&mut self, next: State, parting: Parting, effects: &mut Vec<Effect>) {
        let resumable = match mem::replace(&mut self.state, next) {
            State::Inside(inside) => inside.is_resumable(),
            // Who joins doesn't know its key yet.
            State::Entering { way, .. } => matches!(way, Way::Resuming(..)),
            State::Outside { .. } | State::Over => return,
        };
        effects.push(match parting {
            Parting::Leaving(reason) => Effect::Leave(reason),
            Parting::Detaching if resumable => Effect::Detach,
            Parting::Detaching => Effect::Leave(LeaveReason::Lost),
        });
    }
}
