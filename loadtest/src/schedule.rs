//! When things are due: an open loop, which doesn't wait for what the server makes of it. Pure.

use serde::{Deserialize, Serialize};

/// How what is due is spread over time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Arrivals {
    /// As people come: each on its own (a Poisson process).
    Poisson,
    /// At even distances.
    Even,
}

pub(crate) struct Schedule {
    next_us: f64,
    gap_us: f64,
    random: Option<fastrand::Rng>,
}

impl Schedule {
    /// Nothing is due before [`Self::start`].
    pub(crate) fn new(per_second: f64, arrivals: Arrivals, seed: u64) -> Self {
        let random = (arrivals == Arrivals::Poisson).then(|| fastrand::Rng::with_seed(seed));
        Self { next_us: f64::INFINITY, gap_us: 1e6 / per_second, random }
    }

    pub(crate) fn start(&mut self, at_us: u64) {
        self.next_us = at_us as f64;
        self.advance();
    }

    /// When the next is due; none if nothing ever is.
    pub(crate) fn due_us(&self) -> Option<u64> {
        self.next_us.is_finite().then_some(self.next_us as u64)
    }

    /// Takes the next one, however late it is: the one after it isn't put off by that.
    pub(crate) fn take(&mut self) -> u64 {
        let due = self.next_us as u64;
        self.advance();
        due
    }

    /// Gives up what is due before then, and says how many that was.
    pub(crate) fn give_up(&mut self, before_us: u64) -> u64 {
        let mut count = 0;
        while self.due_us().is_some_and(|due| due < before_us) {
            self.advance();
            count += 1;
        }
        count
    }

    fn advance(&mut self) {
        let share = self.random.as_mut().map_or(1.0, |random| -(1.0 - random.f64()).ln());
        self.next_us += self.gap_us * share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(count: usize, arrivals: Arrivals, seed: u64) -> Vec<u64> {
        let mut schedule = Schedule::new(1000.0, arrivals, seed);
        schedule.start(5_000_000);
        (0..count).map(|_| schedule.take()).collect()
    }

    #[test]
    fn nothing_is_due_before_the_start_nor_without_a_rate() {
        assert_eq!(Schedule::new(10.0, Arrivals::Even, 1).due_us(), None);
        let mut never = Schedule::new(0.0, Arrivals::Poisson, 1);
        never.start(0);
        assert_eq!(never.due_us(), None);
    }

    #[test]
    fn even_arrivals_keep_their_distance() {
        assert_eq!(first(3, Arrivals::Even, 1), [5_001_000, 5_002_000, 5_003_000]);
    }

    #[test]
    fn what_is_given_up_is_counted() {
        let mut schedule = Schedule::new(1000.0, Arrivals::Even, 1);
        schedule.start(0);
        schedule.take();
        assert_eq!(schedule.give_up(10_000), 8);
        assert_eq!(schedule.take(), 10_000);
    }

    #[test]
    fn random_arrivals_keep_the_rate_and_follow_from_the_seed() {
        let arrivals = first(100_000, Arrivals::Poisson, 3);
        let took_s = (arrivals[99_999] - 5_000_000) as f64 / 1e6;
        assert!((98.0..102.0).contains(&took_s), "100,000 at 1000/s took {took_s} s");
        assert_eq!(arrivals, first(100_000, Arrivals::Poisson, 3));
        assert_ne!(arrivals, first(100_000, Arrivals::Poisson, 4));
        assert!(arrivals.is_sorted());
    }

    #[test]
    fn the_distances_spread_as_those_of_a_poisson_process_do() {
        let arrivals = first(100_000, Arrivals::Poisson, 3);
        let longer = arrivals.windows(2).filter(|pair| pair[1] - pair[0] > 1000).count();
        assert!((36_000..37_600).contains(&longer), "e^-1 of the gaps are longer than the mean: {longer}");
    }
}
