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
mod door;
mod held;
mod ice;
mod inside;
mod pass;
mod view;

#[cfg(test)]
mod tests;

pub use self::door::{Denied, Door, Grants, Knock, OpenDoor};
pub use self::ice::IceSource;

use self::{
    held::{Held, Overrun},
    inside::Inside,
    pass::{Act, Pass, Turn},
    view::View,
};
use crate::{
    protocol::{
        Address, ClientEvent, ClientFrame, CloseCode, Dialect, Ending, ErrorCode, Fault, Had, Info,
        JoinRequest, LeaveReason, Limit, ResumeKey, ResumeRequest, RoomName, ServerEvent, Signal, SignalKind,
        SocketId, Text, Ticket, Token, Trace,
    },
    room::{Attachment, Claim, Event, Lifeline, Member, Refusal, Snapshot},
};
use std::{
    mem,
    num::NonZeroUsize,
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
    /// The longest name of a room, in bytes.
    pub max_room_name: usize,
    /// The largest thing that a peer may show, in bytes of JSON.
    pub max_info: usize,
    /// What clients are told of STUN and TURN servers.
    pub ice: Arc<dyn IceSource>,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// The client sent a text frame.
    Text(&'a str),
    /// The client sent a binary frame.
    Binary,
    /// The client sent a WebSocket ping or pong, or part of a message.
    Heard,
    /// The client sent a frame, text or not, that is one too many: it has no effect, and may be sent again after this time.
    Excess(Option<&'a str>, Duration),
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
    /// Send a peer's message, of this kind, whose trace goes on until it is sent.
    SendTraced(Text, SignalKind, Box<Trace>),
    /// Tell the client of an error, in a dialect that has errors.
    Refuse(ErrorCode, Option<Text>),
    /// Note that a limit was met.
    Met(Limit),
    /// Send a WebSocket ping.
    Ping,
    /// The door is closed to the client.
    TurnedAway(Knock, ErrorCode),
    /// Enter a room; with how many members it may have, where the client's token says so.
    Join(Member, Info, Option<NonZeroUsize>, Option<Lifeline>),
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
    door: Box<dyn Door>,
    /// For the first room that it joins.
    first_id: Option<SocketId>,
    dialect: Option<Dialect>,
    state: State,
    malformed: u8,
    liveness: Liveness,
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
        pass: Pass,
        held: Held,
        since: Instant,
    },
    Inside(Inside),
    Over,
}

/// The client's last sign of life, or the ping that asked for the next one.
#[derive(Clone, Copy, Debug)]
enum Liveness {
    Heard(Instant),
    Pinged(Instant),
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
    pub fn new(rules: Arc<Rules>, secrets: Secrets, door: Box<dyn Door>, now: Instant) -> Self {
        let state = State::Outside { since: now };
        let first_id = Some((secrets.id)());
        let liveness = Liveness::Heard(now);
        Self { rules, secrets, door, first_id, dialect: None, state, malformed: 0, liveness }
    }

    /// The id that it will have in the first room that it joins; `None` once it has joined.
    pub fn first_id(&self) -> Option<SocketId> {
        self.first_id
    }

    /// Takes what happened, and adds what is to be done about it.
    pub fn handle(&mut self, input: Input<'_>, now: Instant, effects: &mut Vec<Effect>) {
        if matches!(self.state, State::Over) {
            return;
        }
        if matches!(input, Input::Text(_) | Input::Binary | Input::Heard | Input::Excess(..)) {
            self.liveness = Liveness::Heard(now);
        }
        match input {
            Input::Text(text) => {
                if let Err(fault) = self.client_says(text, now, effects) {
                    self.refuse(&fault, effects);
                }
            }
            Input::Binary => self.refuse(&Fault::bad_message("a frame is text, not binary"), effects),
            Input::Heard => {}
            Input::Excess(text, after) => self.pass_over(text, after, now, effects),
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
        let liveness = match self.liveness {
            Liveness::Heard(at) => at + self.rules.ping_interval,
            Liveness::Pinged(at) => at + self.rules.ping_timeout,
        };
        let answer = |since: &Instant| Some(*since + self.rules.join_timeout);
        let due = match &self.state {
            State::Outside { since } => [answer(since), None],
            State::Entering { since, pass, .. } => [answer(since), pass.end()],
            State::Inside(inside) => [inside.ack_due(), inside.pass.due()],
            State::Over => [None, None],
        };
        due.into_iter().flatten().fold(liveness, Instant::min)
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
                self.check_info(&info)?;
                self.inside()?.pass.check(Act::Show)?;
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
                let me = self.inside()?.me();
                self.tell(&ServerEvent::IceServers(&self.rules.ice.ice_servers(me)), effects);
                Ok(())
            }
            ClientEvent::Ping => {
                self.tell(&ServerEvent::Pong, effects);
                Ok(())
            }
            ClientEvent::Token(token) => self.renew(&token, now, effects),
            ClientEvent::Ignored => Ok(()),
        }
    }

    /// Says of a frame that it has no effect. The number of a message is used up by that, as by any refusal.
    fn pass_over(&mut self, text: Option<&str>, after: Duration, now: Instant, effects: &mut Vec<Effect>) {
        let mut fault = Fault::rate_limited(Limit::Messages, after);
        let dialect = self.dialect();
        let event = text.and_then(|text| ClientFrame::parse(text).ok()?.event(dialect).ok());
        if let (Some(ClientEvent::Relay(relay)), State::Inside(inside)) = (event, &mut self.state) {
            fault.n = relay.n.filter(|&n| inside.skip(n, now));
            if let Address::Peer(peer) = &relay.address {
                fault = fault.about_peer(peer);
            }
        }
        self.refuse(&fault, effects);
    }

    fn join(
        &mut self,
        JoinRequest { room, token, info, resume }: JoinRequest<'_>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        self.outside()?;
        self.check_room_name(&room)?;
        self.check_info(&info)?;
        let Some(pass) = self.knock(Knock::Join, token.as_ref(), &room, now, effects) else { return Ok(()) };
        if info != Info::default() {
            pass.check(Act::Show)
                .inspect_err(|fault| effects.push(Effect::TurnedAway(Knock::Join, fault.code)))?;
        }
        let id = self.first_id.take().unwrap_or_else(self.secrets.id);
        let member = Member::new(room, id);
        let key = resume.then(self.secrets.key);
        let window = self.rules.resume_window;
        let lifeline = key.as_ref().map(|key| Lifeline { key: key.hash(), window });
        effects.push(Effect::Join(member.clone(), info, pass.capacity(), lifeline));
        self.enter(member, Way::Joining(key), pass, now);
        Ok(())
    }

    fn resume(
        &mut self,
        ResumeRequest { room, token, id, key, attempt, had, version }: ResumeRequest<'_>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Fault> {
        self.outside()?;
        let Some(pass) = self.knock(Knock::Resume, token.as_ref(), &room, now, effects) else {
            return Ok(());
        };
        let member = Member { room, id, attachment: Attachment::by(attempt) };
        let (view, next) = (View::returning(version, &had), (self.secrets.key)());
        effects.push(Effect::Resume(member.clone(), Claim { key: key.hash(), next: next.hash(), had }));
        self.enter(member, Way::Resuming(next, view), pass, now);
        Ok(())
    }

    /// Asks the door for its client. Who may not come in is told so.
    fn knock(
        &mut self,
        knock: Knock,
        token: Option<&Token<'_>>,
        room: &RoomName,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Option<Pass> {
        let denied = match self.door.admit(knock, token.map(Token::reveal), room) {
            Ok(grants) => return Some(Pass::new(room.clone(), grants, now)),
            Err(denied) => denied,
        };
        effects.push(Effect::TurnedAway(knock, denied.fault.code));
        self.refuse(&denied.fault, effects);
        if let Some(code) = denied.ending(knock) {
            self.close(code, effects);
        }
        None
    }

    /// Takes another token in place of the one that the client came in with. One that isn't good changes nothing.
    fn renew(&mut self, token: &Token<'_>, now: Instant, effects: &mut Vec<Effect>) -> Result<(), Fault> {
        let room = self.inside()?.pass.room().clone();
        let Some(pass) = self.knock(Knock::Renew, Some(token), &room, now, effects) else { return Ok(()) };
        self.tell(&ServerEvent::Token(pass.valid_for()), effects);
        self.inside()?.pass = pass;
        Ok(())
    }

    fn enter(&mut self, member: Member, way: Way, pass: Pass, now: Instant) {
        self.state = State::Entering { member, way, pass, held: Held::default(), since: now };
    }

    fn check_room_name(&self, room: &RoomName) -> Result<(), Fault> {
        let longest = self.rules.max_room_name;
        if room.as_str().len() <= longest {
            Ok(())
        } else {
            Err(Fault::bad_room(Some(room.as_str()), longest))
        }
    }

    fn check_info(&self, info: &Info) -> Result<(), Fault> {
        let largest = self.rules.max_info;
        if info.as_str().len() <= largest { Ok(()) } else { Err(Fault::large_info(largest)) }
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
            (State::Entering { .. } | State::Inside(_), Event::Ended(reason)) => {
                return self.end(reason.into(), effects);
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
        let Some((Member { room, id: you, .. }, Way::Joining(key), pass, held)) = self.entered(now) else {
            return;
        };
        let window = self.rules.resume_window;
        let (peers, ice_servers) = (&snapshot.peers, &*self.rules.ice.ice_servers(you));
        let resume = key.as_ref().map(|key| Ticket { key, window });
        let version = snapshot.version;
        self.tell(&ServerEvent::Peers { you, room: &room, peers, version, ice_servers, resume }, effects);
        self.state = State::Inside(Inside::joined(you, pass, snapshot, key.is_some()));
        for event in held {
            self.exchange_says(event, now, effects);
        }
    }

    fn resumed(&mut self, snapshot: Snapshot, mailbox: Vec<Signal>, now: Instant, effects: &mut Vec<Effect>) {
        let Some((Member { room, id: you, .. }, Way::Resuming(key, view), pass, held)) = self.entered(now)
        else {
            return;
        };
        let resume = Ticket { key: &key, window: self.rules.resume_window };
        let (version, ice_servers) = (snapshot.version, &*self.rules.ice.ice_servers(you));
        self.tell(&ServerEvent::Resumed { you, room: &room, version, ice_servers, resume }, effects);
        self.state = State::Inside(Inside::resumed(you, pass, view, held));
        self.exchange_says(Event::Synced { snapshot, mailbox }, now, effects);
    }

    /// Takes apart what it was entering with.
    fn entered(&mut self, now: Instant) -> Option<(Member, Way, Pass, Held)> {
        match mem::replace(&mut self.state, State::Outside { since: now }) {
            State::Entering { member, way, pass, held, .. } => Some((member, way, pass, held)),
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
        let limit = (refusal == Refusal::Full).then_some(Limit::RoomSize);
        self.refuse(&Fault { limit, ..Fault::new(refusal.code(), message) }, effects);
    }

    fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        if let State::Inside(inside) = &mut self.state {
            inside.tell_handled(now, effects);
        }
        self.mind_pass(now, effects);
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
            _ => match self.liveness {
                Liveness::Pinged(_) => self.close(CloseCode::PingTimeout, effects),
                Liveness::Heard(_) => {
                    self.liveness = Liveness::Pinged(now);
                    effects.push(Effect::Ping);
                }
            },
        }
    }

    /// Tells a client that its token ends soon, and ends its connection when it does.
    fn mind_pass(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let turn = match &mut self.state {
            State::Inside(inside) => inside.pass.turn(now),
            State::Entering { pass, .. } => pass.end().filter(|end| now >= *end).map(|_| Turn::Expired),
            State::Outside { .. } | State::Over => None,
        };
        match turn {
            None => {}
            Some(Turn::Expiring(after)) => self.tell(&ServerEvent::TokenExpiring(after), effects),
            Some(Turn::Expired) => self.close(CloseCode::Unauthorized, effects),
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
        effects.extend(fault.limit.map(Effect::Met));
        effects.push(Effect::Refuse(fault.code, ServerEvent::Error(fault).encode(dialect)));
        // A SkyRTC client waits for `_peers`, and has no other way to hear that there won't be any.
        if let (Dialect::SkyRtc, State::Outside { .. }) = (dialect, &self.state) {
            match fault.code {
                ErrorCode::BadRoom | ErrorCode::RoomFull => self.close(CloseCode::Forbidden, effects),
                ErrorCode::Unavailable => self.close(CloseCode::Unavailable, effects),
                ErrorCode::RateLimited => self.close(CloseCode::RateLimited, effects),
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
