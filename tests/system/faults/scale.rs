//! How much goes on: little in the test suite, and what the environment says where it asks for a run by name.

use super::fault::Fault;
use crate::harness::caller::Habits;
use std::{env, str::FromStr, time::Duration};

#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) sockets: usize,
    pub(super) nodes: usize,
    /// Faults; 0 is one of each kind.
    pub(super) rounds: usize,
    /// Messages a second, of each caller.
    pub(super) rate: f64,
    pub(super) seed: u64,
    pub(super) settings: Settings,
}

/// What the nodes are started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) window: Duration,
    pub(super) lease: Duration,
    pub(super) redis_timeout: Duration,
    pub(super) drain: Duration,
}

impl Scale {
    /// Everything is quicker than in production, so that all kinds of faults fit into half a minute.
    pub(super) const SMALL: Self = Self {
        sockets: 30,
        nodes: 3,
        rounds: 0,
        rate: 3.0,
        seed: 1,
        settings: Settings {
            window: Duration::from_secs(10),
            lease: Duration::from_millis(1500),
            redis_timeout: Duration::from_millis(500),
            drain: Duration::from_secs(2),
        },
    };

    /// As the environment has it, if that asks for this run: `FAULTS_RUN=standalone`.
    pub(super) fn of(run: &str, small: Self) -> Self {
        if env::var("FAULTS_RUN").as_deref() != Ok(run) {
            return small;
        }
        Self {
            sockets: setting("SOCKETS").unwrap_or(300),
            nodes: setting("NODES").unwrap_or(3),
            rounds: setting("ROUNDS").unwrap_or(20),
            rate: setting("RATE").unwrap_or(3.0),
            seed: setting("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000)),
            settings: Settings {
                window: Duration::from_secs(30),
                lease: Duration::from_secs(6),
                redis_timeout: Duration::from_secs(2),
                drain: Duration::from_secs(setting("DRAIN").unwrap_or(30)),
            },
        }
    }

    pub(super) fn rooms(&self) -> usize {
        self.sockets.div_ceil(6)
    }

    /// One of each kind in a row that chance has mixed, and so on until there are enough.
    pub(super) fn faults(&self, kinds: &[Fault]) -> Vec<Fault> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let count = if self.rounds == 0 { kinds.len() } else { self.rounds };
        let mut faults = Vec::new();
        while faults.len() < count {
            let mut some = kinds.to_vec();
            rng.shuffle(&mut some);
            faults.extend(some);
        }
        faults.truncate(count);
        faults
    }

    pub(super) fn habits(&self) -> Habits {
        Habits {
            rate: self.rate,
            ping: Duration::from_secs(2),
            patience: Duration::from_secs(3),
            checked: self.sockets < 100,
        }
    }
}

impl Settings {
    /// The flags of a node.
    pub(super) fn flags(&self) -> Vec<String> {
        let time = |flag: &str, time: Duration| [flag.to_owned(), format!("{}ms", time.as_millis())];
        let flags = [
            time("--resume-window", self.window),
            time("--lease", self.lease),
            time("--redis-timeout", self.redis_timeout),
            time("--drain", self.drain),
            // All of its clients come from one machine.
            ["--joins-per-address".to_owned(), "1000000".to_owned()],
        ];
        flags.concat()
    }

    /// After the last fault, nobody is away for longer.
    pub(super) fn all_is_settled(&self) -> Duration {
        self.window + 2 * self.lease + Duration::from_secs(10)
    }
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let value = env::var(format!("FAULTS_{name}")).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("FAULTS_{name}={value}: no number")))
}
