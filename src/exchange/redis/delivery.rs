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
//!
//! The frame of a message that is traced ends with a member more, `"traceparent":"…"`, which is taken out where it is read. It
//! is there, and not before the frame, for nodes of a version that knows nothing of it: they hand it on, to clients that
//! ignore what they don't know, where they would drop a message whose head they can't read.

use crate::{
    protocol::{Info, LeaveReason, Peer, Signal, SignalKind, SocketId, Trace, TraceContext},
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
    let (from, n) = (SocketId::parse(from)?, n.parse().ok()?);
    Some(match read_trace(frame) {
        None => Signal { kind, from, n, frame: frame.to_owned().into(), trace: None },
        Some((frame, context)) => {
            let trace = Some(Box::new(Trace { context, parent: None, since: 0 }));
            Signal { kind, from, n, frame: frame.into(), trace }
        }
    })
}

/// A frame's trace, and the frame without it. A client can't forge one: what a frame ends with is the gateway's own.
fn read_trace(frame: &str) -> Option<(String, TraceContext)> {
    let fields = frame.strip_suffix("\"}")?;
    let (fields, context) = fields.split_at_checked(fields.len().checked_sub(TraceContext::LEN)?)?;
    let context = TraceContext::parse(context)?;
    Some(([fields.strip_suffix(TRACE)?, "}"].concat(), context))
}

/// What comes before a trace, at the end of a frame.
const TRACE: &str = r#","traceparent":""#;

/// Writes a message.
pub(super) fn write_signal(signal: &Signal) -> Vec<u8> {
    let letter = KINDS.iter().find(|(_, kind)| *kind == signal.kind).expect("a letter for each kind").0;
    let mut digits = itoa::Buffer::new();
    let n = digits.format(signal.n).as_bytes();
    let frame = signal.frame.as_bytes();
    let mut text = [b"M", letter.as_bytes(), signal.from.as_str().as_bytes(), n, b" ", frame].concat();
    if let Some(trace) = &signal.trace
        && frame.ends_with(b"}")
    {
        text.truncate(text.len() - 1);
        text.extend([TRACE, &trace.context.to_string(), "\"}"].concat().bytes());
    }
    text
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
    use crate::protocol::{ClientEvent, ClientFrame, Dialect};

    const ID: &str = "0123456789abcdefghjk";

    fn id() -> SocketId {
        SocketId::parse(ID).unwrap()
    }

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        for kind in SignalKind::ALL {
            for n in [1, Signal::MAX_N] {
                let frame = r#"{"eventName":"offer","data":{"sdp":"v=0 \r\n é"},"n":1}"#.to_owned().into();
                let signal = Signal { kind, from: id(), n, frame, trace: None };
                let event = Event::Signal(signal.clone());
                assert_eq!(read(&write_signal(&signal)), Some(Delivery::Event(event)));
            }
        }
    }

    #[test]
    fn a_message_without_a_trace_is_its_frame_behind_its_head() {
        let frame = r#"{"eventName":"offer","data":{},"n":7}"#;
        let signal =
            Signal { kind: SignalKind::Offer, from: id(), n: 7, frame: frame.to_owned().into(), trace: None };
        assert_eq!(write_signal(&signal), format!("Mo{ID}7 {frame}").as_bytes());
    }

    #[test]
    fn a_trace_travels_as_the_last_member_of_the_frame_and_comes_out_of_it() {
        let frame = r#"{"eventName":"offer","data":{},"n":7}"#;
        let context = TraceContext::sampled(0xab, 0xcd);
        let trace = Some(Box::new(Trace { context, parent: None, since: 0 }));
        let signal =
            Signal { kind: SignalKind::Offer, from: id(), n: 7, frame: frame.to_owned().into(), trace };
        let text = write_signal(&signal);
        let on_the_wire = format!(
            r#"Mo{ID}7 {{"eventName":"offer","data":{{}},"n":7,"traceparent":"00-{:032x}-{:016x}-01"}}"#,
            0xab, 0xcd
        );
        assert_eq!(str::from_utf8(&text).unwrap(), on_the_wire);
        assert_eq!(read(&text), Some(Delivery::Event(Event::Signal(signal))));
    }

    /// So a mailbox is trimmed of it, and it comes to the client as a member that it ignores.
    #[test]
    fn a_trace_of_another_version_stays_where_it_is() {
        for context in ["01-0-0-00", &format!("01-{:032x}-{:016x}-01", 1, 1), &"0".repeat(TraceContext::LEN)]
        {
            let frame = format!(r#"{{"n":7,"traceparent":"{context}"}}"#);
            let text = format!("Mo{ID}7 {frame}");
            let Some(Delivery::Event(Event::Signal(signal))) = read(text.as_bytes()) else {
                panic!("{text}")
            };
            assert_eq!((signal.frame.as_str(), &signal.trace), (frame.as_str(), &None));
            assert_eq!(write_signal(&signal), text.as_bytes());
        }
    }

    #[test]
    fn what_a_client_says_is_no_trace() {
        let context = TraceContext::sampled(1, 1);
        let says = format!(
            r#"{{"eventName":"wave","data":{{"traceparent":"{context}"}},"traceparent":"{context}"}}"#
        );
        let frame = ClientFrame::parse(&says).unwrap();
        let Ok(ClientEvent::Relay(relay)) = frame.event(Dialect::Native) else { panic!("a message") };
        let signal = relay.sign(id(), 1);
        assert_eq!(read(&write_signal(&signal)), Some(Delivery::Event(Event::Signal(signal))));
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
