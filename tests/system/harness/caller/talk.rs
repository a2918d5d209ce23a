//! What callers say: messages as large as a browser's, each with a text that tells who said it, where and as which number.

use super::{Id, Stamp};
use fastrand::Rng;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One message to be relayed.
pub(super) struct Words {
    pub(super) event_name: &'static str,
    pub(super) data: Value,
    pub(super) stamp: Stamp,
}

/// The end of the text of a last word.
const ROLL: &str = "roll";

impl Words {
    /// To a peer as a negotiation has them, most of them candidates; to the room a plain message.
    pub(super) fn random(rng: &mut Rng, room: &str, from: Id, n: u64, to: Option<Id>) -> Self {
        let kind = if to.is_some() { rng.u8(..10) } else { 9 };
        let (event_name, size) = match kind {
            0 => ("offer", 2500),
            1 => ("answer", 2500),
            2..8 => ("ice_candidate", 250),
            _ => ("message", 120),
        };
        Self::new(event_name, &text(room, from, n, size, ""), to)
    }

    /// The last words to a room.
    pub(super) fn roll(room: &str, from: Id, n: u64) -> Self {
        Self::new("message", &text(room, from, n, 0, ROLL), None)
    }

    fn new(event_name: &'static str, text: &str, to: Option<Id>) -> Self {
        let stamp = stamp(text);
        let mut data = match event_name {
            "offer" | "answer" => json!({ "sdp": { "type": event_name, "sdp": text } }),
            "ice_candidate" => json!({ "candidate": text, "sdpMid": "0", "sdpMLineIndex": 0, "label": 0 }),
            _ => json!({ "body": text }),
        };
        if let Some(to) = to {
            data["socketId"] = json!(to.as_str());
        }
        Self { event_name, data, stamp }
    }
}

/// The text of a message that came; `None` for what nobody says.
pub(super) fn text_of<'a>(event_name: &str, data: &'a Value) -> Option<&'a str> {
    match event_name {
        "offer" | "answer" => data["sdp"]["sdp"].as_str(),
        "ice_candidate" => data["candidate"].as_str(),
        "message" => data["body"].as_str(),
        _ => None,
    }
}

pub(super) fn stamp(text: &str) -> Stamp {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn is_roll(text: &str) -> bool {
    text.ends_with(ROLL)
}

fn text(room: &str, from: Id, n: u64, size: usize, end: &str) -> String {
    let head = format!("{room}|{}|{n}|", from.as_str());
    let rest = size.saturating_sub(head.len());
    let filling = "a=candidate-or-so:";
    head + &filling.repeat(rest / filling.len() + 1)[..rest] + end
}
