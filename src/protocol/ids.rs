//! The names of things on the wire. Whoever holds one holds a valid one.

use std::{fmt, str, sync::Arc};

/// What a client had: the number of the last message from each of these peers.
pub type Had = Vec<(SocketId, u64)>;

/// Names one membership of one room: a new one at each join, never used again.
///
/// Twenty characters that carry 100 random bits, so that nobody guesses another's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId([u8; SocketId::LEN]);

impl SocketId {
    /// The length in characters, each one byte.
    pub const LEN: usize = 20;

    /// Makes an id of the low five bits of each byte.
    pub fn from_random(bytes: [u8; Self::LEN]) -> Self {
        Self(random_text(bytes))
    }

    /// Reads an id, or `None` where the text can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        parse_random_text(text).map(Self)
    }

    /// The id as it travels.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for SocketId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Digits and lower-case letters without the look-alikes `i`, `l`, `o` and `u` (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Which bytes are in the alphabet.
const IN_ALPHABET: [bool; 256] = {
    let mut known = [false; 256];
    let mut place = 0;
    while place < ALPHABET.len() {
        known[ALPHABET[place] as usize] = true;
        place += 1;
    }
    known
};

/// A letter for the low five bits of each byte.
pub(super) fn random_text<const LEN: usize>(bytes: [u8; LEN]) -> [u8; LEN] {
    bytes.map(|byte| ALPHABET[usize::from(byte & 31)])
}

/// Reads so many letters, or `None` where the text is another.
pub(super) fn parse_random_text<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let bytes: [u8; LEN] = text.as_bytes().try_into().ok()?;
    bytes.iter().all(|byte| IN_ALPHABET[usize::from(*byte)]).then_some(bytes)
}

/// A room's name: UTF-8 without control characters. A node may want it shorter than this type does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// The longest name that any node allows, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Checks a name, or `None` where it is empty, too long or has a control character.
    pub fn parse(name: &str) -> Option<Self> {
        let valid = (1..=Self::MAX_LEN).contains(&name.len()) && !name.contains(char::is_control);
        valid.then(|| Self(name.into()))
    }

    /// The name as its members wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = SocketId::from_random(std::array::from_fn(|i| u8::try_from(i * 13).unwrap()));
        assert_eq!(SocketId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn what_cannot_be_an_id_is_none() {
        for text in ["", "short", "0123456789abcdefghju", "0123456789ABCDEFGHJK", "0123456789abcdefghjkm"] {
            assert_eq!(SocketId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_room_name_has_1_to_1024_bytes_and_no_control_character() {
        for name in ["a", "my room", "房间", &"x".repeat(1024)] {
            assert_eq!(RoomName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "a\nb", "\u{7f}", &"x".repeat(1025), &"房".repeat(342)] {
            assert_eq!(RoomName::parse(name), None, "{name:?}");
        }
    }
}
