//! What a caller knows: its membership, its numbers, whom it sees, and what it had of each. It has no clock and no socket.

use super::{
    Ending, Entry, Event, Id, Log, Over, Presence, Reason, Refusal,
    standing::{Shown, number},
    talk::{self, Words},
};
use fastrand::Rng;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    time::Duration,
};

/// So many messages are reported at once, at the latest.
const MOST_UNREPORTED: u32 = 32;
/// How old what wasn't reported may become.
const REPORT_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Session {
    log: Log,
    member: Option<Member>,
    attached: bool,
}

/// A membership that can be resumed.
struct Member {
    id: Id,
    key: String,
    attempt: u64,
    version: u64,
    /// The number of the last message.
    n: u64,
    unacknowledged: VecDeque<Unacknowledged>,
    peers: BTreeMap<Id, Peer>,
    /// What it had since its last report, also of those that have left.
    unreported: BTreeMap<Id, u64>,
    heard_since: u32,
    report_due: Option<Duration>,
    rolled: bool,
}

struct Unacknowledged {
    n: u64,
    at: Duration,
    frame: String,
}

struct Peer {
    /// The number of the last message of it.
    had: u64,
    presence: Presence,
    /// It said its last word.
    rolled: bool,
}

/// What a frame comes to for whoever holds the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Only for the session.
    Taken,
    Pong,
    /// The session is attached to this connection.
    Attached,
    /// The session is over: join anew.
    Expired,
    /// Try again later.
    PutOff,
    /// Be elsewhere by then.
    Asked(Duration),
}

impl Session {
    pub(super) fn new(caller: usize, room: String) -> Self {
        Self { log: Log { caller, room, entries: Vec::new() }, member: None, attached: false }
    }

    pub(super) fn into_log(self) -> Log {
        self.log
    }

    pub(super) fn write(&mut self, at: Duration, event: Event) {
        self.log.entries.push(Entry { at, event });
    }

    /// What to say on a new connection: `resume`, or `join` where there is nothing to be resumed.
    pub(super) fn enter(&mut self, at: Duration) -> String {
        let Some(member) = &mut self.member else {
            return frame("join", &json!({ "room": self.log.room, "resume": true }));
        };
        member.attempt += 1;
        let attempt = member.attempt;
        let received: Map<_, _> =
            member.peers.iter().map(|(id, peer)| (id.as_str().to_owned(), peer.had.into())).collect();
        // All of it is told.
        member.unreported.clear();
        (member.heard_since, member.report_due) = (0, None);
        let resume = json!({
            "room": self.log.room,
            "socketId": member.id.as_str(),
            "key": member.key,
            "attempt": attempt,
            "received": received,
            "version": member.version,
        });
        self.write(at, Event::Resuming { attempt });
        frame("resume", &resume)
    }

    /// The connection is no more.
    pub(super) fn lose(&mut self, at: Duration, ending: Ending) {
        self.attached = false;
        self.write(at, Event::Lost(ending));
        if let Ending::Closed(code @ 4400..4500) = ending
            && self.member.take().is_some()
        {
            self.write(at, Event::Over(Over::Closed(code)));
        }
    }

    /// What was sent and isn't acknowledged, to be said again.
    pub(super) fn repeats(&mut self, at: Duration) -> Vec<String> {
        let Some(member) = &self.member else { return Vec::new() };
        let repeats: Vec<_> =
            member.unacknowledged.iter().map(|message| (message.n, message.frame.clone())).collect();
        let frames = repeats.into_iter().map(|(n, frame)| {
            self.log.entries.push(Entry { at, event: Event::Repeated { n } });
            frame
        });
        frames.collect()
    }

    /// Something to somebody in the room, or to all of it.
    pub(super) fn speak(&mut self, at: Duration, rng: &mut Rng) -> Option<String> {
        let member = self.member.as_ref()?;
        let peers: Vec<_> = member.peers.keys().copied().collect();
        let to = if rng.u8(..3) == 0 { None } else { rng.choice(peers) };
        let words = Words::random(rng, &self.log.room, member.id, member.n + 1, to);
        self.send(at, to, &words)
    }

    /// The last words to everybody.
    pub(super) fn roll(&mut self, at: Duration) -> Option<String> {
        let member = self.member.as_mut().filter(|member| !member.rolled)?;
        member.rolled = true;
        let words = Words::roll(&self.log.room, member.id, member.n + 1);
        self.send(at, None, &words)
    }

    fn send(&mut self, at: Duration, to: Option<Id>, words: &Words) -> Option<String> {
        let member = self.member.as_mut()?;
        member.n += 1;
        let n = member.n;
        let frame = json!({ "eventName": words.event_name, "data": words.data, "n": n }).to_string();
        member.unacknowledged.push_back(Unacknowledged { n, at, frame: frame.clone() });
        self.write(at, Event::Sent { n, to, stamp: words.stamp });
        Some(frame)
    }

    pub(super) fn report_due(&self) -> Option<Duration> {
        self.member.as_ref()?.report_due
    }

    /// What it had, to be told to the gateway.
    pub(super) fn report(&mut self) -> Option<String> {
        let member = self.member.as_mut()?;
        (member.heard_since, member.report_due) = (0, None);
        let unreported = mem::take(&mut member.unreported).into_iter();
        let received: Map<_, _> = unreported.map(|(id, n)| (id.as_str().to_owned(), n.into())).collect();
        Some(frame("ack", &json!({ "received": received })))
    }

    pub(super) fn hear(&mut self, at: Duration, frame: &Value) -> Heard {
        let (event_name, data) = (frame["eventName"].as_str().unwrap_or_default(), &frame["data"]);
        let heard = match (event_name, self.attached) {
            ("pong", _) => Ok(Heard::Pong),
            ("reconnect", _) => self.hear_reconnect(at, data),
            ("error", _) => self.hear_error(at, data),
            ("peers", false) => self.hear_peers(at, data),
            ("resumed", false) => self.hear_resumed(at, data),
            (_, true) => self.hear_inside(at, event_name, frame).map(|()| Heard::Taken),
            _ => Err("it isn't the time for this"),
        };
        heard.unwrap_or_else(|wrong| {
            self.write(at, Event::Strange(format!("{wrong}: {frame}")));
            Heard::Taken
        })
    }

    fn hear_reconnect(&mut self, at: Duration, data: &Value) -> Result<Heard, &'static str> {
        let after = Duration::from_millis(data["afterMs"].as_u64().ok_or("no time")?);
        self.write(at, Event::Asked { after });
        Ok(Heard::Asked(after))
    }

    fn hear_peers(&mut self, at: Duration, data: &Value) -> Result<Heard, &'static str> {
        if self.member.is_some() {
            return Err("it asked to resume");
        }
        let you = id(&data["you"])?;
        let version = data["version"].as_u64().ok_or("no version")?;
        let known = |peer: &Value| Ok((id(&peer["socketId"])?, presence(peer)));
        let peers = data["peers"].as_array().ok_or("no peers")?.iter().map(known);
        let peers = peers.collect::<Result<Vec<_>, &str>>()?;
        let key = data["resume"]["key"].as_str().ok_or("no key")?.to_owned();
        let view = peers.iter().map(|&(id, presence)| (id, Peer { had: 0, presence, rolled: false }));
        self.member = Some(Member {
            id: you,
            key,
            attempt: 0,
            version,
            n: 0,
            unacknowledged: VecDeque::new(),
            peers: view.collect(),
            unreported: BTreeMap::new(),
            heard_since: 0,
            report_due: None,
            rolled: false,
        });
        self.attached = true;
        self.write(at, Event::Joined { you, version, peers });
        Ok(Heard::Attached)
    }

    fn hear_resumed(&mut self, at: Duration, data: &Value) -> Result<Heard, &'static str> {
        let room = json!(self.log.room);
        let member = self.member.as_mut().ok_or("there is nothing to resume")?;
        if data["room"] != room || data["you"] != json!(member.id.as_str()) {
            return Err("it is somebody else");
        }
        let version = data["version"].as_u64().ok_or("no version")?;
        member.key = data["resume"]["key"].as_str().ok_or("no key")?.to_owned();
        self.attached = true;
        self.write(at, Event::Resumed { version });
        Ok(Heard::Attached)
    }

    fn hear_error(&mut self, at: Duration, data: &Value) -> Result<Heard, &'static str> {
        let code = data["code"].as_str().ok_or("no code")?;
        match (code, data["n"].as_u64()) {
            ("session_expired", _) if !self.attached && self.member.is_some() => {
                self.member = None;
                self.write(at, Event::Over(Over::Expired));
                Ok(Heard::Expired)
            }
            ("unavailable", None) if !self.attached => {
                self.write(at, Event::PutOff);
                Ok(Heard::PutOff)
            }
            ("unavailable", Some(n)) => self.hear_refusal(at, n, data, Refusal::Unavailable),
            ("peer_gone", Some(n)) => self.hear_refusal(at, n, data, Refusal::PeerGone),
            _ => Err("nothing asks for this error"),
        }
    }

    fn hear_refusal(
        &mut self,
        at: Duration,
        n: u64,
        data: &Value,
        refusal: Refusal,
    ) -> Result<Heard, &'static str> {
        let to = if data["socketId"].is_null() { None } else { Some(id(&data["socketId"])?) };
        self.write(at, Event::Refused { n, to, refusal });
        Ok(Heard::Taken)
    }

    /// What is told to a member.
    fn hear_inside(&mut self, at: Duration, event_name: &str, frame: &Value) -> Result<(), &'static str> {
        let data = &frame["data"];
        let member = self.member.as_mut().ok_or("it is in no room")?;
        let event = match event_name {
            "ack" => {
                let n = data["n"].as_u64().ok_or("no number")?;
                member.unacknowledged.retain(|message| message.n > n);
                if n > member.n {
                    return Err("it sent less");
                }
                Event::Acknowledged { n }
            }
            "gap" => Event::Gap,
            "new_peer" => {
                let (peer, presence) = (id(&data["socketId"])?, presence(data));
                member.peers.insert(peer, Peer { had: 0, presence, rolled: false });
                Event::Came { peer, presence, version: member.see(data)? }
            }
            "remove_peer" => {
                let peer = id(&data["socketId"])?;
                member.peers.remove(&peer);
                let reason = if data["reason"] == "left" { Reason::Left } else { Reason::Lost };
                Event::Left { peer, reason, version: member.see(data)? }
            }
            "peer_away" => {
                let peer = id(&data["socketId"])?;
                member.turn(peer, Presence::Away);
                Event::Away { peer, version: member.see(data)? }
            }
            "peer_back" => {
                let peer = id(&data["socketId"])?;
                member.turn(peer, Presence::Here);
                Event::Back { peer, version: member.see(data)? }
            }
            "peer_info" => Event::Shows { peer: id(&data["socketId"])?, version: member.see(data)? },
            _ => {
                let text = talk::text_of(event_name, data).ok_or("nobody says this")?;
                let from = id(&data["socketId"])?;
                let n = frame["n"].as_u64().ok_or("no number")?;
                member.have(at, from, n, talk::is_roll(text));
                Event::Heard { from, n, stamp: talk::stamp(text) }
            }
        };
        self.write(at, event);
        Ok(())
    }

    pub(super) fn shown(&self) -> Shown {
        let Some(member) = &self.member else {
            return Shown {
                attached: false,
                oldest: None,
                id: None,
                view: 0,
                peers: 0,
                rolls: 0,
                rolled: false,
            };
        };
        let here = member.peers.iter().filter(|(_, peer)| peer.presence == Presence::Here);
        Shown {
            attached: self.attached,
            oldest: member.unacknowledged.front().map(|message| message.at),
            id: Some(member.id),
            view: here.fold(0, |sum, (id, _)| sum.wrapping_add(number(*id))),
            peers: member.peers.len(),
            rolls: member.peers.values().filter(|peer| peer.rolled).count(),
            rolled: member.rolled,
        }
    }
}

impl Member {
    fn have(&mut self, at: Duration, from: Id, n: u64, rolled: bool) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.had = peer.had.max(n);
            peer.rolled |= rolled;
            self.unreported.insert(from, peer.had);
        }
        self.heard_since += 1;
        let due = if self.heard_since >= MOST_UNREPORTED { at } else { at + REPORT_AFTER };
        self.report_due = Some(self.report_due.map_or(due, |before| before.min(due)));
    }

    fn turn(&mut self, peer: Id, presence: Presence) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.presence = presence;
        }
    }

    fn see(&mut self, data: &Value) -> Result<u64, &'static str> {
        self.version = data["version"].as_u64().ok_or("no version")?;
        Ok(self.version)
    }
}

fn frame(event_name: &str, data: &Value) -> String {
    json!({ "eventName": event_name, "data": data }).to_string()
}

fn id(value: &Value) -> Result<Id, &'static str> {
    value.as_str().and_then(Id::new).ok_or("no id")
}

fn presence(peer: &Value) -> Presence {
    if peer["away"] == true { Presence::Away } else { Presence::Here }
}
