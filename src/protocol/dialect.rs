//! The two ways of saying the same things.

/// How a connection speaks. Its first event decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `docs/protocol.md`.
    Native,
    /// As SkyRTC 0.0.2 spoke in 2014: clients say `__offer` and hear `_offer`.
    SkyRtc,
}

impl Dialect {
    /// The dialect of a client whose first event has this name.
    pub fn of_first_event(name: &str) -> Self {
        if name.starts_with("__") { Self::SkyRtc } else { Self::Native }
    }

    /// The name as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::SkyRtc => "skyrtc",
        }
    }
}
