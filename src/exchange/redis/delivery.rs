//! What travels on a channel, and, of messages, lies in a mailbox. Text; its first byte tells what it is.
//!
//! | text | what |
//! | --- | --- |
//! | `M` kind sender number ` ` frame | a message; kind is one letter, the sender's id 20 |
//! | `J` version ` ` id info | a peer joined (written by `join.lua`) |
//! | `I` version ` ` id info | a peer shows something else (`info.lua`) |
//! | `L` version ` ` id reason | a peer left (`prelude.lua`) |
//! | `A` version ` ` id, `B` version ` ` id | a peer's connection is gone (`prelude.lua`), or it is back (`resume.lua`) |
//! | `T` attempt | the member itself was resumed, by this attempt (`resume.lua`) |
//! | `K` reason | the member itself was sent away (`kick.lua`, `close.lua`) |
//! | `N` frame | an operator has a frame for the member (`announce.lua`) |

use crate::{
    protocol::{Info, LeaveReason, Peer, Signal, SignalKind, SocketId},
    room::{Change, Event, Notice},
};

/// What comes through a member's channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// For whoever speaks for it.
    Event(Event),
    /// It was resumed, by this attempt.
    TakenOver(u64),
    /// It was sent away.
    Ended(LeaveReason),
}

/// Reads a delivery, or `None` where a newer version's node says something that this one doesn't know.
pub(super) fn read(bytes: &[u8]) -> Option<Delivery> {
    let text = str::from_utf8(bytes).ok()?;
    let (kind, rest) = text.split_at_checked(1)?;
    let event = match kind {
        "T" => return rest.parse().ok().map(Delivery::TakenOver),
        "K" => return reason_of(rest).map(Delivery::Ended),
        "N" => Some(Event::Announced(rest.to_owned().into())),
        "M" => read_signal(text).map(Event::Signal),
        "J" => read_notice(rest, |id, info| Some(Change::Joined(Peer::here(id, info_of(info)?)))),
        "I" => read_notice(rest, |id, info| Some(Change::Info(Peer::here(id, info_of(info)?)))),
        "L" => read_notice(rest, |id, reason| Some(Change::Left(id, reason_of(reason)?))),
        "A" => read_notice(rest, |id, _| Some(Change::Away(id))),
        "B" => read_notice(rest, |id, _| Some(Change::Back(id))),
        _ => None,
    };
    event.map(Delivery::Event)
}

/// Reads a message.
pub(super) fn read_signal(text: &str) -> Option<Signal> {
    let (kind, rest) = text.strip_prefix('M')?.split_at_checked(1)?;
    let kind = KINDS.iter().find(|(letter, _)| *letter == kind)?.1;
    let (from, rest) = rest.split_at_checked(SocketId::LEN)?;
    let (n, frame) = rest.split_once(' ')?;
    Some(Signal { kind, from: SocketId::parse(from)?, n: n.parse().ok()?, frame: frame.to_owned().into() })
}

/// Writes a message.
pub(super) fn write_signal(signal: &Signal) -> Vec<u8> {
    let letter = KINDS.iter().find(|(_, kind)| *kind == signal.kind).expect("a letter for each kind").0;
    let mut digits = itoa::Buffer::new();
    let n = digits.format(signal.n).as_bytes();
    [b"M", letter.as_bytes(), signal.from.as_str().as_bytes(), n, b" ", signal.frame.as_bytes()].concat()
}

/// Reads what a peer shows.
pub(super) fn info_of(json: &str) -> Option<Info> {
    Info::parse(Some(serde_json::from_str(json).ok()?))
}

/// The reason as scripts write it.
pub(super) fn reason_name(reason: LeaveReason) -> &'static str {
    REASONS.iter().find(|(_, known)| *known == reason).expect("a name for each reason").0
}

const KINDS: [(&str, SignalKind); 5] = [
    ("o", SignalKind::Offer),
    ("a", SignalKind::Answer),
    ("i", SignalKind::IceCandidate),
    ("m", SignalKind::Message),
    ("c", SignalKind::Custom),
];

const REASONS: [(&str, LeaveReason); 4] = [
    ("left", LeaveReason::Left),
    ("lost", LeaveReason::Lost),
    ("kicked", LeaveReason::Kicked),
    ("closed", LeaveReason::Closed),
];

/// Reads a reason as scripts write it.
pub(super) fn reason_of(name: &str) -> Option<LeaveReason> {
    Some(REASONS.iter().find(|(known, _)| *known == name)?.1)
}

fn read_notice(text: &str, change: impl FnOnce(SocketId, &str) -> Option<Change>) -> Option<Event> {
    let (version, rest) = text.split_once(' ')?;
    let (id, rest) = rest.split_at_checked(SocketId::LEN)?;
    let change = change(SocketId::parse(id)?, rest)?;
    Some(Event::Notice(Notice { version: version.parse().ok()?, change }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdefghjk";

    fn id() -> SocketId {
        SocketId::parse(ID).unwrap()
    }

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        for kind in SignalKind::ALL {
            for n in [1, Signal::MAX_N] {
                let frame = r#"{"eventName":"offer","data":{"sdp":"v=0 \r\n é"},"n":1}"#.to_owned().into();
                let signal = Signal { kind, from: id(), n, frame };
                let event = Event::Signal(signal.clone());
                assert_eq!(read(&write_signal(&signal)), Some(Delivery::Event(event)));
            }
        }
    }

    #[test]
    fn notices_are_read_as_the_scripts_write_them() {
        let peer = Peer::here(id(), Info::of(r#"{"name":"Ann B"}"#));
        for (text, change) in [
            (format!(r#"J7 {ID}{{"name":"Ann B"}}"#), Change::Joined(peer.clone())),
            (format!(r#"I7 {ID}{{"name":"Ann B"}}"#), Change::Info(peer)),
            (format!("L7 {ID}left"), Change::Left(id(), LeaveReason::Left)),
            (format!("L7 {ID}lost"), Change::Left(id(), LeaveReason::Lost)),
            (format!("A7 {ID}"), Change::Away(id())),
            (format!("B7 {ID}"), Change::Back(id())),
        ] {
            let event = Event::Notice(Notice { version: 7, change });
            assert_eq!(read(text.as_bytes()), Some(Delivery::Event(event)), "{text}");
        }
        assert_eq!(read(b"T3"), Some(Delivery::TakenOver(3)));
        assert_eq!(read(b"Kkicked"), Some(Delivery::Ended(LeaveReason::Kicked)));
        let frame = r#"{"eventName":"notice"}"#.to_owned();
        let event = Event::Announced(frame.clone().into());
        assert_eq!(read(format!("N{frame}").as_bytes()), Some(Delivery::Event(event)));
    }

    #[test]
    fn what_is_not_known_is_nothing() {
        for text in [
            "",
            "T",
            "Tx",
            "Kgone",
            "A7 short",
            "M",
            "Mo",
            "Mz0123456789abcdefghjk1 {}",
            "J1",
            "J1 short",
            "Jx 0123456789abcdefghjk1",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read(format!("L7 {ID}gone").as_bytes()), None);
        assert_eq!(read(format!("J7 {ID}{{").as_bytes()), None);
        assert_eq!(read(b"M\xff"), None);
    }
}
