//! What `loadtest bare relay` carries, the limit of any relay: no protocol at all. A client says who it is and who its partner
//! is, once; from then on each message is its partner's, unread.
//!
//! ```text
//! to it     MY-NAME tab PARTNER'S-NAME
//! from it   ready
//! both      OFFER, ANSWER or CANDIDATE, as one letter, then SENDER tab BODY
//! ```

use super::{Dialect, Heard, Kind, Seat, Transport, text};

/// Between the parts: no room's name has one, and no escaped body.
const TAB: char = '\t';

pub(crate) struct Plain {
    seat: Seat,
}

impl Plain {
    pub(crate) fn new(seat: &Seat) -> Self {
        Self { seat: seat.clone() }
    }
}

impl Dialect for Plain {
    fn transport(&self) -> Transport {
        Transport::Plain
    }

    fn join(&mut self, out: &mut Vec<String>) {
        let partner = self.seat.others().into_iter().next().unwrap_or_default();
        out.push(format!("{}{TAB}{partner}", self.seat.name()));
    }

    /// There is one that it can be for.
    fn relay(&mut self, kind: Kind, _to: &str, body: &str, out: &mut Vec<String>) {
        out.push(text::letter(kind, &self.seat.name(), body));
    }

    fn leave(&mut self, _out: &mut Vec<String>) {}

    fn hear<'a>(&mut self, frame: &'a str, _out: &mut Vec<String>) -> Heard<'a> {
        if frame == "ready" {
            return Heard::Joined { me: self.seat.name(), peers: self.seat.others() };
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
    fn two_of_a_room_are_partners() {
        let mut said = Vec::new();
        for index in [0, 1] {
            let mut client = Plain::new(&Seat { room: "r".into(), index, of: 2 });
            client.join(&mut said);
            let Heard::Joined { me, peers } = client.hear("ready", &mut Vec::new()) else { panic!("joined") };
            assert_eq!((me, peers), (format!("r.{index}"), vec![format!("r.{}", 1 - index)]));
        }
        assert_eq!(said, ["r.0\tr.1", "r.1\tr.0"]);
    }

    #[test]
    fn what_one_says_the_other_reads() {
        let [mut a, mut b] = [0, 1].map(|index| Plain::new(&Seat { room: "r".into(), index, of: 2 }));
        for kind in [Kind::Offer, Kind::Answer, Kind::Candidate] {
            let mut out = Vec::new();
            a.relay(kind, "r.1", r"v=0\r\n", &mut out);
            assert_eq!(
                b.hear(&out[0], &mut Vec::new()),
                Heard::Message { from: "r.0", kind, body: r"v=0\r\n" }
            );
        }
        assert!(matches!(b.hear("x", &mut Vec::new()), Heard::Nonsense(_)));
    }
}
