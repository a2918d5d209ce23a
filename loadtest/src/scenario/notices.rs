//! From when somebody was to come or to go until the others are told.

use crate::{
    crowd::Crowd,
    tally::{Tally, Timed, UNTIMED},
};
use std::collections::HashMap;

/// A notice can come before its newcomer knows its own id.
#[derive(Default)]
pub(crate) struct Notices {
    due: HashMap<String, u64>,
    early: HashMap<String, Vec<u64>>,
}

impl Notices {
    /// A client came, or goes, which was to do so at this time.
    pub(crate) fn expect(&mut self, crowd: &mut Crowd, no: usize, due: u64) {
        let id = crowd.id(no).to_owned();
        for heard in self.early.remove(&id).unwrap_or_default() {
            crowd.tally.time(Timed::Notice, due, heard);
        }
        if due != UNTIMED {
            self.due.insert(id, due);
        }
    }

    /// One of the others is told.
    pub(crate) fn heard(&mut self, id: &str, now: u64, tally: &mut Tally) {
        match self.due.get(id) {
            Some(due) => tally.time(Timed::Notice, *due, now),
            None => self.early.entry(id.to_owned()).or_default().push(now),
        }
    }

    /// Nobody will be told of it any more.
    pub(crate) fn forget(&mut self, id: &str) {
        self.due.remove(id);
        self.early.remove(id);
    }
}
