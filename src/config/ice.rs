//! STUN and TURN.

use super::{secret::SecretSetting, values};
use crate::{
    ice::{self, StunUrl, Turn, TurnUrl},
    session::IceSource,
};
use clap::Args;
use std::{sync::Arc, time::Duration};

/// The shortest secret, in bytes.
const SECRET_LENGTH: usize = 16;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "STUN and TURN")]
pub(super) struct IceConfig {
    /// A STUN server that clients are told of, such as stun:stun.example.org:3478; may be repeated
    #[arg(long, value_name = "URL", value_delimiter = ' ', value_parser = values::stun_url)]
    ice_server: Vec<StunUrl>,

    /// A TURN server that clients are told of, with credentials, such as turns:turn.example.org:5349?transport=tcp; may be
    /// repeated
    #[arg(long, value_name = "URL", value_delimiter = ' ', value_parser = values::turn_url)]
    turn_server: Vec<TurnUrl>,

    /// The secret that TURN credentials are made with, at least 16 bytes, or file:PATH; coturn's static-auth-secret
    #[arg(long, value_name = "SECRET", value_parser = SecretSetting::parse)]
    turn_secret: Option<SecretSetting>,

    /// How long TURN credentials are good for, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = values::seconds)]
    turn_ttl: Duration,
}

impl IceConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        match (self.turn_server.as_slice(), &self.turn_secret) {
            ([], Some(_)) => Err("--turn-secret needs a --turn-server that credentials are for".into()),
            ([_, ..], None) => {
                Err("--turn-server needs --turn-secret: its credentials are made with it".into())
            }
            (_, Some(secret)) => secret.of_at_least(SECRET_LENGTH, "--turn-secret").map(|_| ()),
            ([], None) => Ok(()),
        }
    }

    /// Of settings that were checked.
    pub(super) fn settings(&self) -> Arc<dyn IceSource> {
        let stun = ice::stun(self.ice_server.clone());
        let secret = self.turn_secret.as_ref().and_then(|secret| secret.of_at_least(SECRET_LENGTH, "").ok());
        match secret {
            Some(secret) => Arc::new(Turn::new(stun, self.turn_server.clone(), secret, self.turn_ttl)),
            None => Arc::new(stun),
        }
    }
}
