//! The server that is told, and how: signed requests.

use super::{Settings, message::Message};
use crate::{
    outbound::{Client, Target},
    secret::Secret,
};
use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request,
    header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use ring::hmac;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What webhooks are signed with.
#[derive(Clone, Debug)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads `whsec_` and the base64 of 24 to 64 bytes. What is wrong with it is said without it.
    pub fn parse(secret: &Secret) -> Result<Self, String> {
        let key = secret.reveal().strip_prefix(b"whsec_").and_then(|text| BASE64_STANDARD.decode(text).ok());
        match key {
            Some(key) if (24..=64).contains(&key.len()) => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key))),
            _ => Err("takes whsec_ and the base64 of 24 to 64 random bytes".into()),
        }
    }

    /// Of a message that is sent at this time, in seconds since 1970.
    fn sign(&self, message: &Message, time: u64) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        signing.update(format!("{}.{time}.", message.id).as_bytes());
        signing.update(&message.body);
        format!("v1,{}", BASE64_STANDARD.encode(signing.sign()))
    }
}

/// Sends messages.
pub(super) struct Endpoint {
    client: Client,
    target: Target,
    key: SigningKey,
}

/// Why a message wasn't taken.
#[derive(Debug)]
pub(super) struct Refused {
    /// For people.
    pub(super) why: String,
    /// When the server wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

impl Endpoint {
    pub(super) fn new(Settings { target, key, timeout, .. }: Settings) -> anyhow::Result<Self> {
        let client = Client::new(timeout).context("can't send webhooks")?;
        Ok(Self { client, target, key })
    }

    /// Sends a message once. It is taken if the answer is a success; a redirect isn't followed.
    pub(super) async fn deliver(&self, message: &Message) -> Result<(), Refused> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let answer = self.client.tell(self.request(message, time)).await;
        let answer = answer.map_err(|failure| Refused { why: failure.to_string(), retry_after: None })?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(Refused { why: format!("it answered {}", answer.status), retry_after: answer.retry_after })
    }

    fn request(&self, message: &Message, time: u64) -> Request<Full<Bytes>> {
        let mut request = Request::post(self.target.uri())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", time)
            .header("webhook-signature", self.key.sign(message, time));
        if let Some(authorization) = self.target.authorization() {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(Full::new(message.body.clone())).expect("all of it is valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<SigningKey, String> {
        SigningKey::parse(&Secret::new(text.as_bytes()))
    }

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_as_the_standard_has_it() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let message = Message {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
            body: Bytes::from_static(br#"{"test": 2432232314}"#),
        };
        assert_eq!(key.sign(&message, 1_614_265_330), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        let secret = |length| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]));
        for length in [24, 64] {
            assert!(key(&secret(length)).is_ok());
        }
        let bare = secret(32).replace("whsec_", "");
        for text in [&secret(23), &secret(65), &bare, "whsec_%%%%", "whsec_", ""] {
            let why = key(text).expect_err(text);
            assert!(text.len() < 8 || !why.contains(&text[7..]), "{why}");
        }
    }
}
