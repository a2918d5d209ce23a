//! Messages between pairs: at a rate, whatever the server makes of it, or so many under way at a time.

use super::{Event, Script, be_known, enter, leave, measure, share};
use crate::{
    client::Entry,
    crowd::Crowd,
    dialect::Kind,
    engine::Engine,
    schedule::{Arrivals, Schedule},
    units::{Rate, Span, some_time},
    worker::{Order, Reporter},
};
use anyhow::Result;
use clap::{ArgGroup, Args};
use serde::{Deserialize, Serialize};

/// A body of so many bytes is a description; a shorter one a candidate.
pub(crate) const DESCRIPTION: usize = 1000;

#[derive(Args, Clone, Debug, Deserialize, Serialize)]
#[command(group = ArgGroup::new("load").args(["rate", "window"]).required(true))]
pub(crate) struct Settings {
    /// Rooms of two
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = crate::cli::count)]
    pub(crate) pairs: usize,

    /// Messages a time of all pairs together, such as 5000/s; each is due at its time, whatever became of those before
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,

    /// Instead of a rate: bursts of each pair that are under way at a time; who has heard one answers it at once
    #[arg(long, value_name = "NUMBER", value_parser = crate::cli::count)]
    pub(crate) window: Option<usize>,

    /// Bytes of a message, without what the dialect puts around it
    #[arg(long, value_name = "BYTES", default_value_t = 300)]
    pub(crate) size: usize,

    /// Messages that are sent at once
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) burst: u16,

    /// How what is due is spread
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub(crate) arrivals: Arrivals,

    /// Time before what is measured
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub(crate) warmup: Span,

    /// Time that is measured
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_time)]
    pub(crate) duration: Span,
}

pub(crate) async fn run(settings: &Settings, order: &Order, reporter: &mut Reporter) -> Result<()> {
    let mut crowd = order.crowd(settings.size)?;
    let rooms: Vec<usize> = order.mine(settings.pairs).collect();
    let mut pairs = Vec::new();
    for room in &rooms {
        pairs.push(crowd.add_room(0, &room.to_string(), order.dialect.pair()));
    }
    let script = Relay::new(settings, &pairs, settings.pairs, order.seed_of_mine());
    let nos: Vec<usize> = pairs.concat();
    let engine = Engine::new(crowd, vec![Box::new(script)])?;
    reporter.watch(&engine);
    enter(&engine, &nos, Entry::Join).await?;
    be_known(&engine, &pairs).await?;
    measure(&engine, reporter, settings.warmup.0, settings.duration.0).await?;
    leave(&engine).await;
    Ok(())
}

/// Messages between pairs.
pub(crate) struct Relay {
    pairs: Vec<[usize; 2]>,
    kind: Kind,
    size: usize,
    burst: u16,
    /// Of bursts.
    schedule: Schedule,
    window: usize,
    /// The next pair's turn, and which of its members.
    turn: usize,
    /// By client, as long as it waits for the rest of a burst; by that it sends no more than it hears.
    heard: Vec<u16>,
    partners: Vec<usize>,
    end_us: u64,
}

impl Relay {
    /// `all` pairs have the rate together; these are some of them, with clients numbered from the first one on.
    pub(crate) fn new(settings: &Settings, pairs: &[Vec<usize>], all: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pairs: Vec<[usize; 2]> = pairs.iter().map(|pair| [pair[0], pair[pair.len() - 1]]).collect();
        random.shuffle(&mut pairs);
        let largest = pairs.iter().flatten().copied().max().map_or(0, |no| no + 1);
        let mut partners = vec![0; largest];
        for [one, other] in &pairs {
            partners[*one] = *other;
            partners[*other] = *one;
        }
        let rate =
            settings.rate.map_or(0.0, |rate| share(rate.0, pairs.len(), all) / f64::from(settings.burst));
        Self {
            kind: if settings.size < DESCRIPTION { Kind::Candidate } else { Kind::Offer },
            size: settings.size,
            burst: settings.burst,
            schedule: Schedule::new(rate, settings.arrivals, seed),
            window: settings.window.unwrap_or(0),
            turn: 0,
            heard: vec![0; largest],
            partners,
            pairs,
            end_us: 0,
        }
    }

    fn say(&self, crowd: &mut Crowd, from: usize, due: u64, now: u64) {
        for _ in 0..self.burst {
            crowd.say(self.kind, from, self.partners[from], self.size, due, now);
        }
    }
}

impl Script for Relay {
    fn due_us(&self) -> Option<u64> {
        self.schedule.due_us().filter(|due| *due < self.end_us)
    }

    fn act(&mut self, crowd: &mut Crowd, now: u64) {
        let due = self.schedule.take();
        let pair = self.pairs[self.turn % self.pairs.len()];
        let from = pair[self.turn / self.pairs.len() % 2];
        self.turn += 1;
        self.say(crowd, from, due, now);
    }

    fn heard(&mut self, crowd: &mut Crowd, no: usize, event: Event<'_>, now: u64) {
        if self.window == 0 || !matches!(event, Event::Message(_)) {
            return;
        }
        self.heard[no] += 1;
        if self.heard[no] == self.burst {
            self.heard[no] = 0;
            if now < self.end_us {
                self.say(crowd, no, now, now);
            }
        }
    }

    fn give_up(&mut self, before_us: u64) -> u64 {
        self.schedule.give_up(before_us.min(self.end_us)) * u64::from(self.burst)
    }

    fn begin(&mut self, crowd: &mut Crowd, from_us: u64, to_us: u64) {
        self.end_us = to_us;
        if !self.pairs.is_empty() {
            self.schedule.start(from_us);
        }
        for turn in 0..self.window * self.pairs.len() {
            let pair = self.pairs[turn % self.pairs.len()];
            let from = pair[turn / self.pairs.len() % 2];
            self.say(crowd, from, from_us, crowd.clock.now_us());
        }
    }

    fn check(&self, crowd: &mut Crowd) {
        self.pairs.iter().for_each(|pair| crowd.check_views(pair));
    }
}
