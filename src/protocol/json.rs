//! Reading JSON that a client wrote.

use super::Fault;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

/// Reads a JSON object into a struct. (serde alone would take an array of the fields as well.)
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str, what: &str) -> Result<T, Fault> {
    if !json.trim_start().starts_with('{') {
        let kind = if serde_json::from_str::<IgnoredAny>(json).is_ok() { "other JSON" } else { "not JSON" };
        return Err(Fault::bad_message(format!("{what} is a JSON object; this is {kind}")));
    }
    serde_json::from_str(json)
        .map_err(|error| Fault::bad_message(format!("{what}: {}", excerpt(&error.to_string()))))
}

/// Tells a field that is `null` from one that is not there.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// The beginning of what a client wrote: enough to recognize it by in an answer.
pub(super) fn excerpt(text: &str) -> &str {
    const MAX_LEN: usize = 100;

    &text[..text.floor_char_boundary(MAX_LEN)]
}
