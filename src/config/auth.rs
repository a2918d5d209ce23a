//! Who may come in.

use super::secret::SecretSetting;
use crate::{
    auth::{self, Pace, Place, Source},
    secret::Secret,
};
use clap::{ArgAction, Args, ValueEnum, builder::BoolishValueParser};
use std::{net::SocketAddr, time::Duration};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Tokens")]
pub(super) struct AuthConfig {
    /// A key of at least 32 bytes, without spaces, that tokens are signed with (HS256), or file:PATH; a second one, after a
    /// space in the environment, is taken, too, while the first is replaced
    #[arg(long, value_name = "SECRET", value_delimiter = ' ', value_parser = SecretSetting::parse)]
    auth_key: Vec<SecretSetting>,

    /// Public keys that tokens are signed with: a JWK set in a file, or at an https:// URL
    #[arg(long, value_name = "FILE-OR-URL")]
    auth_jwks: Option<String>,

    /// What tokens are signed with, and nothing else: HS256 with --auth-key; RS256, ES256 or EdDSA with --auth-jwks
    #[arg(long, value_name = "ALGORITHM")]
    auth_algorithm: Option<Algorithm>,

    /// Whom tokens have to be for (aud); where it is not set, tokens that have one are refused
    #[arg(long, value_name = "NAME")]
    auth_audience: Option<String>,

    /// Whom tokens have to be by (iss)
    #[arg(long, value_name = "NAME")]
    auth_issuer: Option<String>,

    /// How far the clocks of who makes tokens and of this node may be apart; at most 60s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = super::values::time_or_none)]
    auth_leeway: Duration,

    /// Lets anybody into any room, without a token: needed for --listen where others can connect
    #[arg(
        long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1,
        require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new()
    )]
    allow_anonymous: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    #[value(name = "HS256")]
    Hs256,
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    EdDsa,
}

/// RFC 7518, section 3.2: a key as long as the hash.
const SHORTEST_KEY: usize = 32;

const MOST_LEEWAY: Duration = Duration::from_mins(1);

impl AuthConfig {
    /// Refuses what is wrong only together, and an open door where it wasn't asked for.
    pub(super) fn check(&self, listen: SocketAddr) -> Result<(), String> {
        let source = self.source()?;
        let is_hmac = matches!(self.auth_algorithm, None | Some(Algorithm::Hs256));
        let is_on = source.is_some();
        let wrong = [
            (self.auth_key.len() > 2, "--auth-key may be given twice: the key, and the one that replaces it"),
            (
                !self.auth_key.is_empty() && self.auth_jwks.is_some(),
                "--auth-key and --auth-jwks exclude each other: tokens are signed in one way",
            ),
            (
                !self.auth_key.is_empty() && !is_hmac,
                "--auth-algorithm isn't HS256: such tokens are checked with --auth-jwks, not with --auth-key",
            ),
            (
                self.auth_jwks.is_some() && is_hmac,
                "--auth-jwks takes --auth-algorithm, too: RS256, ES256 or EdDSA, as its keys are",
            ),
            (
                !is_on && self.asks_something(),
                "--auth-algorithm, --auth-audience and --auth-issuer do nothing without --auth-key or --auth-jwks",
            ),
            (self.auth_leeway > MOST_LEEWAY, "--auth-leeway is at most 60s"),
            (
                is_on && self.allow_anonymous,
                "--allow-anonymous contradicts --auth-key and --auth-jwks: take one of them away",
            ),
            (
                !is_on && !self.allow_anonymous && !listen.ip().to_canonical().is_loopback(),
                "--listen is where others can connect, and anybody could join any room. Either ask for tokens, with \
                 --auth-key or --auth-jwks, or let everybody in, with --allow-anonymous",
            ),
        ];
        wrong.iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, message)| Err((*message).into()))
    }

    /// What tokens have to be like, if they are asked for.
    pub(super) fn settings(&self) -> Option<auth::Settings> {
        let algorithm = match self.auth_algorithm {
            None | Some(Algorithm::Hs256) => auth::Algorithm::HS256,
            Some(Algorithm::Rs256) => auth::Algorithm::RS256,
            Some(Algorithm::Es256) => auth::Algorithm::ES256,
            Some(Algorithm::EdDsa) => auth::Algorithm::EdDSA,
        };
        Some(auth::Settings {
            algorithm,
            keys: self.source().ok()??,
            audience: self.auth_audience.clone(),
            issuer: self.auth_issuer.clone(),
            leeway: self.auth_leeway,
        })
    }

    fn asks_something(&self) -> bool {
        self.auth_algorithm.is_some() || self.auth_audience.is_some() || self.auth_issuer.is_some()
    }

    fn source(&self) -> Result<Option<Source>, String> {
        if let Some(set) = &self.auth_jwks {
            return place(set).map(Some);
        }
        let secrets = self.auth_key.iter().map(|key| key.of_at_least(SHORTEST_KEY, "--auth-key"));
        let secrets: Vec<Secret> = secrets.collect::<Result<_, _>>()?;
        Ok((!secrets.is_empty()).then_some(Source::Secrets(secrets)))
    }
}

/// A file, unless it is a URL. An error doesn't repeat it: it may hold a secret.
fn place(text: &str) -> Result<Source, String> {
    if !text.contains("://") {
        // As secrets are named, too.
        let path = text.strip_prefix("file:").unwrap_or(text);
        return Ok(Source::Set(Place::File(path.into()), Pace::FILE));
    }
    let url: hyper::Uri = text.parse().map_err(|error| format!("--auth-jwks is no URL: {error}"))?;
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let has_user = url.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !is_http || has_user {
        return Err(
            "--auth-jwks takes a file, or a URL such as https://id.example.org/jwks.json, without a user"
                .into(),
        );
    }
    Ok(Source::Set(Place::Url(url), Pace::URL))
}
