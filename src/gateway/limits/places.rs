//! How many connections each address has.

use super::Block;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The places that each address may take. An address that has none is forgotten, so that this holds no more than there
/// are connections.
#[derive(Debug)]
pub struct Places {
    each: usize,
    /// A `std` mutex: held for a map look-up.
    taken: Mutex<HashMap<Block, usize>>,
}

/// One place, for as long as it lives.
#[derive(Debug)]
pub struct Place {
    block: Block,
    places: Arc<Places>,
}

impl Places {
    /// So many for each address.
    pub fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { each, taken: Mutex::default() })
    }

    /// A place for this address, unless it has as many as it may.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let block = Block::from(address);
        let mut taken = self.taken();
        let count = taken.get(&block).copied().unwrap_or_default();
        (count < self.each).then(|| {
            taken.insert(block, count + 1);
            Place { block, places: self.clone() }
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Block, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match taken.get_mut(&self.block) {
            Some(count @ 2..) => *count -= 1,
            _ => drop(taken.remove(&self.block)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_places_and_leaves_nothing_behind() {
        let places = Places::new(2);
        let [ann, ben] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an address"));
        let first = places.take(ann).expect("a place");
        let second = places.take(ann).expect("a place");
        assert!(places.take(ann).is_none());
        assert!(places.take(ben).is_some(), "another's");
        assert_eq!(places.taken().len(), 1, "and it was given back at once");
        drop(first);
        let third = places.take(ann).expect("a place again");
        drop((second, third));
        assert_eq!(places.taken().len(), 0);
    }
}
