//! Rooms that stand, and whose members change all the time: somebody joins, and when everybody knows, somebody leaves.
//!
//! Joins are due at a rate. If no room is at rest by then, a join waits for one, and is timed from when it was due.

use super::{
    Event, Script, be_known, calls::AHEAD, enter, leave, measure, micros, notices::Notices, share,
    timers::Timers,
};
use crate::{
    client::{Entry, State},
    crowd::Crowd,
    dialect::Seat,
    engine::Engine,
    schedule::{Arrivals, Schedule},
    units::{Rate, Span, some_time},
    worker::{Order, Reporter},
};
use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    /// Rooms that stand
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = crate::cli::count)]
    pub(crate) rooms: usize,

    /// Members of a room, the newcomer included
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = super::two_or_more)]
    pub(crate) room_size: usize,

    /// Joins a time, such as 50/s; after each of them somebody leaves
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Rate,

    /// How what is due is spread
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub(crate) arrivals: Arrivals,

    /// Time before what is measured
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub(crate) warmup: Span,

    /// Time that is measured
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_time)]
    pub(crate) duration: Span,
}

impl Settings {
    /// How many sockets there may be at a time, with those that wait to join or are about to close.
    pub(crate) fn sockets(&self) -> usize {
        self.rooms * self.room_size + (4.0 * self.rate.0 * AHEAD.as_secs_f64()) as usize + 50
    }
}

pub(crate) async fn run(settings: &Settings, order: &Order, reporter: &mut Reporter) -> Result<()> {
    let mut crowd = order.crowd(0)?;
    let (script, rooms) = Churn::new(settings, 0, order, &mut crowd);
    let engine = Engine::new(crowd, vec![Box::new(script)])?;
    reporter.watch(&engine);
    enter(&engine, &rooms.concat(), Entry::Join).await?;
    be_known(&engine, &rooms).await?;
    measure(&engine, reporter, settings.warmup.0, settings.duration.0).await?;
    leave(&engine).await;
    Ok(())
}

/// Rooms whose members change.
pub(crate) struct Churn {
    script: usize,
    prefix: String,
    schedule: Schedule,
    random: fastrand::Rng,
    rooms: Vec<Room>,
    /// Clients, connected and waiting for the time to join.
    timers: Timers<usize>,
    /// Joins that were due and wait for a room at rest.
    late: VecDeque<(u64, usize)>,
    at_rest: Vec<usize>,
    /// Clients that are out, and can come again.
    out: Vec<usize>,
    /// By client: its room.
    room_of: Vec<usize>,
    joins: Notices,
    departures: Notices,
    end_us: u64,
}

struct Room {
    name: String,
    members: Vec<usize>,
    newcomer: Option<usize>,
    /// How many still have to be told of who came, or of who went.
    untold: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    AtRest,
    Joining,
    Leaving,
}

const NOWHERE: usize = usize::MAX;

impl Churn {
    /// With its rooms, each of them one short of its size.
    pub(crate) fn new(
        settings: &Settings,
        script: usize,
        order: &Order,
        crowd: &mut Crowd,
    ) -> (Self, Vec<Vec<usize>>) {
        let mut rooms = Vec::new();
        for room in order.mine(settings.rooms) {
            let name = format!("churn-{room}");
            let members = crowd.add_room(script, &name, settings.room_size - 1);
            rooms.push(Room { name, members, newcomer: None, untold: 0, phase: Phase::AtRest });
        }
        let members = rooms.iter().map(|room| room.members.clone()).collect();
        let mut room_of = vec![NOWHERE; crowd.clients.len()];
        for (no, room) in rooms.iter().enumerate() {
            room.members.iter().for_each(|member| room_of[*member] = no);
        }
        let rate = share(settings.rate.0, rooms.len(), settings.rooms);
        let churn = Self {
            script,
            prefix: format!("churn-{}", order.worker),
            schedule: Schedule::new(rate, settings.arrivals, order.seed_of_mine()),
            random: fastrand::Rng::with_seed(order.seed_of_mine()),
            at_rest: (0..rooms.len()).collect(),
            rooms,
            timers: Timers::default(),
            late: VecDeque::new(),
            out: Vec::new(),
            room_of,
            joins: Notices::default(),
            departures: Notices::default(),
            end_us: 0,
        };
        (churn, members)
    }

    /// Somebody is to join soon, and connects.
    fn prepare(&mut self, crowd: &mut Crowd, due: u64) {
        let seat = Seat { room: self.prefix.clone(), index: self.room_of.len(), of: 0 };
        let no = self.out.pop().unwrap_or_else(|| crowd.add(self.script, 0, seat));
        self.room_of.resize(crowd.clients.len(), NOWHERE);
        crowd.open(no, due, Entry::Wait);
        self.timers.set(due + micros(AHEAD), no);
    }

    /// Those who are late join, as far as there are rooms.
    fn admit(&mut self, crowd: &mut Crowd) {
        while let Some(&(due, no)) = self.late.front() {
            match crowd.clients[no].state {
                State::Open => {}
                State::Opening => return,
                _ => {
                    self.late.pop_front(); // it has failed, and that was counted
                    continue;
                }
            }
            if self.at_rest.is_empty() {
                return;
            }
            let room = self.at_rest.swap_remove(self.random.usize(..self.at_rest.len()));
            self.late.pop_front();
            self.room_of[no] = room;
            self.rooms[room].phase = Phase::Joining;
            self.rooms[room].newcomer = Some(no);
            self.rooms[room].untold = tellable(crowd, &self.rooms[room].members);
            crowd.renew(no, Some(&self.rooms[room].name.clone()));
            crowd.join(no, due);
        }
    }

    fn joined(&mut self, crowd: &mut Crowd, room: usize, no: usize, now: u64) {
        self.joins.expect(crowd, no, crowd.clients[no].due);
        if self.rooms[room].newcomer == Some(no) {
            self.rooms[room].members.push(no);
            self.rooms[room].newcomer = None;
            self.go_on(crowd, room, now);
        }
    }

    fn told(&mut self, crowd: &mut Crowd, room: usize, now: u64) {
        self.rooms[room].untold = self.rooms[room].untold.saturating_sub(1);
        self.go_on(crowd, room, now);
    }

    /// Everybody knows: the next step.
    fn go_on(&mut self, crowd: &mut Crowd, no: usize, now: u64) {
        let room = &mut self.rooms[no];
        if room.untold > 0 || room.newcomer.is_some() {
            return;
        }
        match room.phase {
            Phase::AtRest => {}
            Phase::Joining => {
                let leaver = room.members.swap_remove(self.random.usize(..room.members.len()));
                room.phase = Phase::Leaving;
                room.untold = tellable(crowd, &room.members);
                self.joins.forget(crowd.id(leaver));
                self.departures.expect(crowd, leaver, now);
                self.room_of[leaver] = NOWHERE;
                crowd.leave(leaver);
                if self.rooms[no].untold == 0 {
                    self.go_on(crowd, no, now);
                }
            }
            Phase::Leaving => {
                room.phase = Phase::AtRest;
                self.at_rest.push(no);
                self.admit(crowd);
            }
        }
    }

    /// Somebody's connection ended.
    fn ended(&mut self, crowd: &mut Crowd, no: usize) {
        let room = std::mem::replace(&mut self.room_of[no], NOWHERE);
        if room == NOWHERE {
            if let Some(member) = crowd.clients[no].member {
                self.departures.forget(crowd.ledger.id(member));
            }
            self.out.push(no);
        }
        self.admit(crowd);
    }
}

/// How many of these are told of who comes and goes.
fn tellable(crowd: &Crowd, members: &[usize]) -> usize {
    members.iter().filter(|no| crowd.clients[**no].dialect.gives_notice()).count()
}

impl Script for Churn {
    fn due_us(&self) -> Option<u64> {
        let next = self.schedule.due_us().filter(|due| *due < self.end_us);
        next.into_iter().chain(self.timers.due_us()).min()
    }

    fn act(&mut self, crowd: &mut Crowd, now: u64) {
        if let Some((due, no)) = self.timers.take(now) {
            self.late.push_back((due, no));
            self.admit(crowd);
        } else {
            let due = self.schedule.take();
            self.prepare(crowd, due);
        }
    }

    fn heard(&mut self, crowd: &mut Crowd, no: usize, event: Event<'_>, now: u64) {
        let Some(&room) = self.room_of.get(no) else { return };
        match event {
            Event::Opened => self.admit(crowd),
            Event::Ended => self.ended(crowd, no),
            _ if room == NOWHERE => {}
            Event::Joined => self.joined(crowd, room, no, now),
            Event::Came(id) => {
                self.joins.heard(id, now, &mut crowd.tally);
                if self.rooms[room].phase == Phase::Joining {
                    self.told(crowd, room, now);
                }
            }
            Event::Went(id) => {
                self.departures.heard(id, now, &mut crowd.tally);
                if self.rooms[room].phase == Phase::Leaving {
                    self.told(crowd, room, now);
                }
            }
            _ => {}
        }
    }

    fn give_up(&mut self, before_us: u64) -> u64 {
        self.schedule.give_up(before_us.min(self.end_us))
    }

    fn begin(&mut self, _crowd: &mut Crowd, from_us: u64, to_us: u64) {
        self.end_us = to_us.saturating_sub(micros(AHEAD));
        if !self.rooms.is_empty() {
            self.schedule.start(from_us);
        }
    }

    fn is_done(&self) -> bool {
        self.late.is_empty() && self.rooms.iter().all(|room| room.phase == Phase::AtRest)
    }

    fn check(&self, crowd: &mut Crowd) {
        self.rooms.iter().for_each(|room| crowd.check_views(&room.members));
    }
}
