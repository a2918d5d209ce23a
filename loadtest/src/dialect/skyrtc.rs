//! The dialect of SkyRTC 0.0.2 (2014), which its own server, others since, and Switchboard speak.

use super::{Dialect, Heard, Kind, Seat, carried};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) struct SkyRtc {
    room: String,
}

impl SkyRtc {
    pub(crate) fn new(seat: &Seat) -> Self {
        Self { room: seat.room.clone() }
    }
}

impl Dialect for SkyRtc {
    fn join(&mut self, out: &mut Vec<String>) {
        out.push(format!(r#"{{"eventName":"__join","data":{{"room":"{}"}}}}"#, self.room));
    }

    fn relay(&mut self, kind: Kind, to: &str, body: &str, out: &mut Vec<String>) {
        out.push(match kind {
            Kind::Offer => description("offer", to, body),
            Kind::Answer => description("answer", to, body),
            Kind::Candidate => [
                r#"{"eventName":"__ice_candidate","data":{"label":0,"candidate":""#,
                body,
                r#"","socketId":""#,
                to,
                r#""}}"#,
            ]
            .concat(),
        });
    }

    /// There is no word for it: a connection that closes leaves.
    fn leave(&mut self, _out: &mut Vec<String>) {}

    fn hear<'a>(&mut self, frame: &'a str, _out: &mut Vec<String>) -> Heard<'a> {
        read(frame).unwrap_or_else(|error| Heard::Nonsense(format!("{error}: {frame:.200}")))
    }
}

fn description(kind: &str, to: &str, body: &str) -> String {
    let head = [r#"{"eventName":"__"#, kind, r#"","data":{"sdp":{"type":""#, kind, r#"","sdp":""#];
    [&head.concat(), body, r#""},"socketId":""#, to, r#""}}"#].concat()
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "eventName")]
    name: &'a str,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Peers {
    connections: Vec<String>,
    you: String,
}

#[derive(Deserialize)]
struct Peer {
    #[serde(rename = "socketId")]
    id: String,
}

fn read(frame: &str) -> serde_json::Result<Heard<'_>> {
    let Frame { name, data } = serde_json::from_str(frame)?;
    let data = data.map_or("{}", RawValue::get);
    Ok(match name {
        "_ice_candidate" => message(Kind::Candidate, data)?,
        "_offer" => message(Kind::Offer, data)?,
        "_answer" => message(Kind::Answer, data)?,
        "_peers" => {
            let Peers { connections, you } = serde_json::from_str(data)?;
            Heard::Joined { me: you, peers: connections }
        }
        "_new_peer" => Heard::Came(serde_json::from_str::<Peer>(data)?.id),
        "_remove_peer" => Heard::Went(serde_json::from_str::<Peer>(data)?.id),
        _ => Heard::Nothing,
    })
}

fn message(kind: Kind, data: &str) -> serde_json::Result<Heard<'_>> {
    let (from, body) = carried::read(kind, data)?;
    Ok(Heard::Message { from, kind, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(frame: &str) -> Heard<'_> {
        read(frame).unwrap()
    }

    #[test]
    fn hears_an_exchange() {
        let ann = "ann7k2m9qx0c5t8vhw3d".to_owned();
        let cat = "cat3w5hs1rz9m7xq4kfd".to_owned();
        assert_eq!(
            hear(
                r#"{"eventName": "_peers", "data": {"connections": ["ann7k2m9qx0c5t8vhw3d"], "you": "cat3w5hs1rz9m7xq4kfd"}}"#
            ),
            Heard::Joined { me: cat, peers: vec![ann.clone()] }
        );
        assert_eq!(
            hear(
                r#"{"eventName": "_answer", "data": {"socketId": "ann7k2m9qx0c5t8vhw3d", "sdp": {"type": "answer", "sdp": "v=0\r\n…"}}}"#
            ),
            Heard::Message { from: &ann, kind: Kind::Answer, body: r"v=0\r\n…" }
        );
        assert_eq!(
            hear(
                r#"{"eventName": "_ice_candidate", "data": {"label": 0, "socketId": "ann7k2m9qx0c5t8vhw3d",
                    "candidate": "candidate:1 1 udp", "sdpMLineIndex": 0}}"#
            ),
            Heard::Message { from: &ann, kind: Kind::Candidate, body: "candidate:1 1 udp" }
        );
        assert_eq!(
            hear(r#"{"eventName": "_new_peer", "data": {"socketId": "dan8v2tq6ch4y0b1gxze"}}"#),
            Heard::Came("dan8v2tq6ch4y0b1gxze".into())
        );
        assert_eq!(
            hear(r#"{"eventName": "_remove_peer", "data": {"socketId": "ann7k2m9qx0c5t8vhw3d"}}"#),
            Heard::Went(ann)
        );
        assert!(read("no JSON").is_err());
    }

    #[test]
    fn says_what_a_page_of_2014_says() {
        let mut out = Vec::new();
        let mut dialect = SkyRtc::new(&Seat { room: "kitchen".into(), index: 0, of: 2 });
        dialect.join(&mut out);
        for kind in [Kind::Offer, Kind::Candidate] {
            dialect.relay(kind, "ann7k2m9qx0c5t8vhw3d", r"v=0\r\n", &mut out);
        }
        assert_eq!(
            out,
            [
                r#"{"eventName":"__join","data":{"room":"kitchen"}}"#,
                r#"{"eventName":"__offer","data":{"sdp":{"type":"offer","sdp":"v=0\r\n"},"socketId":"ann7k2m9qx0c5t8vhw3d"}}"#,
                r#"{"eventName":"__ice_candidate","data":{"label":0,"candidate":"v=0\r\n","socketId":"ann7k2m9qx0c5t8vhw3d"}}"#,
            ]
        );
    }
}
