//! What clients do, and what is timed.

pub(crate) mod calls;
pub(crate) mod churn;
pub(crate) mod idle;
mod notices;
pub(crate) mod relay;
pub(crate) mod soak;
pub(crate) mod storm;
mod timers;

use crate::{
    client::{Entry, State},
    crowd::Crowd,
    dialect,
    engine::Engine,
    report::Report,
    stamp::Stamp,
    tally::Timed,
    worker::{Order, Reporter},
};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, rc::Rc, time::Duration};

/// How long what must happen may take, once nothing more is asked for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// Clients that enter at a time.
const AT_A_TIME: usize = 64;
/// Time for a whole crowd to be let in without any progress.
const STALL: Duration = Duration::from_secs(30);

/// Which scenario, with its settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    Idle(idle::Settings),
    Calls(calls::Settings),
    Relay(relay::Settings),
    Churn(churn::Settings),
    Storm(storm::Settings),
    Soak(soak::Settings),
}

impl Scenario {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::Calls(_) => "calls",
            Self::Relay(_) => "relay",
            Self::Churn(_) => "churn",
            Self::Storm(_) => "storm",
            Self::Soak(_) => "soak",
        }
    }

    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        match self {
            Self::Idle(settings) => readable(settings),
            Self::Calls(settings) => readable(settings),
            Self::Relay(settings) => readable(settings),
            Self::Churn(settings) => readable(settings),
            Self::Storm(settings) => readable(settings),
            Self::Soak(settings) => readable(settings),
        }
    }

    /// How many sockets it needs at a time.
    pub(crate) fn sockets(&self) -> usize {
        match self {
            Self::Idle(settings) => settings.sockets,
            Self::Calls(settings) => settings.sockets(),
            Self::Relay(settings) => settings.pairs * 2,
            Self::Churn(settings) => settings.sockets(),
            Self::Storm(settings) => settings.sockets,
            Self::Soak(settings) => settings.sockets(),
        }
    }

    /// What it times first and foremost: what its timeline shows.
    pub(crate) fn foremost(&self) -> Timed {
        match self {
            Self::Calls(settings) if settings.join_only => Timed::Join,
            Self::Calls(_) => Timed::Call,
            Self::Idle(_) => Timed::Join,
            Self::Relay(_) | Self::Soak(_) => Timed::Relay,
            Self::Churn(_) => Timed::Notice,
            Self::Storm(_) => Timed::Recovery,
        }
    }

    /// Says what can't be: a run of nothing would pass, and one that the dialect has no words for would fail.
    pub(crate) fn check(&self, dialect: dialect::Name) -> Result<()> {
        let room_size = match self {
            Self::Idle(settings) => settings.room_size,
            Self::Calls(settings) => settings.room_size,
            Self::Relay(_) => dialect.pair(),
            Self::Churn(settings) => settings.room_size,
            Self::Storm(settings) => settings.room_size,
            Self::Soak(_) => soak::ROOM_SIZE,
        };
        if let Some(largest) = dialect.largest_room()
            && room_size > largest
        {
            bail!("{dialect} has rooms of {largest} at most, and {} takes {room_size}", self.name());
        }
        if self.sockets() < room_size {
            bail!("{} sockets don't fill a room of {room_size}", self.sockets());
        }
        Ok(())
    }

    /// Plays a worker's part.
    pub(crate) async fn run(&self, order: &Order, reporter: &mut Reporter) -> Result<()> {
        match self {
            Self::Idle(settings) => idle::run(settings, order, reporter).await,
            Self::Calls(settings) => calls::run(settings, order, reporter).await,
            Self::Relay(settings) => relay::run(settings, order, reporter).await,
            Self::Churn(settings) => churn::run(settings, order, reporter).await,
            Self::Storm(settings) => storm::run(settings, order, reporter).await,
            Self::Soak(settings) => soak::run(settings, order, reporter).await,
        }
    }

    /// Checks what can only be told at the end.
    pub(crate) fn judge(&self, report: &mut Report) {
        if let Self::Soak(settings) = self {
            soak::check(settings, report);
        }
    }
}

/// Reads the size of a room.
pub(crate) fn two_or_more(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size) if size >= 2 => Ok(size),
        _ => Err(format!("{text:?} is no number of at least 2")),
    }
}

fn readable(settings: &impl Serialize) -> BTreeMap<String, String> {
    let Ok(serde_json::Value::Object(settings)) = serde_json::to_value(settings) else {
        return BTreeMap::new();
    };
    let said = settings.into_iter().filter(|(_, value)| !value.is_null());
    said.map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (key.replace('_', "-"), text)
    })
    .collect()
}

/// An activity of some clients: what is due, and how they react.
pub(crate) trait Script {
    /// When it has something to do next.
    fn due_us(&self) -> Option<u64> {
        None
    }

    /// Does one thing that is due.
    fn act(&mut self, _crowd: &mut Crowd, _now: u64) {}

    /// Something happened to one of its clients.
    fn heard(&mut self, crowd: &mut Crowd, no: usize, event: Event<'_>, now: u64);

    /// What is due begins here, and ends there.
    fn begin(&mut self, crowd: &mut Crowd, from_us: u64, to_us: u64);

    /// Gives up what was due before then, and says how many things that were.
    fn give_up(&mut self, _before_us: u64) -> u64 {
        0
    }

    /// What it began is done.
    fn is_done(&self) -> bool {
        true
    }

    /// Checks at the end what it alone knows.
    fn check(&self, _crowd: &mut Crowd) {}
}

pub(crate) type Scripts = Vec<Box<dyn Script>>;

/// What happens to a client.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Opened,
    Joined,
    Resumed,
    /// A message that was right.
    Message(&'a Stamp),
    Came(&'a str),
    Went(&'a str),
    Error(&'a str),
    /// Its connection ended, or couldn't be had.
    Ended,
}

/// Opens the connections of these clients, some at a time.
pub(crate) async fn enter(engine: &Rc<Engine>, nos: &[usize], entry: Entry) -> Result<()> {
    let open = |crowd: &mut Crowd, no| crowd.open(no, crowd.clock.now_us(), entry);
    in_turns(engine, nos, open, |crowd, no| {
        let client = &crowd.clients[no];
        client.is_joined() || entry == Entry::Wait && client.state == State::Open
    })
    .await
}

/// These clients do something, some at a time.
pub(crate) async fn in_turns(
    engine: &Rc<Engine>,
    nos: &[usize],
    act: impl Fn(&mut Crowd, usize),
    is_done: impl Fn(&Crowd, usize) -> bool,
) -> Result<()> {
    let failed = failures(&engine.crowd.borrow());
    for (turn, chunk) in nos.chunks(AT_A_TIME).enumerate() {
        engine.with(|crowd| chunk.iter().for_each(|no| act(crowd, *no)));
        let has_failed = |crowd: &Crowd| failures(crowd) > failed;
        let are_done = |crowd: &Crowd| chunk.iter().all(|no| is_done(crowd, *no)) || has_failed(crowd);
        if !engine.until(STALL, are_done).await || has_failed(&engine.crowd.borrow()) {
            bail!("only the first {} of {} clients came in", turn * AT_A_TIME, nos.len());
        }
    }
    Ok(())
}

fn failures(crowd: &Crowd) -> u64 {
    let counts = &crowd.tally.counts;
    counts.connect_failures + counts.join_failures + counts.disconnects + counts.errors
}

/// Waits until each member of these rooms was told of all others.
pub(crate) async fn be_known(engine: &Rc<Engine>, rooms: &[Vec<usize>]) -> Result<()> {
    let known: usize = {
        let crowd = engine.crowd.borrow();
        let tells = |no: &usize| crowd.clients[*no].dialect.gives_notice();
        rooms
            .iter()
            .filter(|room| room.first().is_some_and(tells))
            .map(|room| room.len() * (room.len() - 1))
            .sum()
    };
    if !engine.until(PATIENCE, |crowd| crowd.known >= known).await {
        bail!("of {known} notices of peers {} came", engine.crowd.borrow().known);
    }
    Ok(())
}

/// The measured part: a warm-up, what is due, and the wait until all that was sent is heard.
pub(crate) async fn measure(
    engine: &Rc<Engine>,
    reporter: &mut Reporter,
    warmup: Duration,
    duration: Duration,
) -> Result<()> {
    reporter.ready_to_measure(warmup, duration).await?;
    let (from, to) = {
        let mut crowd = engine.crowd.borrow_mut();
        let now = crowd.clock.now_us();
        let begin = now + micros(warmup);
        let end = begin + micros(duration);
        crowd.tally.measure(begin..end);
        (now, end)
    };
    engine.with_scripts(|crowd, scripts| scripts.iter_mut().for_each(|script| script.begin(crowd, from, to)));
    engine.pump(to).await?;
    let scripts_done = || engine.with_scripts(|_, scripts| scripts.iter().all(|script| script.is_done()));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !scripts_done() && tokio::time::Instant::now() < deadline {
        // What is under way may have things due of its own.
        let now = engine.crowd.borrow().clock.now_us();
        engine.pump(now + 20_000).await?;
    }
    engine.until(PATIENCE, |crowd| crowd.ledger.under_way() == 0).await;
    engine.with_scripts(|crowd, scripts| {
        crowd.check_losses();
        for script in scripts {
            script.check(crowd);
        }
    });
    Ok(())
}

/// Everybody leaves.
pub(crate) async fn leave(engine: &Rc<Engine>) {
    engine.with(|crowd| {
        for no in 0..crowd.clients.len() {
            if crowd.clients[no].connection.socket.is_some() {
                crowd.leave(no);
            }
        }
    });
    loop {
        let open = engine.crowd.borrow().open;
        if open == 0 || !engine.until(PATIENCE, |crowd| crowd.open < open).await {
            return;
        }
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The worker's share of something that is spread over rooms.
pub(crate) fn share(whole: f64, rooms_of_mine: usize, rooms: usize) -> f64 {
    if rooms == 0 { 0.0 } else { whole * rooms_of_mine as f64 / rooms as f64 }
}
