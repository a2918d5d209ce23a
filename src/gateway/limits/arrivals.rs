//! How fast each address comes: how it connects, or arrivals.

use super::{Block, Pace, quota, round_up};
use governor::{
    DefaultKeyedRateLimiter, RateLimiter,
    clock::{Clock, DefaultClock},
};
use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// An address that has been quiet is as good as new, and forgotten in time: at most this many of those are remembered.
const BETWEEN_CLEANINGS: u32 = 1024;

/// The buckets of each address.
#[derive(Debug)]
pub(in crate::gateway) struct Arrivals {
    allowed: DefaultKeyedRateLimiter<Block>,
    excess: DefaultKeyedRateLimiter<Block>,
    since_cleaning: AtomicU32,
}

impl Arrivals {
    /// So many a second from each address.
    pub(in crate::gateway) fn new(rate: NonZeroU32) -> Self {
        let buckets = || RateLimiter::keyed(quota(rate));
        Self { allowed: buckets(), excess: buckets(), since_cleaning: AtomicU32::new(0) }
    }

    /// One more from this address.
    pub(in crate::gateway) fn take(&self, address: Block) -> Pace {
        if self.since_cleaning.fetch_add(1, Ordering::Relaxed) >= BETWEEN_CLEANINGS {
            self.since_cleaning.store(0, Ordering::Relaxed);
            self.allowed.retain_recent();
            self.excess.retain_recent();
        }
        Pace::by(check(&self.allowed, &address), || check(&self.excess, &address))
    }
}

fn check(buckets: &DefaultKeyedRateLimiter<Block>, address: &Block) -> Result<(), Duration> {
    let wait =
        buckets.check_key(address).map_err(|until| until.wait_time_from(DefaultClock::default().now()));
    wait.map_err(round_up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn each_address_has_its_own_pace() {
        let arrivals = Arrivals::new(NonZeroU32::MIN);
        let [ann, ben] = [1, 2].map(|last| Block::V4(Ipv4Addr::new(192, 0, 2, last)));
        for _ in 0..10 {
            assert_eq!(arrivals.take(ann), Pace::Fine);
        }
        for _ in 0..10 {
            let Pace::Fast(after) = arrivals.take(ann) else { panic!("one too many") };
            assert!((1..=1000).contains(&after.as_millis()), "{after:?}");
        }
        assert!(matches!(arrivals.take(ann), Pace::Relentless(_)));
        assert_eq!(arrivals.take(ben), Pace::Fine);
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        // A thousand times a second: who came once is as good as new two milliseconds later.
        let arrivals = Arrivals::new(NonZeroU32::new(1000).expect("not zero"));
        let attack = 50_000;
        for number in 0..attack {
            arrivals.take(Block::from(IpAddr::from(Ipv4Addr::from_bits(number))));
        }
        let begun = std::time::Instant::now();
        while arrivals.allowed.len() > 2 * BETWEEN_CLEANINGS as usize {
            assert!(begun.elapsed() < Duration::from_secs(10), "{} are remembered", arrivals.allowed.len());
            arrivals.take(Block::V4(Ipv4Addr::LOCALHOST));
        }
    }
}
