//! Deliveries that wait for an answer of the exchange's.

use crate::{protocol::Signal, room::Event};

/// What waits, in its order. Bounded: an exchange that lets more come up isn't going to answer.
#[derive(Debug, Default)]
pub(super) struct Held {
    events: Vec<Event>,
    bytes: usize,
}

/// More came than may wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overrun;

impl Held {
    pub(super) const MAX_EVENTS: usize = 1024;
    const MAX_BYTES: usize = 1024 * 1024;

    pub(super) fn push(&mut self, event: Event) -> Result<(), Overrun> {
        self.bytes += event.weight();
        self.events.push(event);
        if self.events.len() > Self::MAX_EVENTS || self.bytes > Self::MAX_BYTES {
            Err(Overrun)
        } else {
            Ok(())
        }
    }

    /// The messages that came before anything can be missing.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Signal> {
        self.events.iter().take_while(|event| !matches!(event, Event::Lapse)).filter_map(
            |event| match event {
                Event::Signal(signal) => Some(signal),
                _ => None,
            },
        )
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }
}

impl IntoIterator for Held {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}
