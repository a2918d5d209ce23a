//! Who may administer a node.

use super::secret::SecretSetting;
use crate::secret::Secret;
use clap::Args;

/// So many bytes can't be guessed.
const SHORTEST: usize = 16;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Administration")]
pub(super) struct AdminConfig {
    /// What opens the admin API and /drain, of at least 16 bytes; file:PATH reads it from a file. None, and the API is
    /// closed, and /drain is for loopback alone
    #[arg(long, value_name = "SECRET", value_parser = SecretSetting::parse)]
    admin_token: Option<SecretSetting>,
}

impl AdminConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        self.read().transpose().map(drop)
    }

    /// The token, if there is one; checked before.
    pub(super) fn settings(&self) -> Option<Secret> {
        self.read()?.ok()
    }

    fn read(&self) -> Option<Result<Secret, String>> {
        let token = self.admin_token.as_ref()?.of_at_least(SHORTEST, "--admin-token");
        Some(token.and_then(|token| {
            // What goes into a header after `Bearer` (RFC 6750, section 2.1), as browsers send it.
            let sendable = token.reveal().iter().all(u8::is_ascii_graphic);
            sendable.then_some(token).ok_or_else(|| {
                "--admin-token takes letters, digits and signs of ASCII, without spaces".into()
            })
        }))
    }
}
