//! What `peers/ws-redis.mjs` speaks, a relay as one writes it with `ws`: small JSON with a `type`.
//!
//! ```text
//! to it     {"type":"join","room":"kitchen"}              {"type":"offer","to":"ID","body":"…"}
//! from it   {"type":"joined","you":"ID","peers":["ID"]}   {"type":"offer","from":"ID","body":"…"}
//!           {"type":"came","peer":"ID"}                   {"type":"went","peer":"ID"}
//! ```

use super::{Dialect, Heard, Kind, Seat, text};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) struct Relay {
    room: String,
}

impl Relay {
    pub(crate) fn new(seat: &Seat) -> Self {
        Self { room: seat.room.clone() }
    }
}

/// All that a frame may have; which of it there is depends on the type.
#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    you: Option<String>,
    peers: Option<Vec<String>>,
    peer: Option<String>,
    from: Option<&'a str>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

impl Dialect for Relay {
    fn join(&mut self, out: &mut Vec<String>) {
        out.push(format!(r#"{{"type":"join","room":{}}}"#, text::quoted(&self.room)));
    }

    fn relay(&mut self, kind: Kind, to: &str, body: &str, out: &mut Vec<String>) {
        out.push(format!(r#"{{"type":"{}","to":"{to}","body":"{body}"}}"#, text::word(kind)));
    }

    /// It has no word for that: who leaves closes the connection.
    fn leave(&mut self, _out: &mut Vec<String>) {}

    fn hear<'a>(&mut self, frame: &'a str, _out: &mut Vec<String>) -> Heard<'a> {
        match serde_json::from_str(frame) {
            Ok(read) => heard(read).unwrap_or_else(|| text::nonsense(frame)),
            Err(_) => text::nonsense(frame),
        }
    }
}

/// Nothing where a type lacks what belongs to it.
fn heard(frame: Frame<'_>) -> Option<Heard<'_>> {
    Some(match frame.r#type {
        "joined" => Heard::Joined { me: frame.you?, peers: frame.peers? },
        "came" => Heard::Came(frame.peer?),
        "went" => Heard::Went(frame.peer?),
        word => {
            Heard::Message { from: frame.from?, kind: text::kind(word)?, body: text::inside(frame.body?)? }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Relay {
        Relay::new(&Seat { room: "k\"1".into(), index: 0, of: 2 })
    }

    fn hear(frame: &str) -> Heard<'_> {
        client().hear(frame, &mut Vec::new())
    }

    #[test]
    fn it_asks_for_its_room_and_names_whom_it_tells() {
        let mut out = Vec::new();
        client().join(&mut out);
        client().relay(Kind::Candidate, "7d02cb12", r"a=1\r\n", &mut out);
        assert_eq!(
            out,
            [r#"{"type":"join","room":"k\"1"}"#, r#"{"type":"candidate","to":"7d02cb12","body":"a=1\r\n"}"#]
        );
    }

    /// Frames as the server sent them.
    #[test]
    fn it_reads_what_the_server_says() {
        assert_eq!(
            hear(
                r#"{"type":"joined","you":"5a2937cc-4816-4b26-9321-e9f2d2864a8b","peers":["cb076e67-581b-492e-99d6-b19f69fa14b9"]}"#
            ),
            Heard::Joined {
                me: "5a2937cc-4816-4b26-9321-e9f2d2864a8b".into(),
                peers: vec!["cb076e67-581b-492e-99d6-b19f69fa14b9".into()]
            }
        );
        assert_eq!(
            hear(r#"{"type":"came","peer":"5a2937cc-4816-4b26-9321-e9f2d2864a8b"}"#),
            Heard::Came("5a2937cc-4816-4b26-9321-e9f2d2864a8b".into())
        );
        assert_eq!(
            hear(r#"{"type":"went","peer":"5a2937cc-4816-4b26-9321-e9f2d2864a8b"}"#),
            Heard::Went("5a2937cc-4816-4b26-9321-e9f2d2864a8b".into())
        );
        assert_eq!(
            hear(r#"{"type":"offer","from":"5a2937cc-4816-4b26-9321-e9f2d2864a8b","body":"v=0\r\n\""}"#),
            Heard::Message {
                from: "5a2937cc-4816-4b26-9321-e9f2d2864a8b",
                kind: Kind::Offer,
                body: r#"v=0\r\n\""#
            }
        );
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for frame in [
            "",
            "[]",
            r#"{"type":"joined","you":"a"}"#,
            r#"{"type":"offer","from":"a","body":1}"#,
            r#"{"type":"x"}"#,
        ] {
            assert!(matches!(hear(frame), Heard::Nonsense(_)), "{frame}");
        }
    }
}
