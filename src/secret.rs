//! Passwords, tokens and keys of the operator's: they don't print, and are compared in constant time.

use std::{fmt, sync::Arc};
use subtle::ConstantTimeEq;

/// Something that nobody else may know.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Keeps it.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// What it is. For who computes with it, or sends it to whom it is for.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Whether somebody else knows it, too. Takes as long for each guess of a length.
    pub fn is(&self, guess: &[u8]) -> bool {
        self.0.ct_eq(guess).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_print_and_knows_itself() {
        let secret = Secret::new(*b"hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(secret.is(b"hunter2") && !secret.is(b"hunter3") && !secret.is(b"hunter") && !secret.is(b""));
    }
}
