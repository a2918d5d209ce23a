//! A resumable client, as the SDK is one: what it says arrives once, whatever happens to its connections.

mod log;

pub(crate) use self::log::{Ending, Entry, Event, Id, Log, Over, Presence, Reason, Refusal, Stamp};
