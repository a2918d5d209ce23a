//! What `PeerServer` speaks. It has no rooms and tells of nobody: clients choose their ids, and learn those of others
//! elsewhere; here, from their seats.
//!
//! ```text
//! connect to   /peerjs?key=peerjs&id=ID&token=TOKEN
//! from it      {"type":"OPEN"}
//! to it        {"type":"LEAVE","dst":"OWN ID"}                                  which comes back: the client is in
//! to it        {"type":"OFFER","dst":"ID","payload":{"sdp":"…"}}
//! from it      {"type":"OFFER","src":"ID","dst":"ID","payload":{"sdp":"…"}}
//! to it        {"type":"HEARTBEAT"}                                             each five seconds
//! ```

use super::{Dialect, Heard, Kind, Seat, text};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;
use url::Url;

/// As its clients do.
const HEARTBEAT: Duration = Duration::from_secs(5);

pub(crate) struct PeerJs {
    seat: Seat,
    heartbeats: u32,
}

impl PeerJs {
    pub(crate) fn new(seat: &Seat) -> Self {
        Self { seat: seat.clone(), heartbeats: 0 }
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    src: Option<&'a str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Each kind of message has one of these.
#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, alias = "candidate")]
    sdp: &'a RawValue,
}

impl Dialect for PeerJs {
    fn address(&self, server: &Url) -> Url {
        let (mut address, me) = (server.clone(), self.seat.name());
        address.set_path("/peerjs");
        address.query_pairs_mut().extend_pairs([("key", "peerjs"), ("id", &me), ("token", &me)]);
        address
    }

    /// There is nothing to join. What it sends to itself comes back as soon as others' messages could come.
    fn join(&mut self, out: &mut Vec<String>) {
        out.push(format!(r#"{{"type":"LEAVE","dst":"{}"}}"#, self.seat.name()));
    }

    fn relay(&mut self, kind: Kind, to: &str, body: &str, out: &mut Vec<String>) {
        let (word, field) = match kind {
            Kind::Offer => ("OFFER", "sdp"),
            Kind::Answer => ("ANSWER", "sdp"),
            Kind::Candidate => ("CANDIDATE", "candidate"),
        };
        out.push(format!(r#"{{"type":"{word}","dst":"{to}","payload":{{"{field}":"{body}"}}}}"#));
    }

    /// Its word for that is about one connection; who leaves closes this one.
    fn leave(&mut self, _out: &mut Vec<String>) {}

    fn hear<'a>(&mut self, frame: &'a str, _out: &mut Vec<String>) -> Heard<'a> {
        let Ok(read) = serde_json::from_str::<Frame<'a>>(frame) else { return text::nonsense(frame) };
        match read.r#type {
            "OPEN" => Heard::Nothing,
            "LEAVE" if read.src == Some(&self.seat.name()) => {
                Heard::Joined { me: self.seat.name(), peers: self.seat.others() }
            }
            "OFFER" => message(Kind::Offer, &read, frame),
            "ANSWER" => message(Kind::Answer, &read, frame),
            "CANDIDATE" => message(Kind::Candidate, &read, frame),
            "ERROR" | "ID-TAKEN" | "EXPIRE" | "LEAVE" => Heard::Error(frame.into()),
            _ => text::nonsense(frame),
        }
    }

    fn tick(&mut self, since_start: Duration, out: &mut Vec<String>) {
        if since_start >= HEARTBEAT * (self.heartbeats + 1) {
            self.heartbeats += 1;
            out.push(r#"{"type":"HEARTBEAT"}"#.into());
        }
    }

    fn gives_notice(&self) -> bool {
        false
    }
}

fn message<'a>(kind: Kind, read: &Frame<'a>, frame: &str) -> Heard<'a> {
    let payload = read.payload.and_then(|payload| serde_json::from_str::<Payload<'a>>(payload.get()).ok());
    match (read.src, payload.and_then(|payload| text::inside(payload.sdp))) {
        (Some(from), Some(body)) => Heard::Message { from, kind, body },
        _ => text::nonsense(frame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> PeerJs {
        PeerJs::new(&Seat { room: "load-1-0".into(), index: 1, of: 3 })
    }

    fn hear(frame: &str) -> Heard<'_> {
        client().hear(frame, &mut Vec::new())
    }

    #[test]
    fn the_seat_is_its_id() {
        let server = "ws://127.0.0.1:9000/".parse().expect("a URL");
        assert_eq!(
            client().address(&server).as_str(),
            "ws://127.0.0.1:9000/peerjs?key=peerjs&id=load-1-0.1&token=load-1-0.1"
        );
    }

    #[test]
    fn it_is_in_once_it_hears_itself() {
        let mut out = Vec::new();
        client().join(&mut out);
        assert_eq!(out, [r#"{"type":"LEAVE","dst":"load-1-0.1"}"#]);
        assert_eq!(hear(r#"{"type":"OPEN"}"#), Heard::Nothing);
        let frame = r#"{"type":"LEAVE","src":"load-1-0.1","dst":"load-1-0.1"}"#;
        let Heard::Joined { me, peers } = hear(frame) else { panic!("joined") };
        assert_eq!(
            (me.as_str(), &peers[..]),
            ("load-1-0.1", &["load-1-0.0".into(), "load-1-0.2".into()][..])
        );
    }

    #[test]
    fn what_it_says_is_what_the_server_reads() {
        let mut out = Vec::new();
        client().relay(Kind::Offer, "x", r"v=0\r\n", &mut out);
        client().relay(Kind::Candidate, "x", "c", &mut out);
        assert_eq!(
            out,
            [
                r#"{"type":"OFFER","dst":"x","payload":{"sdp":"v=0\r\n"}}"#,
                r#"{"type":"CANDIDATE","dst":"x","payload":{"candidate":"c"}}"#
            ]
        );
    }

    /// Frames as the server sent them.
    #[test]
    fn it_reads_what_the_server_passes_on() {
        assert_eq!(
            hear(r#"{"type":"OFFER","src":"y","dst":"x","payload":{"sdp":"v=0\r\n"}}"#),
            Heard::Message { from: "y", kind: Kind::Offer, body: r"v=0\r\n" }
        );
        assert_eq!(
            hear(r#"{"type":"CANDIDATE","src":"y","dst":"x","payload":{"candidate":"c"}}"#),
            Heard::Message { from: "y", kind: Kind::Candidate, body: "c" }
        );
    }

    #[test]
    fn errors_are_told_and_so_is_what_makes_no_sense() {
        assert!(matches!(hear(r#"{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}"#), Heard::Error(_)));
        for frame in ["", r#"{"type":"OFFER","src":"y"}"#, r#"{"type":"OFFER","payload":{"sdp":""}}"#] {
            assert!(matches!(hear(frame), Heard::Nonsense(_)), "{frame}");
        }
    }

    #[test]
    fn it_is_heard_of_each_five_seconds() {
        let (mut client, mut out) = (client(), Vec::new());
        for half_seconds in 0..=20 {
            client.tick(Duration::from_millis(500 * half_seconds), &mut out);
        }
        assert_eq!(out, [r#"{"type":"HEARTBEAT"}"#; 2]);
    }
}
