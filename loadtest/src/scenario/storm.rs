//! A storm: all connections break at once, without a word, and everybody comes back.
//!
//! Each waits before each attempt as the SDK does: between zero and a cap that doubles ("full jitter"). A session is resumed
//! where the dialect can, and what was said meanwhile has to arrive, in order and once. Elsewhere clients join anew.

use super::{Event, Script, be_known, enter, leave, measure, micros, share, timers::Timers};
use crate::{
    client::Entry,
    crowd::Crowd,
    dialect::Kind,
    engine::Engine,
    schedule::{Arrivals, Schedule},
    tally::Timed,
    units::{Rate, Span, some_time},
    worker::{Order, Reporter},
};
use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};

/// The cap of the first wait, and of all.
const LEAST_US: u64 = 300_000;
const MOST_US: u64 = 10_000_000;

#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    /// Sockets in all, in whole rooms
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub(crate) sockets: usize,

    /// Members of a room
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = super::two_or_more)]
    pub(crate) room_size: usize,

    /// Messages a time between members of a room, such as 500/s: before, during and after
    #[arg(long, value_name = "RATE", default_value = "500/s")]
    pub(crate) rate: Rate,

    /// Bytes of a message
    #[arg(long, value_name = "BYTES", default_value_t = 300)]
    pub(crate) size: usize,

    /// Time that is measured before all connections break
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = some_time)]
    pub(crate) before: Span,

    /// Time that is measured from then on
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = some_time)]
    pub(crate) after: Span,

    /// Time before what is measured
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub(crate) warmup: Span,

    /// Join anew, also where a session could be resumed
    #[arg(long)]
    pub(crate) anew: bool,
}

pub(crate) async fn run(settings: &Settings, order: &Order, reporter: &mut Reporter) -> Result<()> {
    let order = Order { resumable: !settings.anew, ..order.clone() };
    let mut crowd = order.crowd(settings.size)?;
    let all = settings.sockets / settings.room_size;
    let mut rooms = Vec::new();
    for room in order.mine(all) {
        rooms.push(crowd.add_room(0, &room.to_string(), settings.room_size));
    }
    let script = Storm::new(settings, rooms.clone(), all, order.seed_of_mine());
    let engine = Engine::new(crowd, vec![Box::new(script)])?;
    reporter.watch(&engine);
    enter(&engine, &rooms.concat(), Entry::Join).await?;
    be_known(&engine, &rooms).await?;
    measure(&engine, reporter, settings.warmup.0, settings.before.0 + settings.after.0).await?;
    // Where clients joined anew, the last of those that they were are taken out by now, or will be soon.
    let known: usize = rooms.iter().map(|room| room.len() * (room.len() - 1)).sum();
    engine.until(super::PATIENCE, |crowd| crowd.known == known).await;
    engine.with(|crowd| rooms.iter().for_each(|room| crowd.check_views(room)));
    leave(&engine).await;
    Ok(())
}

struct Storm {
    rooms: Vec<Vec<usize>>,
    size: usize,
    schedule: Schedule,
    random: fastrand::Rng,
    before_us: u64,
    /// Who comes back.
    timers: Timers<usize>,
    breaks_at: Option<u64>,
    broke_at: u64,
    /// By client: attempts so far; none: it isn't out.
    attempts: Vec<Option<u32>>,
    out: usize,
    end_us: u64,
}

impl Storm {
    fn new(settings: &Settings, rooms: Vec<Vec<usize>>, all: usize, seed: u64) -> Self {
        let rate = share(settings.rate.0, rooms.len(), all);
        let clients = rooms.iter().map(Vec::len).sum();
        Self {
            rooms,
            size: settings.size,
            schedule: Schedule::new(rate, Arrivals::Poisson, seed),
            random: fastrand::Rng::with_seed(seed),
            before_us: micros(settings.warmup.0 + settings.before.0),
            timers: Timers::default(),
            breaks_at: None,
            broke_at: 0,
            attempts: vec![None; clients],
            out: 0,
            end_us: 0,
        }
    }

    fn break_all(&mut self, crowd: &mut Crowd, now: u64) {
        self.broke_at = now;
        crowd.forgives = true;
        for no in 0..self.attempts.len() {
            crowd.drop_connection(no);
            if !crowd.clients[no].dialect.resumes() {
                crowd.forget(no);
                crowd.renew(no, None);
            }
            self.lose(no, now);
        }
    }

    /// A client is without a connection, and will try again.
    fn lose(&mut self, no: usize, now: u64) {
        self.out += usize::from(self.attempts[no].is_none());
        let attempt = self.attempts[no].map_or(1, |last| last + 1);
        self.attempts[no] = Some(attempt);
        let cap = (LEAST_US << (attempt - 1).min(10)).min(MOST_US);
        self.timers.set(now + self.random.u64(0..cap), no);
    }

    fn is_back(&mut self, crowd: &mut Crowd, no: usize, now: u64) {
        if self.attempts.get_mut(no).is_some_and(|attempts| attempts.take().is_some()) {
            self.out -= 1;
            crowd.tally.time(Timed::Recovery, self.broke_at, now);
            crowd.forgives = self.out > 0;
        }
    }

    /// One of a room tells another something.
    fn say(&mut self, crowd: &mut Crowd, due: u64, now: u64) {
        let room = &self.rooms[self.random.usize(..self.rooms.len())];
        let from = self.random.usize(..room.len());
        let to = (from + self.random.usize(1..room.len())) % room.len();
        let (from, to) = (room[from], room[to]);
        let both_are_there = crowd.clients[from].is_joined() && crowd.clients[to].is_joined();
        // Who can resume may speak to one who is away. Who can't has nobody to speak to.
        if crowd.clients[from].dialect.resumes() && crowd.clients[to].dialect.resumes()
            || both_are_there && crowd.knows(from, to)
        {
            crowd.say(Kind::Candidate, from, to, self.size, due, now);
        }
    }

    fn refused(&mut self, crowd: &mut Crowd, no: usize, error: &str, now: u64) {
        if self.attempts[no].is_none() {
            return;
        }
        if error.starts_with("session_expired") {
            crowd.forget(no);
            crowd.renew(no, None);
            crowd.clients[no].entry = Entry::Join;
            crowd.join(no, now);
        } else {
            crowd.drop_connection(no);
            self.lose(no, now);
        }
    }
}

impl Script for Storm {
    fn due_us(&self) -> Option<u64> {
        let next = self.schedule.due_us().filter(|due| *due < self.end_us);
        next.into_iter().chain(self.timers.due_us()).chain(self.breaks_at).min()
    }

    fn act(&mut self, crowd: &mut Crowd, now: u64) {
        if self.breaks_at.is_some_and(|due| due <= now) {
            self.breaks_at = None;
            self.break_all(crowd, now);
        } else if let Some((due, no)) = self.timers.take(now) {
            let entry = if crowd.clients[no].dialect.resumes() { Entry::Resume } else { Entry::Join };
            crowd.open(no, due, entry);
        } else {
            let due = self.schedule.take();
            self.say(crowd, due, now);
        }
    }

    fn heard(&mut self, crowd: &mut Crowd, no: usize, event: Event<'_>, now: u64) {
        match event {
            Event::Joined | Event::Resumed => self.is_back(crowd, no, now),
            Event::Error(error) => self.refused(crowd, no, error, now),
            Event::Ended if self.attempts.get(no).is_some_and(Option::is_some) => self.lose(no, now),
            _ => {}
        }
    }

    fn give_up(&mut self, before_us: u64) -> u64 {
        self.schedule.give_up(before_us.min(self.end_us))
    }

    fn begin(&mut self, _crowd: &mut Crowd, from_us: u64, to_us: u64) {
        self.end_us = to_us;
        if !self.rooms.is_empty() {
            self.schedule.start(from_us);
            self.breaks_at = Some(from_us + self.before_us);
        }
    }

    fn is_done(&self) -> bool {
        self.out == 0
    }

    fn check(&self, crowd: &mut Crowd) {
        if self.out > 0 {
            crowd.tally.counts.join_failures += self.out as u64;
            crowd.tally.find("not back", format!("{} clients never came back", self.out));
        }
    }
}
