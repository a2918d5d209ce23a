//! What a client proves with that a session is its own.

use super::ids::{parse_random_text, random_text};
use sha2::{Digest, Sha256};
use std::{fmt, fmt::Write, str};
use subtle::ConstantTimeEq;

/// The secret that a client comes back with: 160 random bits in 32 characters, written like a socket id. It doesn't print.
#[derive(Clone, PartialEq, Eq)]
pub struct ResumeKey([u8; ResumeKey::LEN]);

impl ResumeKey {
    /// The length in characters, each one byte.
    pub const LEN: usize = 32;

    /// Makes a key of the low five bits of each byte.
    pub fn from_random(bytes: [u8; Self::LEN]) -> Self {
        Self(random_text(bytes))
    }

    /// Reads a key, or `None` where the text can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        parse_random_text(text).map(Self)
    }

    /// The key as it travels.
    pub fn reveal(&self) -> &str {
        str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }

    /// What is kept of it.
    pub fn hash(&self) -> KeyHash {
        let digest = Sha256::digest(self.0);
        KeyHash(digest[..KeyHash::LEN].try_into().expect("a digest is longer"))
    }
}

impl fmt::Debug for ResumeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeKey(secret)")
    }
}

/// The first half of a key's SHA-256: enough to know the key by, and no way back to it.
#[derive(Clone, Copy, Debug)]
pub struct KeyHash([u8; KeyHash::LEN]);

impl KeyHash {
    const LEN: usize = 16;

    /// As hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().fold(String::with_capacity(2 * Self::LEN), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes all");
            hex
        })
    }
}

impl PartialEq for KeyHash {
    /// In constant time, though a hash tells little of its key.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_does_not_print() {
        let key = ResumeKey::from_random(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()));
        assert_eq!(ResumeKey::parse(key.reveal()), Some(key.clone()));
        assert!(!format!("{key:?}").contains(key.reveal()));
        for text in ["", "short", &"U".repeat(ResumeKey::LEN), &"0".repeat(ResumeKey::LEN + 1)] {
            assert_eq!(ResumeKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_hash_tells_keys_apart() {
        let [one, other] = [1, 2].map(|byte| ResumeKey::from_random([byte; ResumeKey::LEN]).hash());
        assert_eq!(one, one);
        assert_ne!(one, other);
        // printf %032d 0 | tr 0 1 | sha256sum
        assert_eq!(one.to_hex(), "8a83665f3798727f14f92ad0e6c99fda");
    }
}
