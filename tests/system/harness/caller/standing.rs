//! How a caller stands, for those who wait for it.

use super::Id;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

pub(crate) struct Standing {
    pub(crate) room: String,
    attached: AtomicBool,
    /// When the oldest message was sent that is neither acknowledged nor refused, in µs; `u64::MAX` for none.
    oldest: AtomicU64,
    /// What its own id comes to, and what those do that it sees here.
    id: AtomicU64,
    view: AtomicU64,
    peers: AtomicUsize,
    /// Of how many peers it heard their last word.
    rolls: AtomicUsize,
    /// Whether it said its own.
    rolled: AtomicBool,
    /// In how many volleys it took part.
    volleys: AtomicU32,
}

/// What to show of a session.
pub(super) struct Shown {
    pub(super) attached: bool,
    pub(super) oldest: Option<Duration>,
    pub(super) id: Option<Id>,
    /// The sum of `number` of those that are here.
    pub(super) view: u64,
    pub(super) peers: usize,
    pub(super) rolls: usize,
    pub(super) rolled: bool,
}

impl Standing {
    pub(super) fn new(room: &str) -> Self {
        Self {
            room: room.to_owned(),
            attached: AtomicBool::default(),
            oldest: AtomicU64::new(u64::MAX),
            id: AtomicU64::default(),
            view: AtomicU64::default(),
            peers: AtomicUsize::default(),
            rolls: AtomicUsize::default(),
            rolled: AtomicBool::default(),
            volleys: AtomicU32::default(),
        }
    }

    pub(super) fn show(&self, shown: &Shown) {
        let micros = |at: Duration| u64::try_from(at.as_micros()).expect("not that long");
        self.attached.store(shown.attached, Relaxed);
        self.oldest.store(shown.oldest.map_or(u64::MAX, micros), Relaxed);
        self.id.store(shown.id.map_or(0, number), Relaxed);
        self.view.store(shown.view, Relaxed);
        self.peers.store(shown.peers, Relaxed);
        self.rolls.store(shown.rolls, Relaxed);
        self.rolled.store(shown.rolled, Relaxed);
    }

    pub(super) fn volleyed(&self, volleys: u32) {
        self.volleys.store(volleys, Relaxed);
    }

    pub(crate) fn volleys(&self) -> u32 {
        self.volleys.load(Relaxed)
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.attached.load(Relaxed)
    }

    /// It is attached, and all that it said before that moment was handled.
    pub(crate) fn is_well_since(&self, moment: Duration) -> bool {
        self.is_attached() && u128::from(self.oldest.load(Relaxed)) > moment.as_micros()
    }

    /// It is attached, and has an answer to all that it said.
    pub(crate) fn has_all_answers(&self) -> bool {
        self.is_attached() && self.oldest.load(Relaxed) == u64::MAX
    }

    /// What its id comes to in the sum of a room.
    pub(crate) fn id(&self) -> u64 {
        self.id.load(Relaxed)
    }

    /// It sees exactly those whose ids come to this sum, its own included.
    pub(crate) fn sees(&self, room: u64) -> bool {
        self.view.load(Relaxed).wrapping_add(self.id()) == room
    }

    /// It said its last word, and heard everybody's.
    pub(crate) fn has_heard_all(&self) -> bool {
        let heard = self.rolls.load(Relaxed) == self.peers.load(Relaxed);
        heard && self.rolled.load(Relaxed) && self.has_all_answers()
    }
}

/// So different for each id that a sum of some is one of no others.
pub(super) fn number(id: Id) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
