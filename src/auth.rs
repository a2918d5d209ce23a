//! Who comes in: checks a JSON Web Token (RFC 7519), and reads what its bearer may do.
//!
//! ```text
//! token ─▶ header: the pinned algorithm, nothing critical ─▶ keyring: the keys that may have signed it
//!       ─▶ signature ─▶ exp, nbf, aud, iss ─▶ the claim `switchboard` ─▶ Grants
//!                                 keyring ◀── watch: a JWK set, in a file or at a URL
//! ```
//!
//! Tokens, keys and claims are in no log. A client is told what is wrong with its token, and not what is in it.

mod claims;
mod crypto;
mod jwks;
mod keyring;
mod source;
mod watch;

pub use self::{
    source::{Place, Source},
    watch::{NoKeys, Pace},
};
pub use jsonwebtoken::Algorithm;

use self::{
    claims::Claims,
    keyring::{Found, Key, Keyring},
};
use crate::{
    metrics::Metrics,
    protocol::{CloseCode, ErrorCode, Fault, RoomName},
    session::{Denied, Grants},
};
use jsonwebtoken::{
    Header, Validation, decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde_json::{Map, Value};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_util::task::AbortOnDropHandle;

/// What tokens have to be like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What they are signed with: this, and nothing else.
    pub algorithm: Algorithm,
    /// Where the keys are.
    pub keys: Source,
    /// What `aud` has to name; `None`, and a token that has one is for somebody else.
    pub audience: Option<String>,
    /// What `iss` has to be, if anything.
    pub issuer: Option<String>,
    /// How far the clocks of who makes them and of this node may be apart.
    pub leeway: Duration,
}

/// Checks tokens, with the keys of the moment.
#[derive(Debug)]
pub struct Auth {
    validation: Validation,
    keys: Arc<Keyring>,
    /// Keeps the keys those of the moment, where they are elsewhere.
    _watch: Option<AbortOnDropHandle<()>>,
}

/// After such a time a client may try again with a key that is looked for.
const LOOKED_FOR: Duration = Duration::from_secs(1);

impl Auth {
    /// Reads the keys; waits for them, where they are at a URL.
    pub async fn start(settings: Settings, metrics: Arc<Metrics>) -> Result<Self, NoKeys> {
        crypto::install();
        let validation = validation(&settings);
        let (keys, watch) = match settings.keys {
            Source::Secrets(secrets) => {
                let keys = secrets.iter().map(|secret| Key::shared(secret.reveal())).collect();
                (Arc::new(Keyring::fixed(keys)), None)
            }
            Source::Set(place, pace) => {
                let (keys, watch) = watch::start(place, pace, settings.algorithm, metrics).await?;
                (keys, Some(watch))
            }
        };
        Ok(Self { validation, keys, _watch: watch })
    }

    /// What the bearer of this token may do in this room, if it may be there.
    pub fn admit(&self, token: Option<&str>, room: &RoomName) -> Result<Grants, Denied> {
        let token =
            token.ok_or_else(|| Denied::unauthorized("this gateway asks for a token, in data.token"))?;
        let claims = self.verified(token)?;
        let claims = Claims::read(&claims).map_err(Denied::unauthorized)?;
        if !claims.opens(room) {
            return Err(Denied::forbidden("your token is for another room"));
        }
        Ok(claims.grants(self.leeway(), since_epoch()))
    }

    /// The claims of a token that holds.
    fn verified(&self, token: &str) -> Result<Map<String, Value>, Denied> {
        let unsigned =
            |_| Denied::unauthorized(format!("this is no JWT that is signed with {:?}", self.algorithm()));
        let Header { alg, crit, kid, .. } = decode_header(token).map_err(unsigned)?;
        if alg != self.algorithm() {
            let message =
                format!("this token is signed with {alg:?}; this gateway takes {:?}", self.algorithm());
            return Err(Denied::unauthorized(message));
        }
        if crit.is_some() {
            return Err(Denied::unauthorized(
                "this token has critical extensions (crit), which this gateway doesn't know",
            ));
        }
        let keys = match self.keys.find(kid.as_deref()) {
            Found::Keys(keys) => keys,
            Found::Looking => return Err(looking()),
            Found::Nothing => {
                return Err(Denied::unauthorized(
                    "this gateway has no key by the name (kid) in this token's header",
                ));
            }
        };
        for key in keys {
            match decode(token, &key.key, &self.validation) {
                Ok(data) => return Ok(data.claims),
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(error) => return Err(Denied::unauthorized(self.told(&error))),
            }
        }
        Err(Denied::unauthorized(
            "this token's signature is wrong: it was changed, or signed with another key",
        ))
    }

    fn told(&self, error: &Error) -> String {
        match error.kind() {
            ErrorKind::ExpiredSignature => "this token has expired (exp)".into(),
            ErrorKind::ImmatureSignature => "this token isn't valid yet (nbf)".into(),
            ErrorKind::InvalidAudience if self.validation.aud.is_none() => {
                "this token is for an audience (aud), and this gateway has no name that could be it".into()
            }
            ErrorKind::InvalidAudience => "this token is for another audience (aud)".into(),
            ErrorKind::InvalidIssuer => "this token is by another issuer (iss)".into(),
            ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
                format!("this token needs the claim {claim}, {}", claims::takes(claim))
            }
            _ => "this token's claims can't be read: they are one JSON object, with each name once".into(),
        }
    }

    fn algorithm(&self) -> Algorithm {
        self.validation.algorithms[0]
    }

    fn leeway(&self) -> Duration {
        Duration::from_secs(self.validation.leeway)
    }
}

fn validation(settings: &Settings) -> Validation {
    let mut validation = Validation::new(settings.algorithm);
    validation.leeway = settings.leeway.as_secs();
    validation.validate_nbf = true;
    // What is only compared would pass where it is missing, or of another type.
    let mut required = vec!["exp"];
    if let Some(audience) = &settings.audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    if let Some(issuer) = &settings.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// The token may be good: a key that this node doesn't have yet would tell.
fn looking() -> Denied {
    let message = "this gateway is looking for the key that this token names (kid); try again";
    let fault = Fault::new(ErrorCode::Unavailable, message).until(LOOKED_FOR);
    Denied { fault, close: Some(CloseCode::Unavailable) }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
