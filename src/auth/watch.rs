//! Keeps the keys those of the moment: reads a JWK set at its start, at an interval, and when a token names a key that isn't
//! in it. What can't be read changes nothing.

use super::{
    jwks,
    keyring::{Key, Keyring},
    source::{Place, Reader},
};
use crate::metrics::{KeyRead, Metrics};
use bytes::Bytes;
use jsonwebtoken::Algorithm;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

/// How often a set is read.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// In any case.
    pub interval: Duration,
    /// At the most, because tokens name keys that aren't there.
    pub pause: Duration,
    /// How long a node waits for it when it starts; zero: it doesn't.
    pub patience: Duration,
}

impl Pace {
    /// For a file, which is there or isn't.
    pub const FILE: Self =
        Self { interval: Duration::from_secs(1), pause: Duration::from_secs(1), patience: Duration::ZERO };

    /// For a server.
    pub const URL: Self = Self {
        interval: Duration::from_mins(5),
        pause: Duration::from_secs(10),
        patience: Duration::from_secs(30),
    };
}

/// A node can't start without keys.
#[derive(Debug, thiserror::Error)]
#[error("no keys for {algorithm:?} from {place} (--auth-jwks): {why}")]
pub struct NoKeys {
    algorithm: Algorithm,
    place: Place,
    why: String,
}

/// Between two tries at the start.
const RETRY: Duration = Duration::from_secs(1);

/// Waits for the first keys, and watches over them from then on.
pub(super) async fn start(
    place: Place,
    pace: Pace,
    algorithm: Algorithm,
    metrics: Arc<Metrics>,
) -> Result<(Arc<Keyring>, AbortOnDropHandle<()>), NoKeys> {
    let none = |why| NoKeys { algorithm, place: place.clone(), why };
    if place.is_open_to_tampering() {
        warn!(%place, "who is on the way could put keys into this set (--auth-jwks): it is better fetched by https");
    }
    let reader = place.clone().reader().map_err(none)?;
    let mut set = Set { name: place.to_string(), reader, algorithm, last: Bytes::new(), metrics };
    let keys = set.first(pace.patience).await.map_err(none)?;
    let keys = Arc::new(Keyring::watched(keys, pace.pause));
    let watch = tokio::spawn(watch(set, pace.interval, keys.clone()));
    Ok((keys, AbortOnDropHandle::new(watch)))
}

async fn watch(mut set: Set, interval: Duration, keys: Arc<Keyring>) {
    loop {
        // Whether it is time or somebody asks is the same.
        let _ = timeout(interval, keys.wanted()).await;
        match set.read().await {
            Ok(read) => keys.looked(read),
            Err(why) => {
                warn!(place = set.name, why, "can't read the keys (--auth-jwks); the old ones stay");
                keys.looked(None);
            }
        }
    }
}

/// A set of keys somewhere, and what it was.
struct Set {
    name: String,
    reader: Reader,
    algorithm: Algorithm,
    last: Bytes,
    metrics: Arc<Metrics>,
}

impl Set {
    async fn first(&mut self, patience: Duration) -> Result<Vec<Key>, String> {
        let end = Instant::now() + patience;
        let mut told = String::new();
        loop {
            let why = match self.read().await {
                Ok(Some(keys)) if !keys.is_empty() => return Ok(keys),
                Ok(_) => "the set has none".to_owned(),
                Err(why) => why,
            };
            if Instant::now() + RETRY > end {
                return Err(why);
            }
            if why != told {
                warn!(place = self.name, why, "waiting for keys (--auth-jwks)");
                told = why;
            }
            sleep(RETRY).await;
        }
    }

    /// What is there now; `None` where it is what it was.
    async fn read(&mut self) -> Result<Option<Vec<Key>>, String> {
        let read = self.try_read().await;
        self.metrics.auth.read(if read.is_ok() { KeyRead::Done } else { KeyRead::Failed });
        read
    }

    async fn try_read(&mut self) -> Result<Option<Vec<Key>>, String> {
        let text = self.reader.read().await?;
        if text == self.last {
            return Ok(None);
        }
        let keys = jwks::read(&text, self.algorithm)?;
        self.last = text;
        info!(place = self.name, keys = keys.len(), algorithm = ?self.algorithm, "read the keys of tokens");
        Ok(Some(keys))
    }
}
