//! Names for those whom no server names.

use super::Seat;

impl Seat {
    /// Its own in all the run.
    pub(super) fn name(&self) -> String {
        self.name_of(self.index)
    }

    /// All others of its room, whether they are there or not.
    pub(super) fn others(&self) -> Vec<String> {
        (0..self.of).filter(|&index| index != self.index).map(|index| self.name_of(index)).collect()
    }

    fn name_of(&self, index: usize) -> String {
        format!("{}.{index}", self.room)
    }
}
