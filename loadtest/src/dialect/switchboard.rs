//! Switchboard's own dialect, `switchboard.v1`: see `docs/protocol.md`.

use super::{Dialect, Heard, Kind, Seat, carried};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt::Write as _,
    time::Duration,
};

/// After so many messages it acknowledges at once.
const ACK_EVERY: u32 = 32;

pub(crate) struct Switchboard {
    room: String,
    asks_to_resume: bool,
    session: Option<Session>,
}

/// What has to be kept in order to resume, as the SDK keeps it.
#[derive(Default)]
struct Session {
    me: String,
    key: String,
    attempt: u64,
    version: u64,
    last: u64,
    /// What the gateway hasn't acknowledged, in order.
    sent: VecDeque<(u64, String)>,
    /// The peers that we know of.
    peers: Vec<String>,
    /// The highest number heard from each, and from who left before we told the gateway.
    heard: HashMap<String, u64>,
    /// Who was heard since we told the gateway.
    untold: BTreeMap<String, u64>,
    untold_count: u32,
    /// On this connection the answer to `resume` is still to come.
    is_resuming: bool,
}

impl Switchboard {
    pub(crate) fn new(seat: &Seat, asks_to_resume: bool) -> Self {
        Self { room: seat.room.clone(), asks_to_resume, session: None }
    }
}

impl Dialect for Switchboard {
    fn subprotocol(&self) -> Option<&'static str> {
        Some("switchboard.v1")
    }

    fn join(&mut self, out: &mut Vec<String>) {
        self.session = None;
        let resume = if self.asks_to_resume { r#","resume":true"# } else { "" };
        out.push(format!(r#"{{"eventName":"join","data":{{"room":"{}"{resume}}}}}"#, self.room));
    }

    fn resumes(&self) -> bool {
        self.session.is_some()
    }

    fn resume(&mut self, out: &mut Vec<String>) {
        if let Some(session) = &mut self.session {
            out.push(session.resume(&self.room));
        }
    }

    fn relay(&mut self, kind: Kind, to: &str, body: &str, out: &mut Vec<String>) {
        let n = self.session.as_mut().map(|session| {
            session.last += 1;
            session.last
        });
        let frame = frame(kind, to, body, n);
        if let (Some(session), Some(n)) = (&mut self.session, n) {
            session.sent.push_back((n, frame.clone()));
            if session.is_resuming {
                return; // it is repeated after `resumed`, with what went before
            }
        }
        out.push(frame);
    }

    fn leave(&mut self, out: &mut Vec<String>) {
        out.push(r#"{"eventName":"leave"}"#.to_owned());
    }

    fn hear<'a>(&mut self, frame: &'a str, out: &mut Vec<String>) -> Heard<'a> {
        self.read(frame, out).unwrap_or_else(|error| Heard::Nonsense(format!("{error}: {frame:.200}")))
    }

    fn tick(&mut self, _since_start: Duration, out: &mut Vec<String>) {
        if let Some(session) = &mut self.session {
            session.acknowledge(out);
        }
    }
}

fn frame(kind: Kind, to: &str, body: &str, n: Option<u64>) -> String {
    let mut frame = String::with_capacity(body.len() + 160);
    let (head, middle, tail) = match kind {
        Kind::Offer => {
            (r#"{"eventName":"offer","data":{"socketId":""#, r#"","sdp":{"type":"offer","sdp":""#, r#""}}"#)
        }
        Kind::Answer => {
            (r#"{"eventName":"answer","data":{"socketId":""#, r#"","sdp":{"type":"answer","sdp":""#, r#""}}"#)
        }
        Kind::Candidate => (
            r#"{"eventName":"ice_candidate","data":{"socketId":""#,
            r#"","candidate":""#,
            r#"","sdpMid":"0","sdpMLineIndex":0,"label":0}"#,
        ),
    };
    for part in [head, to, middle, body, tail] {
        frame.push_str(part);
    }
    if let Some(n) = n {
        let _ = write!(frame, r#","n":{n}"#);
    }
    frame.push('}');
    frame
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "eventName")]
    name: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    n: Option<u64>,
}

#[derive(Deserialize)]
struct Peers {
    you: String,
    connections: Vec<String>,
    version: u64,
    resume: Option<Key>,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

#[derive(Deserialize)]
struct Resumed {
    resume: Key,
}

#[derive(Deserialize)]
struct Notice {
    #[serde(rename = "socketId")]
    id: String,
    version: u64,
}

#[derive(Deserialize)]
struct Ack {
    n: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reconnect {
    after_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    code: String,
    message: String,
    socket_id: Option<String>,
}

impl Switchboard {
    fn read<'a>(&mut self, frame: &'a str, out: &mut Vec<String>) -> serde_json::Result<Heard<'a>> {
        let Frame { name, data, n } = serde_json::from_str(frame)?;
        let data = data.get();
        Ok(match name {
            "ice_candidate" => self.message(Kind::Candidate, data, n, out)?,
            "offer" => self.message(Kind::Offer, data, n, out)?,
            "answer" => self.message(Kind::Answer, data, n, out)?,
            "new_peer" | "remove_peer" | "peer_away" | "peer_back" => {
                let Notice { id, version } = serde_json::from_str(data)?;
                self.notice(name, &id, version);
                match name {
                    "new_peer" => Heard::Came(id),
                    "remove_peer" => Heard::Went(id),
                    "peer_away" => Heard::Away(id),
                    _ => Heard::Back(id),
                }
            }
            "ack" => {
                let Ack { n } = serde_json::from_str(data)?;
                if let Some(session) = &mut self.session {
                    session.acknowledged(n);
                }
                Heard::Nothing
            }
            "peers" => self.joined(serde_json::from_str(data)?),
            "resumed" => {
                let Resumed { resume } = serde_json::from_str(data)?;
                if let Some(session) = &mut self.session {
                    session.resumed(resume.key, out);
                }
                Heard::Resumed
            }
            "left" => {
                self.session = None;
                Heard::Left
            }
            "reconnect" => {
                let Reconnect { after_ms } = serde_json::from_str(data)?;
                Heard::Reconnect { after: Duration::from_millis(after_ms) }
            }
            "gap" => Heard::Gap,
            "error" => {
                let Refusal { code, message, socket_id } = serde_json::from_str(data)?;
                let about = socket_id.map(|id| format!(", about {id}")).unwrap_or_default();
                Heard::Error(format!("{code}: {message}{about}"))
            }
            _ => Heard::Nothing,
        })
    }

    fn message<'a>(
        &mut self,
        kind: Kind,
        data: &'a str,
        n: Option<u64>,
        out: &mut Vec<String>,
    ) -> serde_json::Result<Heard<'a>> {
        let (from, body) = carried::read(kind, data)?;
        let Some(n) = n else {
            return Ok(Heard::Nonsense(format!("a message from {from} has no number")));
        };
        if let Some(session) = &mut self.session
            && !session.hear(from, n, out)
        {
            return Ok(Heard::Nothing);
        }
        Ok(Heard::Message { from, kind, body })
    }

    fn notice(&mut self, name: &str, id: &str, version: u64) {
        let Some(session) = &mut self.session else { return };
        session.version = version;
        match name {
            "new_peer" => session.peers.push(id.to_owned()),
            "remove_peer" => session.peers.retain(|peer| peer != id),
            _ => {}
        }
    }

    fn joined(&mut self, peers: Peers) -> Heard<'static> {
        let Peers { you, connections, version, resume } = peers;
        self.session = resume.map(|Key { key }| Session {
            me: you.clone(),
            key,
            version,
            peers: connections.clone(),
            ..Session::default()
        });
        Heard::Joined { me: you, peers: connections }
    }
}

impl Session {
    fn resume(&mut self, room: &str) -> String {
        self.attempt += 1;
        self.is_resuming = true;
        let received = self.peers.iter().map(|id| (id.as_str(), self.heard.get(id).copied().unwrap_or(0)));
        let received = object(received);
        let Self { me, key, attempt, version, .. } = self;
        format!(
            r#"{{"eventName":"resume","data":{{"room":"{room}","socketId":"{me}","key":"{key}","attempt":{attempt},"received":{received},"version":{version}}}}}"#
        )
    }

    /// Repeats what may not have arrived.
    fn resumed(&mut self, key: String, out: &mut Vec<String>) {
        self.key = key;
        self.is_resuming = false;
        out.extend(self.sent.iter().map(|(_, frame)| frame.clone()));
    }

    fn acknowledged(&mut self, n: u64) {
        while self.sent.front().is_some_and(|(first, _)| *first <= n) {
            self.sent.pop_front();
        }
    }

    /// False: it was heard before.
    fn hear(&mut self, from: &str, n: u64, out: &mut Vec<String>) -> bool {
        let highest = self.heard.entry(from.to_owned()).or_default();
        let is_new = n > *highest;
        *highest = n.max(*highest);
        self.untold.insert(from.to_owned(), *highest); // a repeat as well: the gateway doesn't know
        self.untold_count += 1;
        if self.untold_count >= ACK_EVERY {
            self.acknowledge(out);
        }
        is_new
    }

    fn acknowledge(&mut self, out: &mut Vec<String>) {
        if self.untold_count == 0 || self.is_resuming {
            return;
        }
        self.untold_count = 0;
        let received = object(self.untold.iter().map(|(id, n)| (id.as_str(), *n)));
        out.push(format!(r#"{{"eventName":"ack","data":{{"received":{received}}}}}"#));
        self.untold.clear();
        self.heard.retain(|id, _| self.peers.contains(id));
    }
}

fn object<'a>(entries: impl Iterator<Item = (&'a str, u64)>) -> String {
    let entries: Vec<String> = entries.map(|(id, n)| format!(r#""{id}":{n}"#)).collect();
    format!("{{{}}}", entries.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "ann7k2m9qx0c5t8vhw3d";
    const BEN: &str = "ben6yzr8e4f0j9mk2tap";
    const KEY: &str = "7h2kq9x4m0vd8rc3tz6wj1bn5yeapgsf";

    fn ben(resumable: bool) -> Switchboard {
        Switchboard::new(&Seat { room: "kitchen".into(), index: 1, of: 2 }, resumable)
    }

    fn hear<'a>(client: &mut Switchboard, frame: &'a str) -> (Heard<'a>, Vec<String>) {
        let mut out = Vec::new();
        (client.hear(frame, &mut out), out)
    }

    fn say(act: impl FnOnce(&mut Vec<String>)) -> Vec<String> {
        let mut out = Vec::new();
        act(&mut out);
        out
    }

    fn peers(resume: &str) -> String {
        format!(
            r#"{{"eventName": "peers", "data": {{"you": "{BEN}", "room": "kitchen", "connections": ["{ANN}"],
                "peers": [{{"socketId": "{ANN}", "info": null}}], "version": 2, "iceServers": []{resume}}}}}"#
        )
    }

    fn resumable() -> Switchboard {
        let mut client = ben(true);
        let join = say(|out| client.join(out));
        assert_eq!(join, [r#"{"eventName":"join","data":{"room":"kitchen","resume":true}}"#]);
        hear(&mut client, &peers(&format!(r#", "resume": {{"key": "{KEY}", "windowMs": 30000}}"#)));
        client
    }

    #[test]
    fn hears_the_frames_of_the_protocol() {
        let mut client = ben(false);
        assert_eq!(say(|out| client.join(out)), [r#"{"eventName":"join","data":{"room":"kitchen"}}"#]);
        let joined = Heard::Joined { me: BEN.into(), peers: vec![ANN.into()] };
        assert_eq!(hear(&mut client, &peers("")).0, joined);
        assert!(!client.resumes());
        let offer = r#"{"eventName": "offer", "data": {"socketId": "ann7k2m9qx0c5t8vhw3d", "sdp": {"type": "offer", "sdp": "v=0\r\n…"}}, "n": 1}"#;
        let message = Heard::Message { from: ANN, kind: Kind::Offer, body: r"v=0\r\n…" };
        assert_eq!(hear(&mut client, offer).0, message);
        let candidate = r#"{"eventName": "ice_candidate", "data": {"label": 0, "candidate": "candidate:1 1 udp", "socketId": "ann7k2m9qx0c5t8vhw3d"}, "n": 2}"#;
        let message = Heard::Message { from: ANN, kind: Kind::Candidate, body: "candidate:1 1 udp" };
        assert_eq!(hear(&mut client, candidate).0, message);
        for (name, heard) in [
            ("new_peer", Heard::Came(ANN.into())),
            ("remove_peer", Heard::Went(ANN.into())),
            ("peer_away", Heard::Away(ANN.into())),
            ("peer_back", Heard::Back(ANN.into())),
        ] {
            let frame = format!(
                r#"{{"eventName": "{name}", "data": {{"socketId": "{ANN}", "info": null, "reason": "lost", "version": 3}}}}"#
            );
            assert_eq!(hear(&mut client, &frame).0, heard);
        }
        assert_eq!(hear(&mut client, r#"{"eventName": "gap", "data": {}}"#).0, Heard::Gap);
        assert_eq!(hear(&mut client, r#"{"eventName": "left", "data": {}}"#).0, Heard::Left);
        assert_eq!(hear(&mut client, r#"{"eventName": "news", "data": {}}"#).0, Heard::Nothing);
        assert_eq!(
            hear(&mut client, r#"{"eventName": "reconnect", "data": {"afterMs": 7421}}"#).0,
            Heard::Reconnect { after: Duration::from_millis(7421) }
        );
        let error = r#"{"eventName": "error", "data": {"code": "peer_gone", "message": "no such peer", "retryable": false, "n": 3, "socketId": "x"}}"#;
        assert_eq!(hear(&mut client, error).0, Heard::Error("peer_gone: no such peer, about x".into()));
        assert!(matches!(hear(&mut client, "{").0, Heard::Nonsense(_)));
        assert!(matches!(hear(&mut client, &candidate.replace(r#", "n": 2"#, "")).0, Heard::Nonsense(_)));
    }

    #[test]
    fn says_the_frames_of_the_protocol() {
        let mut client = ben(false);
        assert_eq!(
            say(|out| client.relay(Kind::Answer, ANN, r"v=0\r\n", out)),
            [
                r#"{"eventName":"answer","data":{"socketId":"ann7k2m9qx0c5t8vhw3d","sdp":{"type":"answer","sdp":"v=0\r\n"}}}"#
            ]
        );
        assert_eq!(
            say(|out| client.relay(Kind::Candidate, ANN, "candidate:1", out)),
            [
                r#"{"eventName":"ice_candidate","data":{"socketId":"ann7k2m9qx0c5t8vhw3d","candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0,"label":0}}"#
            ]
        );
        assert_eq!(say(|out| client.leave(out)), [r#"{"eventName":"leave"}"#]);
    }

    #[test]
    fn resumes_with_what_it_heard_and_repeats_what_was_not_acknowledged() {
        let mut client = resumable();
        for _ in 0..3 {
            client.relay(Kind::Candidate, ANN, "candidate:1", &mut Vec::new());
        }
        hear(&mut client, r#"{"eventName": "ack", "data": {"n": 1}}"#);
        let offer = r#"{"eventName": "offer", "data": {"socketId": "ann7k2m9qx0c5t8vhw3d", "sdp": {"sdp": "v=0"}}, "n": 5}"#;
        hear(&mut client, offer);
        assert_eq!(
            say(|out| client.resume(out)),
            [format!(
                r#"{{"eventName":"resume","data":{{"room":"kitchen","socketId":"{BEN}","key":"{KEY}","attempt":1,"received":{{"{ANN}":5}},"version":2}}}}"#
            )]
        );
        assert_eq!(
            say(|out| client.relay(Kind::Candidate, ANN, "candidate:2", out)).len(),
            0,
            "not before `resumed`"
        );
        let resumed = r#"{"eventName": "resumed", "data": {"you": "ben6yzr8e4f0j9mk2tap", "room": "kitchen", "version": 5, "iceServers": [], "resume": {"key": "w5", "windowMs": 30000}}}"#;
        let (heard, out) = hear(&mut client, resumed);
        assert_eq!(heard, Heard::Resumed);
        let numbers: Vec<&str> = out.iter().map(|frame| frame.rsplit_once(r#""n":"#).unwrap().1).collect();
        assert_eq!(numbers, ["2}", "3}", "4}"]);
        assert_eq!(hear(&mut client, offer).0, Heard::Nothing, "it was heard before");
        let again = say(|out| client.resume(out)).concat();
        assert!(again.contains(r#""key":"w5","attempt":2"#), "{again}");
    }

    #[test]
    fn acknowledges_after_a_second_or_32_messages() {
        let mut client = resumable();
        let tick = |client: &mut Switchboard| say(|out| client.tick(Duration::ZERO, out));
        let message = |n: u32| {
            format!(
                r#"{{"eventName": "ice_candidate", "data": {{"socketId": "{ANN}", "candidate": "c"}}, "n": {n}}}"#
            )
        };
        assert_eq!(tick(&mut client).len(), 0);
        hear(&mut client, &message(1));
        assert_eq!(
            tick(&mut client),
            [format!(r#"{{"eventName":"ack","data":{{"received":{{"{ANN}":1}}}}}}"#)]
        );
        assert_eq!(tick(&mut client).len(), 0);
        let acks: Vec<Vec<String>> = (2..=33).map(|n| hear(&mut client, &message(n)).1).collect();
        assert!(acks[..31].iter().all(Vec::is_empty));
        assert_eq!(acks[31], [format!(r#"{{"eventName":"ack","data":{{"received":{{"{ANN}":33}}}}}}"#)]);
    }
}
