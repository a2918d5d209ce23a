//! What `loadtest bare echo` speaks, or any server that sends each frame back: a client is its own and only peer.

use super::{Dialect, Heard, Kind, Seat, text};

pub(crate) struct Echo {
    seat: Seat,
}

impl Echo {
    pub(crate) fn new(seat: &Seat) -> Self {
        Self { seat: seat.clone() }
    }
}

const HELLO: &str = "hello";

impl Dialect for Echo {
    fn join(&mut self, out: &mut Vec<String>) {
        out.push(HELLO.into());
    }

    /// There is one that it can be for.
    fn relay(&mut self, kind: Kind, _to: &str, body: &str, out: &mut Vec<String>) {
        out.push(text::letter(kind, &self.seat.name(), body));
    }

    fn leave(&mut self, _out: &mut Vec<String>) {}

    fn hear<'a>(&mut self, frame: &'a str, _out: &mut Vec<String>) -> Heard<'a> {
        if frame == HELLO {
            return Heard::Joined { me: self.seat.name(), peers: vec![self.seat.name()] };
        }
        text::read_letter(frame).unwrap_or_else(|| text::nonsense(frame))
    }

    fn gives_notice(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_it_hears() {
        let (mut client, mut said) = (Echo::new(&Seat { room: "r".into(), index: 0, of: 1 }), Vec::new());
        client.join(&mut said);
        client.relay(Kind::Answer, "r.0", "b", &mut said);
        assert_eq!(
            client.hear(&said[0], &mut Vec::new()),
            Heard::Joined { me: "r.0".into(), peers: vec!["r.0".into()] }
        );
        assert_eq!(
            client.hear(&said[1], &mut Vec::new()),
            Heard::Message { from: "r.0", kind: Kind::Answer, body: "b" }
        );
    }
}
