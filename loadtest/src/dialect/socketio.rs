//! What `peers/socketio.mjs` speaks: Engine.IO 4 and, in its messages, Socket.IO 5, over WebSocket only.
//!
//! ```text
//! from it   0{"sid":…}                    Engine.IO is open
//! to it     40                            Socket.IO: connect
//! from it   40{"sid":"ID"}                connected; this is the client's id
//! to it     420["join","kitchen"]         an event that is to be acknowledged, as number 0
//! from it   430[["ID"]]                   the acknowledgement: who is there
//! both      42["offer","ID","…"]          an event: to it with the receiver's id, from it with the sender's
//! from it   42["came","ID"] 42["went","ID"]
//! from it   2     to it   3               Engine.IO's ping and pong
//! ```

use super::{Dialect, Heard, Kind, Seat, text};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use url::Url;

pub(crate) struct SocketIo {
    room: String,
    me: String,
    /// The join was acknowledged.
    joined: bool,
    /// Who came. Two who join at once may each hear of the other twice, in the answer and as a notice: in this server, as in
    /// most of its kind, these aren't one step. Its clients keep a set, and so does this one.
    present: BTreeSet<String>,
}

impl SocketIo {
    pub(crate) fn new(seat: &Seat) -> Self {
        Self { room: seat.room.clone(), me: String::new(), joined: false, present: BTreeSet::new() }
    }

    fn connected<'a>(&mut self, data: &str, out: &mut Vec<String>) -> Option<Heard<'a>> {
        #[derive(Deserialize)]
        struct Connected {
            sid: String,
        }
        self.me = serde_json::from_str::<Connected>(data).ok()?.sid;
        out.push(format!(r#"420["join",{}]"#, text::quoted(&self.room)));
        Some(Heard::Nothing)
    }

    fn acknowledged<'a>(&mut self, data: &str) -> Option<Heard<'a>> {
        let (there,) = serde_json::from_str::<(Vec<String>,)>(data).ok()?;
        self.present.extend(there);
        self.joined = true;
        Some(Heard::Joined { me: self.me.clone(), peers: self.present.iter().cloned().collect() })
    }

    fn event<'a>(&mut self, data: &'a str) -> Option<Heard<'a>> {
        let parts: Vec<&RawValue> = serde_json::from_str(data).ok()?;
        let (name, rest) = parts.split_first()?;
        Some(match (text::inside(name)?, rest) {
            ("came", [id]) => self.came(text::inside(id)?),
            ("went", [id]) => self.went(text::inside(id)?),
            (word, [from, body]) => Heard::Message {
                from: text::inside(from)?,
                kind: text::kind(word)?,
                body: text::inside(body)?,
            },
            _ => return None,
        })
    }

    fn came<'a>(&mut self, id: &str) -> Heard<'a> {
        let is_news = self.present.insert(id.into()) && self.joined;
        if is_news { Heard::Came(id.into()) } else { Heard::Nothing }
    }

    fn went<'a>(&mut self, id: &str) -> Heard<'a> {
        let is_news = self.present.remove(id) && self.joined;
        if is_news { Heard::Went(id.into()) } else { Heard::Nothing }
    }
}

impl Dialect for SocketIo {
    fn address(&self, server: &Url) -> Url {
        let mut address = server.clone();
        address.set_path("/socket.io/");
        address.set_query(Some("EIO=4&transport=websocket"));
        address
    }

    /// The room itself is asked for once Socket.IO is connected.
    fn join(&mut self, out: &mut Vec<String>) {
        out.push("40".into());
    }

    fn relay(&mut self, kind: Kind, to: &str, body: &str, out: &mut Vec<String>) {
        out.push(format!(r#"42["{}","{to}","{body}"]"#, text::word(kind)));
    }

    /// It has no word for that: who leaves closes the connection.
    fn leave(&mut self, _out: &mut Vec<String>) {}

    fn hear<'a>(&mut self, frame: &'a str, out: &mut Vec<String>) -> Heard<'a> {
        let heard = match frame.as_bytes() {
            [b'4', b'2', ..] => self.event(&frame[2..]),
            [b'4', b'3', b'0', ..] => self.acknowledged(&frame[3..]),
            [b'4', b'0', ..] => self.connected(&frame[2..], out),
            [b'4', b'1' | b'4', ..] => Some(Heard::Error(format!("it disconnects: {frame}"))),
            [b'0', b'{', ..] => Some(Heard::Nothing),
            [b'2'] => {
                out.push("3".into());
                Some(Heard::Nothing)
            }
            _ => None,
        };
        heard.unwrap_or_else(|| text::nonsense(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as the server sent them, to the second of two that joined.
    const OPEN: &str = r#"0{"sid":"fyOJjGKEWGwQ2zTXKEAB","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    const CONNECTED: &str = r#"40{"sid":"fwPwoEVKYrYX3NsLAAAA"}"#;
    const JOINED: &str = r#"430[["N592KOSKRcU72oydAAAA"]]"#;
    const CAME: &str = r#"42["came","QfwCmPT8Ga5FS9H3UAAB"]"#;
    const WENT: &str = r#"42["went","QfwCmPT8Ga5FS9H3UAAB"]"#;

    fn client() -> SocketIo {
        SocketIo::new(&Seat { room: "kitchen".into(), index: 1, of: 2 })
    }

    fn joined() -> SocketIo {
        let mut client = client();
        client.hear(CONNECTED, &mut Vec::new());
        client.hear(JOINED, &mut Vec::new());
        client
    }

    #[test]
    fn it_connects_over_websocket_only() {
        let server = "ws://127.0.0.1:8080/".parse().expect("a URL");
        assert_eq!(
            client().address(&server).as_str(),
            "ws://127.0.0.1:8080/socket.io/?EIO=4&transport=websocket"
        );
    }

    #[test]
    fn it_joins_in_three_steps() {
        let (mut client, mut out) = (client(), Vec::new());
        client.join(&mut out);
        assert_eq!(client.hear(OPEN, &mut out), Heard::Nothing);
        assert_eq!(client.hear(CONNECTED, &mut out), Heard::Nothing);
        assert_eq!(out, ["40", r#"420["join","kitchen"]"#]);
        assert_eq!(
            client.hear(JOINED, &mut out),
            Heard::Joined { me: "fwPwoEVKYrYX3NsLAAAA".into(), peers: vec!["N592KOSKRcU72oydAAAA".into()] }
        );
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn each_ping_is_answered() {
        let mut out = Vec::new();
        assert_eq!(client().hear("2", &mut out), Heard::Nothing);
        assert_eq!(out, ["3"]);
    }

    #[test]
    fn it_reads_messages_and_notices() {
        let (mut client, mut out) = (joined(), Vec::new());
        assert_eq!(
            client.hear(r#"42["offer","fwPwoEVKYrYX3NsLAAAA","v=0\r\n\""]"#, &mut out),
            Heard::Message { from: "fwPwoEVKYrYX3NsLAAAA", kind: Kind::Offer, body: r#"v=0\r\n\""# }
        );
        assert_eq!(client.hear(CAME, &mut out), Heard::Came("QfwCmPT8Ga5FS9H3UAAB".into()));
        assert_eq!(client.hear(WENT, &mut out), Heard::Went("QfwCmPT8Ga5FS9H3UAAB".into()));
        assert!(out.is_empty());
    }

    #[test]
    fn it_names_whom_it_tells() {
        let mut out = Vec::new();
        joined().relay(Kind::Answer, "N592KOSKRcU72oydAAAA", r"v=0\r\n", &mut out);
        assert_eq!(out, [r#"42["answer","N592KOSKRcU72oydAAAA","v=0\r\n"]"#]);
    }

    #[test]
    fn who_is_heard_of_twice_came_once() {
        let (mut client, mut out) = (client(), Vec::new());
        client.hear(CONNECTED, &mut out);
        assert_eq!(client.hear(CAME, &mut out), Heard::Nothing, "before the answer, which has it");
        let Heard::Joined { peers, .. } = client.hear(JOINED, &mut out) else { panic!("joined") };
        assert_eq!(peers, ["N592KOSKRcU72oydAAAA", "QfwCmPT8Ga5FS9H3UAAB"]);
        assert_eq!(client.hear(CAME, &mut out), Heard::Nothing, "known already");
        assert_eq!(client.hear(WENT, &mut out), Heard::Went("QfwCmPT8Ga5FS9H3UAAB".into()));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for frame in ["", "x", "42", "42[]", r#"42["offer","a"]"#, "430", "40", "5"] {
            assert!(matches!(joined().hear(frame, &mut Vec::new()), Heard::Nonsense(_)), "{frame}");
        }
        assert!(matches!(
            joined().hear(r#"44{"message":"Invalid namespace"}"#, &mut Vec::new()),
            Heard::Error(_)
        ));
    }
}
