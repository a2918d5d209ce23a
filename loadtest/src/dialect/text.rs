//! What the dialects share in reading and writing text.

use super::{Heard, Kind};
use serde_json::value::RawValue;

/// The word for a kind of message in the dialects that are our own choice.
pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Offer => "offer",
        Kind::Answer => "answer",
        Kind::Candidate => "candidate",
    }
}

pub(super) fn kind(word: &str) -> Option<Kind> {
    [Kind::Offer, Kind::Answer, Kind::Candidate].into_iter().find(|&kind| self::word(kind) == word)
}

/// As a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The inside of a JSON string, as it was written.
pub(super) fn inside(json: &RawValue) -> Option<&str> {
    json.get().strip_prefix('"')?.strip_suffix('"')
}

/// Cut short, as it is for people to read.
pub(super) fn nonsense(frame: &str) -> Heard<'static> {
    const SHOWN: usize = 100;
    let start: String = frame.chars().take(SHOWN).collect();
    let more = if start.len() < frame.len() { "…" } else { "" };
    Heard::Nonsense(format!("not a frame of this dialect: {start}{more}"))
}

/// A message where there is no protocol to carry it: its kind as one letter, its sender, a tab, the body.
pub(super) fn letter(kind: Kind, from: &str, body: &str) -> String {
    format!("{}{from}\t{body}", &word(kind)[..1])
}

pub(super) fn read_letter(frame: &str) -> Option<Heard<'_>> {
    let kind = match frame.as_bytes().first()? {
        b'o' => Kind::Offer,
        b'a' => Kind::Answer,
        b'c' => Kind::Candidate,
        _ => return None,
    };
    let (from, body) = frame[1..].split_once('\t')?;
    Some(Heard::Message { from, kind, body })
}
