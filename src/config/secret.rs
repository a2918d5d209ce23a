//! How a setting holds a secret: as it is, or in a file, which `ps` doesn't show.

use crate::secret::Secret;
use std::fs;

/// A secret, read or found wrong. What is wrong is told later and without the value: clap would repeat it.
#[derive(Clone, Debug)]
pub(super) struct SecretSetting(Result<Secret, String>);

impl SecretSetting {
    /// Reads `file:PATH`, without the line's end, or the secret itself.
    #[allow(clippy::unnecessary_wraps, reason = "what a value parser is like")]
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let secret = match text.strip_prefix("file:") {
            Some(path) => {
                fs::read(path).map_err(|error| format!("names {path}, which can't be read: {error}"))
            }
            None => Ok(text.as_bytes().to_vec()),
        };
        let trimmed = |secret: Vec<u8>| secret.trim_ascii_end().to_vec();
        Ok(Self(secret.map(|secret| Secret::new(trimmed(secret)))))
    }

    /// The secret, if it has at least so many bytes; else a sentence about the setting.
    pub(super) fn of_at_least(&self, length: usize, setting: &str) -> Result<Secret, String> {
        let secret = self.0.clone().map_err(|why| format!("{setting} {why}"))?;
        if secret.reveal().len() < length {
            return Err(format!("{setting} is too short: it takes at least {length} bytes"));
        }
        Ok(secret)
    }
}
