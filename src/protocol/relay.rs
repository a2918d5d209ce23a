//! A message from one peer to another: read no further than its address, and sent on as it came.
//!
//! The outgoing frame is written once, into one allocation, when the message enters the gateway; every receiver that
//! speaks the native dialect is sent those very bytes.

use super::{
    Fault, SocketId, Text, Trace,
    json::{object, present},
};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What kind of message it is. Also the metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    /// A session description that asks.
    Offer,
    /// A session description that answers.
    Answer,
    /// A network candidate.
    IceCandidate,
    /// `message`.
    Message,
    /// An application's own event.
    Custom,
}

impl SignalKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Offer, Self::Answer, Self::IceCandidate, Self::Message, Self::Custom];

    /// The kind's name; but for custom events, the event's name too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::IceCandidate => "ice_candidate",
            Self::Message => "message",
            Self::Custom => "custom",
        }
    }

    fn needs_a_peer(self) -> bool {
        matches!(self, Self::Offer | Self::Answer | Self::IceCandidate)
    }
}

/// To whom a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// To everyone else in the room.
    Room,
    /// To the peer that the client named so.
    Peer(Cow<'a, str>),
}

/// A message as its sender wrote it, with the place found where the sender's id goes.
#[derive(Debug)]
pub struct Relay<'a> {
    /// What it is.
    pub kind: SignalKind,
    /// To whom it goes.
    pub address: Address<'a>,
    /// The sender's own number for it, if it numbers.
    pub n: Option<u64>,
    name: Cow<'a, str>,
    before_id: &'a str,
    after_id: &'a str,
}

/// A message on its way: who sent it, its number, and the frame that a native client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What it is.
    pub kind: SignalKind,
    /// Its sender.
    pub from: SocketId,
    /// The sender's number for it: rises by each message, so that a repeat is known.
    pub n: u64,
    /// The frame in the native dialect.
    pub frame: Text,
    /// Of one that is traced.
    pub trace: Option<Box<Trace>>,
}

impl Signal {
    /// The largest number: the largest integer that JavaScript counts exactly.
    pub const MAX_N: u64 = (1 << 53) - 1;

    /// Roughly how much memory it holds, in bytes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.frame.len() + self.trace.as_ref().map_or(0, |_| size_of::<Trace>())
    }
}

impl<'a> Relay<'a> {
    /// The longest event name, in bytes.
    const MAX_NAME_LEN: usize = 64;

    /// What surrounds the name and the payload in a frame, and the sender's id and number at their longest.
    const FRAME_LEN: usize = 96;

    pub(super) fn parse(
        kind: SignalKind,
        name: Cow<'a, str>,
        data: &'a str,
        n: Option<u64>,
    ) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Addressed<'a> {
            #[serde(borrow, default, rename = "socketId", deserialize_with = "present")]
            socket_id: Option<&'a RawValue>,
        }

        if kind == SignalKind::Custom {
            check_name(&name)?;
        }
        let name = if kind == SignalKind::Custom { name } else { kind.as_str().into() };
        if let Some((before_id, id, after_id)) = leading_id(data) {
            return Ok(Self { kind, address: Address::Peer(id.into()), n, name, before_id, after_id });
        }
        let Addressed { socket_id } = object(data, "data")?;
        let (address, before_id, after_id) = match socket_id {
            Some(id) => {
                let (before, after) = around(data, id.get());
                (Address::Peer(string(id)?), before, after)
            }
            None if kind.needs_a_peer() => {
                let message = format!("{} takes data.socketId: the peer it is for", kind.as_str());
                return Err(Fault::bad_message(message));
            }
            None => (Address::Room, "", &data[1..]),
        };
        Ok(Self { kind, address, n, name, before_id, after_id })
    }

    /// Signs the message with its sender's id and number. The payload is copied once, into the frame.
    pub fn sign(&self, from: SocketId, n: u64) -> Signal {
        let (before, after) = (self.before_id, self.after_id);
        let mut frame = String::with_capacity(self.name.len() + before.len() + after.len() + Self::FRAME_LEN);
        frame.push_str(r#"{"eventName":""#);
        frame.push_str(&self.name);
        frame.push_str(r#"","data":"#);
        frame.push_str(if before.is_empty() { r#"{"socketId":"# } else { before });
        frame.push('"');
        frame.push_str(from.as_str());
        frame.push('"');
        if before.is_empty() && !after.trim_start().starts_with('}') {
            frame.push(',');
        }
        frame.push_str(after);
        frame.push_str(r#","n":"#);
        frame.push_str(itoa::Buffer::new().format(n));
        frame.push('}');
        Signal { kind: self.kind, from, n, frame: frame.into(), trace: None }
    }
}

/// The id in an object that begins with `socketId`, and what stands before and after it. `None` where that takes reading it
/// all: most clients write the id first, and then its value is the one that counts unless the name comes once more. To look
/// for that is many times faster than to read the payload a second time, whose syntax was seen to be right.
fn leading_id(data: &str) -> Option<(&str, &str, &str)> {
    const NAME: &str = r#""socketId""#;

    let value = data.strip_prefix('{')?.trim_start().strip_prefix(NAME)?.trim_start().strip_prefix(':')?;
    let id = value.trim_start().strip_prefix('"')?;
    let id = &id[..memchr::memchr2(b'"', b'\\', id.as_bytes())?];
    let (before, rest) = around(data, id);
    let after = rest.strip_prefix('"')?;
    let may_be_named_again = memmem::find(after.as_bytes(), NAME.as_bytes()).is_some()
        // A name can be written with escapes, too.
        || memmem::find(after.as_bytes(), br"\u").is_some();
    (!may_be_named_again).then_some((&before[..before.len() - 1], id, after))
}

/// What stands before and after `part`, which is a slice of `whole`.
fn around<'a>(whole: &'a str, part: &'a str) -> (&'a str, &'a str) {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    (&whole[..start], &whole[start + part.len()..])
}

fn string(value: &RawValue) -> Result<Cow<'_, str>, Fault> {
    #[derive(Deserialize)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

    let text = serde_json::from_str::<Borrowed>(value.get());
    text.map(|text| text.0).map_err(|_| Fault::bad_message("socketId is a string: a peer's id"))
}

/// A custom event's name goes into the frame as it is, so it holds nothing that JSON would escape.
fn check_name(name: &str) -> Result<(), Fault> {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if (1..=Relay::MAX_NAME_LEN).contains(&name.len()) && name.chars().all(plain) {
        return Ok(());
    }
    Err(Fault::bad_message(
        "an event name has 1 to 64 bytes, and no control character, quotation mark or backslash",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;

    fn me() -> SocketId {
        SocketId::parse("00000000000000000000").unwrap()
    }

    fn relay<'a>(kind: SignalKind, name: &'a str, data: &'a str) -> Result<Relay<'a>, Fault> {
        Relay::parse(kind, name.into(), data, None)
    }

    fn relayed(kind: SignalKind, name: &str, data: &str) -> String {
        relay(kind, name, data).expect(data).sign(me(), 7).frame.as_str().to_owned()
    }

    #[test]
    fn only_the_socket_id_is_exchanged() {
        assert_eq!(
            relayed(SignalKind::Offer, "offer", r#"{ "sdp":"v=0\r\n",  "socketId" : "them" ,"x":1.0e2}"#),
            r#"{"eventName":"offer","data":{ "sdp":"v=0\r\n",  "socketId" : "00000000000000000000" ,"x":1.0e2},"n":7}"#,
        );
    }

    #[test]
    fn a_skyrtc_offer_travels_under_its_native_name() {
        let frame = relayed(SignalKind::Offer, "__offer", r#"{"socketId":"them"}"#);
        assert_eq!(frame, r#"{"eventName":"offer","data":{"socketId":"00000000000000000000"},"n":7}"#);
    }

    #[test]
    fn a_message_to_the_room_carries_its_sender_first() {
        for (data, expected) in [
            (r#"{"body":1}"#, r#"{"socketId":"00000000000000000000","body":1}"#),
            ("{}", r#"{"socketId":"00000000000000000000"}"#),
            ("{ }", r#"{"socketId":"00000000000000000000" }"#),
        ] {
            let frame = relayed(SignalKind::Custom, "wave", data);
            assert_eq!(frame, format!(r#"{{"eventName":"wave","data":{expected},"n":7}}"#));
        }
    }

    #[test]
    fn the_longest_frame_fits_what_was_allocated_for_it() {
        for data in [r#"{"socketId":"them"}"#, r#"{"body":1}"#] {
            let relay = relay(SignalKind::Custom, "name", data).unwrap();
            let longest = relay.sign(me(), Signal::MAX_N).frame;
            let parts = "name".len() + relay.before_id.len() + relay.after_id.len();
            assert!(longest.len() <= parts + Relay::FRAME_LEN);
        }
    }

    #[test]
    fn a_sender_cannot_be_forged() {
        for data in [
            r#"{"socketId":"a","socketId":"b"}"#,
            r#"{"socketId":"a","socket\u0049d":"b"}"#,
            r#"{"socketId":null}"#,
            r#"{"socketId":{"a":1}}"#,
        ] {
            assert_eq!(
                relay(SignalKind::Message, "message", data).unwrap_err().code,
                ErrorCode::BadMessage,
                "{data}"
            );
        }
    }

    #[test]
    fn what_begins_with_the_id_is_read_as_by_the_long_way() {
        for data in [
            r#"{"socketId":"them","sdp":"v=0\r\n"}"#,
            r#"{ "socketId" : "them" , "x": 1}"#,
            r#"{"socketId":"them"}"#,
            r#"{"socketId":"","socketid":"a"}"#,
            r#"{"socketId":"them","nested":{"socketid":"a"}}"#,
        ] {
            let (before, id, after) = leading_id(data).expect(data);
            assert_eq!([before, "\"", id, "\"", after].concat(), data);
            // With the id last, it is read the long way.
            let fields = after.trim_start_matches([' ', ',']).strip_suffix('}').expect("an object's end");
            let comma = if fields.is_empty() { "" } else { "," };
            let turned = format!(r#"{{{fields}{comma}"socketId":"{id}"}}"#);
            assert_eq!(leading_id(&turned).is_some(), fields.is_empty());
            let address = |data: &str| match relay(SignalKind::Offer, "offer", data).expect(data).address {
                Address::Peer(id) => id.into_owned(),
                Address::Room => panic!("{data} has a peer"),
            };
            assert_eq!(address(data), address(&turned));
        }
    }

    #[test]
    fn what_may_name_the_id_again_is_read_the_long_way() {
        for data in [
            r#"{"socketId":"a","socketId":"b"}"#,
            r#"{"socketId":"a","socket\u0049d":"b"}"#,
            r#"{"socketId":"a","nested":{"socketId":"b"}}"#,
            r#"{"socketId":"\u0061"}"#,
            r#"{"socketId":"a\"","x":"b"}"#,
            r#"{"socketId":null}"#,
            r#"{"x":"a","socketId":"b"}"#,
            "{}",
        ] {
            assert_eq!(leading_id(data), None, "{data}");
        }
    }

    #[test]
    fn an_escaped_id_is_read_like_any_other() {
        let relay = relay(SignalKind::Offer, "offer", r#"{"socketId":"\u0061b"}"#).unwrap();
        assert_eq!(relay.address, Address::Peer("ab".into()));
    }

    #[test]
    fn an_offer_needs_a_peer() {
        assert_eq!(
            relay(SignalKind::Offer, "offer", "{}").unwrap_err().message,
            "offer takes data.socketId: the peer it is for"
        );
    }

    #[test]
    fn a_custom_name_is_plain_and_short() {
        for name in ["", "a\"b", "a\\b", "a\nb", &"x".repeat(65)] {
            assert!(relay(SignalKind::Custom, name, "{}").is_err(), "{name:?}");
        }
        assert!(relay(SignalKind::Custom, &"x".repeat(64), "{}").is_ok());
    }
}
