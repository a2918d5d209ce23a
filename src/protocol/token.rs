//! What a client shows at the door.

use serde::Deserialize;
use std::{borrow::Cow, fmt};

/// A token as a client sent it: nothing about it is known yet. It doesn't print.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Token<'a>(#[serde(borrow)] Cow<'a, str>);

impl Token<'_> {
    /// The text. For who checks it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Token<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_print() {
        assert_eq!(format!("{:?}", Token::from("eyJh.eyJl.c2ln")), "Token(…)");
    }
}
