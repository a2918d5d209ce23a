//! The keys of the moment.

use jsonwebtoken::DecodingKey;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A key that tokens may be signed with. It doesn't print.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Its name in tokens' headers, if it has one.
    pub(super) kid: Option<String>,
    pub(super) key: DecodingKey,
}

/// All of them, shared by who checks tokens and who keeps them up to date.
#[derive(Debug)]
pub(super) struct Keyring {
    /// Locked for a look, never across an await.
    state: Mutex<State>,
    /// How often an unknown name may cause a look; `None` where there is nowhere to look.
    pause: Option<Duration>,
    wanted: Notify,
}

#[derive(Debug)]
struct State {
    keys: Arc<[Key]>,
    looked: Instant,
    looking: bool,
}

/// Whether there is a key that a token may be signed with.
#[derive(Debug)]
pub(super) enum Found {
    /// These may be it.
    Keys(Vec<Key>),
    /// Not yet: it is being looked for.
    Looking,
    /// It was looked for a moment ago, in vain.
    Nothing,
}

impl Key {
    /// One that both sides have.
    pub(super) fn shared(secret: &[u8]) -> Self {
        Self { kid: None, key: DecodingKey::from_secret(secret) }
    }

    fn may_be(&self, kid: Option<&str>) -> bool {
        match (&self.kid, kid) {
            (Some(mine), Some(named)) => mine == named,
            _ => true,
        }
    }
}

impl Keyring {
    /// Keys that don't change.
    pub(super) fn fixed(keys: Vec<Key>) -> Self {
        Self::new(keys, None)
    }

    /// Keys that are elsewhere, and looked for at most once in each `pause` because a token names another.
    pub(super) fn watched(keys: Vec<Key>, pause: Duration) -> Self {
        Self::new(keys, Some(pause))
    }

    fn new(keys: Vec<Key>, pause: Option<Duration>) -> Self {
        let state = State { keys: keys.into(), looked: Instant::now(), looking: false };
        Self { state: Mutex::new(state), pause, wanted: Notify::new() }
    }

    /// The keys that a token may be signed with whose header names this one, or none.
    pub(super) fn find(&self, kid: Option<&str>) -> Found {
        let mut state = self.state();
        let keys: Vec<_> = state.keys.iter().filter(|key| key.may_be(kid)).cloned().collect();
        match self.pause {
            _ if !keys.is_empty() => return Found::Keys(keys),
            _ if state.looking => return Found::Looking,
            Some(pause) if state.looked.elapsed() >= pause => state.looking = true,
            _ => return Found::Nothing,
        }
        self.wanted.notify_one();
        Found::Looking
    }

    /// Waits until somebody needs a key that isn't there.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// These are the keys now; `None`: there is nothing new to say.
    pub(super) fn looked(&self, keys: Option<Vec<Key>>) {
        let mut state = self.state();
        state.looked = Instant::now();
        state.looking = false;
        if let Some(keys) = keys {
            state.keys = keys.into();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kid: &str) -> Key {
        Key { kid: Some(kid.to_owned()), ..Key::shared(b"secret") }
    }

    fn names(found: Found) -> Vec<Option<String>> {
        let Found::Keys(keys) = found else { panic!("{found:?}") };
        keys.into_iter().map(|key| key.kid).collect()
    }

    #[test]
    fn a_key_and_a_token_that_are_named_go_by_their_names() {
        let keys = Keyring::fixed(vec![named("a"), named("b"), Key::shared(b"secret")]);
        assert_eq!(names(keys.find(Some("a"))), [Some("a".into()), None]);
        assert_eq!(names(keys.find(None)).len(), 3);
        assert!(matches!(Keyring::fixed(vec![named("a")]).find(Some("b")), Found::Nothing));
    }

    #[tokio::test]
    async fn what_is_missing_is_looked_for_once_in_a_while() {
        let keys = Keyring::watched(vec![named("a")], Duration::ZERO);
        assert!(matches!(keys.find(Some("b")), Found::Looking));
        keys.wanted().await;
        keys.looked(Some(vec![named("b")]));
        assert_eq!(names(keys.find(Some("b"))), [Some("b".into())]);
        assert!(matches!(keys.find(Some("a")), Found::Looking), "it was removed");

        let keys = Keyring::watched(vec![named("a")], Duration::from_hours(1));
        assert!(matches!(keys.find(Some("b")), Found::Nothing), "it was read just now");
        keys.looked(None);
        assert_eq!(names(keys.find(Some("a"))).len(), 1, "the old ones stay");
    }

    #[test]
    fn keys_do_not_print() {
        let text = format!("{:?}", Keyring::fixed(vec![Key::shared(b"hunter2")]));
        assert!(!text.contains("hunter2") && !text.contains("104, 117"), "{text}");
    }
}
