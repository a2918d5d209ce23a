//! Pieces of JSON that pass through without being taken apart.

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::sync::Arc;

/// A whole text frame: UTF-8, and cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// The frame as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("made from a String")
    }

    /// The frame's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// What a peer shows of itself to the others: any JSON, as it wrote it. None given is `null`.
#[derive(Clone, Debug, Default)]
pub struct Info(Option<Arc<RawValue>>);

impl Info {
    /// The largest info that any node allows, in bytes of JSON.
    pub const MAX_LEN: usize = 64 * 1024;

    /// Takes a peer's JSON, or `None` where it is too large.
    pub fn parse(json: Option<&RawValue>) -> Option<Self> {
        match json {
            None => Some(Self(None)),
            Some(json) if json.get().len() > Self::MAX_LEN => None,
            Some(json) => Some(Self(Some(json.to_owned().into()))),
        }
    }

    /// The JSON as the peer wrote it.
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("null", |json| json.get())
    }
}

impl PartialEq for Info {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Info {}

impl Serialize for Info {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_deref().serialize(serializer)
    }
}

#[cfg(test)]
impl Info {
    /// An info, for tests.
    pub(crate) fn of(json: &str) -> Self {
        Self::parse(Some(serde_json::from_str(json).expect("JSON"))).expect("short")
    }
}
