//! The settings of events: webhooks and streams.

use super::{secret::SecretSetting, values};
use crate::{
    events::{Settings, SigningKey},
    outbound::Target,
};
use clap::{ArgAction, Args, builder::BoolishValueParser};
use std::{num::NonZeroUsize, time::Duration};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Events")]
pub(super) struct EventConfig {
    /// Where events are sent, as http or https requests signed after Standard Webhooks
    #[arg(long, value_name = "URL", value_parser = webhook_url)]
    webhook_url: Option<WebhookUrl>,

    /// What they are signed with: whsec_ and the base64 of 24 to 64 random bytes, or file:PATH
    #[arg(long, value_name = "SECRET", value_parser = SecretSetting::parse)]
    webhook_secret: Option<SecretSetting>,

    /// Time for the server to answer a webhook
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::time)]
    webhook_timeout: Duration,

    /// Age at which an event that the server doesn't take is given up
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = values::time)]
    webhook_retry: Duration,

    /// Whether events are added to Redis Streams, one a partition; they are in any case where there are webhooks
    #[arg(
        long, value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1,
        require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new()
    )]
    event_stream: bool,

    /// Events that each of these streams keeps, roughly; without Redis, that wait in each of 16 queues
    #[arg(long, value_name = "NUMBER", default_value = "10000", value_parser = values::count)]
    event_stream_length: NonZeroUsize,
}

/// A URL, read or found wrong. It may hold a password, so that what is wrong is told without it, later.
#[derive(Clone, Debug)]
struct WebhookUrl(Result<Target, String>);

#[allow(clippy::unnecessary_wraps, reason = "what a value parser is like")]
fn webhook_url(text: &str) -> Result<WebhookUrl, String> {
    Ok(WebhookUrl(Target::parse(text)))
}

impl EventConfig {
    pub(super) fn check(&self, has_redis: bool) -> Result<(), String> {
        if self.event_stream && !has_redis {
            return Err("--event-stream needs --redis: that is where the streams are".into());
        }
        match (&self.webhook_url, &self.webhook_secret) {
            (Some(_), None) => Err("--webhook-url needs --webhook-secret".into()),
            (None, Some(_)) => Err("--webhook-secret needs --webhook-url".into()),
            _ => self.webhook().map(drop),
        }
    }

    /// How many events are kept, roughly; 0 where nobody wants any.
    pub(super) fn stream_length(&self) -> usize {
        let is_on = self.event_stream || self.webhook_url.is_some();
        if is_on { self.event_stream_length.get() } else { 0 }
    }

    pub(super) fn settings(&self) -> Option<Settings> {
        let (target, key) = self.webhook().ok().flatten()?;
        Some(Settings { target, key, timeout: self.webhook_timeout, retry: self.webhook_retry })
    }

    fn webhook(&self) -> Result<Option<(Target, SigningKey)>, String> {
        let (Some(url), Some(secret)) = (&self.webhook_url, &self.webhook_secret) else { return Ok(None) };
        let target = url.0.clone().map_err(|why| format!("--webhook-url {why}"))?;
        let secret = secret.of_at_least(1, "--webhook-secret")?;
        let key = SigningKey::parse(&secret).map_err(|why| format!("--webhook-secret {why}"))?;
        Ok(Some((target, key)))
    }
}
