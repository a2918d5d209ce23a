//! The life of one client's connection, decided without doing any of it.
//!
//! A [`Session`] takes an [`Input`] and the time, and answers with [`Effect`]s: frames to send, requests to the exchange,
//! the end of the connection. It reads no clock and knows no socket, so that every order of events can be tried in a test.
//!
//! ```text
//! Outside ──join──▶ Joining ──Joined──▶ Inside ──leave──▶ Outside
//!    ▲                 └────Refused────────┐
//!    └─────────────────────────────────────┘          any ──▶ Over
//! ```

mod held;
mod inside;
mod view;

#[cfg(test)]
mod tests;

use self::{
    held::{Held, Overrun},
    inside::Inside,
};
use crate::{
    protocol::{
        ClientEvent, ClientFrame, CloseCode, Dialect, Ending, ErrorCode, Fault, IceServer, Info, JoinRequest,
        LeaveReason, ServerEvent, Signal, SocketId, Text,
    },
    room::{Event, Member, Refusal, Snapshot},
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
    Join(Member, Info),
    /// Leave the room.
    Leave(LeaveReason),
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
    new_id: fn() -> SocketId,
    dialect: Option<Dialect>,
    state: State,
    malformed: u8,
    heard: Instant,
    pinged: bool,
}

#[derive(Debug)]
enum State {
    Outside {
        since: Instant,
    },
    /// Deliveries that overtook the answer wait in `held`.
    Joining {
        member: Member,
        held: Held,
        since: Instant,
    },
    Inside(Inside),
    Over,
}

impl Session {
    /// So many malformed frames end a connection: a well-made client sends none.
    pub const MAX_MALFORMED: u8 = 10;

    /// A connection made `now`; `new_id` makes an id that was never used.
    pub fn new(rules: Arc<Rules>, new_id: fn() -> SocketId, now: Instant) -> Self {
        let state = State::Outside { since: now };
        Self { rules, new_id, dialect: None, state, malformed: 0, heard: now, pinged: false }
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
            Input::Tick => self.tick(now, effects),
            Input::Gone(reason) => self.end(reason.into(), reason, effects),
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
        match self.state {
            State::Outside { since } | State::Joining { since, .. } => {
                liveness.min(since + self.rules.join_timeout)
            }
            State::Inside(_) | State::Over => liveness,
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
                Ok(inside) => inside.relay(&relay, effects),
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
                    self.leave_for(State::Outside { since: now }, LeaveReason::Left, effects);
                }
                self.tell(&ServerEvent::Left, effects);
                Ok(())
            }
            ClientEvent::Resume => Err(Fault::new(
                ErrorCode::SessionExpired,
                "this gateway keeps no session after its connection; join anew",
            )),
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
        JoinRequest { room, info }: JoinRequest,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        let State::Outside { .. } = self.state else {
            let message = "this connection is in a room; leave it first, or open another connection";
            return Err(Fault::new(ErrorCode::AlreadyJoined, message));
        };
        let member = Member { room, id: (self.new_id)() };
        effects.push(Effect::Join(member.clone(), info));
        self.state = State::Joining { member, held: Held::default(), since: now };
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
            (State::Joining { member, held, .. }, Event::Joined(snapshot)) => {
                let (member, held) = (member.clone(), mem::take(held));
                return self.joined(&member, held, snapshot, now, effects);
            }
            (State::Joining { .. }, Event::Refused(refusal)) => {
                self.state = State::Outside { since: now };
                return self.refused(refusal, effects);
            }
            (State::Joining { .. } | State::Inside(_), Event::Removed) => {
                return self.close(CloseCode::Unavailable, effects);
            }
            (State::Joining { held, .. }, overtaking) => held.push(overtaking),
            (State::Inside(_), Event::Gone { to, n }) => {
                return self.refuse(&Fault::peer_gone(to.as_str(), n), effects);
            }
            (State::Inside(_), Event::Failed { to, n }) => {
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

    fn joined(
        &mut self,
        member: &Member,
        held: Held,
        snapshot: Snapshot,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let (Member { room, id: you }, version) = (member, snapshot.version);
        let (peers, ice_servers) = (&snapshot.peers, &self.rules.ice_servers);
        self.tell(&ServerEvent::Peers { you: *you, room, peers, version, ice_servers }, effects);
        self.state = State::Inside(Inside::new(*you, snapshot));
        for event in held {
            self.exchange_says(event, now, effects);
        }
    }

    fn refused(&mut self, refusal: Refusal, effects: &mut Vec<Effect>) {
        let message = match refusal {
            Refusal::Full => "the room is full; try again when someone has left",
            Refusal::Unavailable => "the rooms can't be reached at the moment; try again soon",
        };
        self.refuse(&Fault::new(refusal.code(), message), effects);
    }

    fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if now < self.deadline() {
            return;
        }
        match self.state {
            State::Over => {}
            State::Outside { since } if now >= since + self.rules.join_timeout => {
                self.close(CloseCode::JoinTimeout, effects);
            }
            State::Joining { since, .. } if now >= since + self.rules.join_timeout => {
                self.leave_for(State::Outside { since: now }, LeaveReason::Lost, effects);
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
        self.end(Ending::Closed(code), LeaveReason::Lost, effects);
    }

    fn end(&mut self, ending: Ending, reason: LeaveReason, effects: &mut Vec<Effect>) {
        if !matches!(self.state, State::Over) {
            self.leave_for(State::Over, reason, effects);
            effects.push(Effect::End(ending));
        }
    }

    /// The one place where a membership ends.
    fn leave_for(&mut self, next: State, reason: LeaveReason, effects: &mut Vec<Effect>) {
        if let State::Joining { .. } | State::Inside(_) = mem::replace(&mut self.state, next) {
            effects.push(Effect::Leave(reason));
        }
    }
}
