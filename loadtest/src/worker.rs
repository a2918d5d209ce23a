//! One generator process: it is told what to do on its standard input, and tells what comes of it on its standard output,
//! a line of JSON each.

use crate::{
    crowd::{Crowd, Settings},
    dialect,
    engine::Engine,
    report::Counts,
    scenario::{Scenario, micros},
};
use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::{
    cell::Cell,
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _},
    net::IpAddr,
    rc::Rc,
    time::Duration,
};
use tokio::{
    sync::{
        mpsc::{self, UnboundedReceiver},
        oneshot,
    },
    task::{LocalSet, spawn_local},
    time,
};
use url::Url;

/// The first line to a worker. After that, each line is a word.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) scenario: Scenario,
    pub(crate) dialect: dialect::Name,
    pub(crate) urls: Vec<String>,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) resumable: bool,
    pub(crate) seed: u64,
    /// Which worker this is, and of how many.
    pub(crate) worker: usize,
    pub(crate) workers: usize,
}

/// Where a worker waits, it goes on.
pub(crate) const GO: &str = "go";
/// Wherever a worker is, it ends, and says what it has.
pub(crate) const STOP: &str = "stop";

/// What a worker says.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Say {
    /// It has come so far, with so many sockets, and waits for the others.
    Ready {
        halt: Halt,
        sockets: u64,
    },
    Second(Second),
    Done(Outcome),
    /// It couldn't go on.
    Failed {
        reason: String,
        outcome: Outcome,
    },
}

/// Where a worker waits, and what is to happen before it is told to go on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Halt {
    /// The measured part begins in this while after going on, and lasts so long.
    Measure { after_us: u64, for_us: u64 },
    /// The measured part begins.
    Begin,
    /// The measured part is over.
    End,
    /// The memory is to be looked at when it has come to rest.
    Stage { name: String },
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Second {
    /// Since the measured part began.
    pub(crate) at_s: f64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) sockets: u64,
    /// Of what the scenario times first and foremost.
    pub(crate) histogram: String,
}

/// What came of a worker's part.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    /// Histograms.
    pub(crate) latencies: BTreeMap<String, String>,
    pub(crate) findings: Vec<String>,
}

impl Order {
    /// A crowd without clients, for bodies of up to a size.
    pub(crate) fn crowd(&self, largest_body: usize) -> Result<Crowd> {
        let urls = self.urls.iter().map(|url| Ok(Rc::new(url.parse::<Url>()?))).collect::<Result<_>>()?;
        // Each begins with another, so that all addresses are used alike.
        let mut sources = self.sources.clone();
        if !sources.is_empty() {
            sources.rotate_left(self.worker % self.sources.len());
        }
        let Self { dialect, resumable, seed, worker, .. } = *self;
        Ok(Crowd::new(
            Settings { dialect, urls, sources, resumable, seed, largest_body, worker },
            self.scenario.foremost(),
        ))
    }

    /// Which of so many rooms are this worker's.
    pub(crate) fn mine(&self, rooms: usize) -> impl Iterator<Item = usize> + use<> {
        (self.worker..rooms).step_by(self.workers)
    }

    pub(crate) fn seed_of_mine(&self) -> u64 {
        self.seed.wrapping_mul(1_000_003).wrapping_add(self.worker as u64)
    }
}

/// Tells the crew what comes of it, and waits for its word.
pub(crate) struct Reporter {
    words: UnboundedReceiver<()>,
    /// From when the seconds of the timeline count.
    base_us: Rc<Cell<u64>>,
    engine: Option<Rc<Engine>>,
}

/// `loadtest worker`.
pub(crate) fn run() -> Result<()> {
    let order: Order = serde_json::from_str(&io::stdin().lines().next().context("no order came")??)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (words, stop) = listen();
        let mut reporter = Reporter { words, base_us: Rc::default(), engine: None };
        let result = tokio::select! {
            result = order.scenario.run(&order, &mut reporter) => result,
            _ = stop => Err(anyhow!("it was stopped")),
        };
        let outcome = reporter.outcome();
        say(&match result {
            Ok(()) => Say::Done(outcome),
            Err(error) => Say::Failed { reason: format!("{error:#}"), outcome },
        })
    })
}

/// Hears the crew; when it is gone, so is the worker.
fn listen() -> (UnboundedReceiver<()>, oneshot::Receiver<()>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let mut stop = Some(stop);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // Nobody listens any more where all was said already.
            let _ = if line == STOP {
                stop.take().and_then(|stop| stop.send(()).ok())
            } else {
                sender.send(()).ok()
            };
        }
        std::process::exit(2);
    });
    (receiver, stopped)
}

fn say(what: &Say) -> Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

impl Reporter {
    /// From now on there is something to report.
    pub(crate) fn watch(&mut self, engine: &Rc<Engine>) {
        self.engine = Some(engine.clone());
        spawn_local(tell_seconds(engine.clone(), self.base_us.clone()));
    }

    /// Waits until all workers are so far.
    pub(crate) async fn halt(&mut self, halt: Halt) -> Result<()> {
        let sockets = self.engine.as_ref().map_or(0, |engine| engine.crowd.borrow().open as u64);
        say(&Say::Ready { halt: halt.clone(), sockets })?;
        if self.words.recv().await.is_none() {
            bail!("nobody waits for the results");
        }
        if let Some(engine) = &self.engine {
            let now = engine.crowd.borrow().clock.now_us();
            match halt {
                Halt::Measure { after_us, .. } => self.base_us.set(now + after_us),
                Halt::Begin => self.base_us.set(now),
                Halt::End | Halt::Stage { .. } => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn ready_to_measure(&mut self, warmup: Duration, duration: Duration) -> Result<()> {
        self.halt(Halt::Measure { after_us: micros(warmup), for_us: micros(duration) }).await
    }

    pub(crate) async fn stage(&mut self, name: &str) -> Result<()> {
        self.halt(Halt::Stage { name: name.to_owned() }).await
    }

    fn outcome(&self) -> Outcome {
        let Some(engine) = &self.engine else { return Outcome::default() };
        let tally = &engine.crowd.borrow().tally;
        Outcome { counts: tally.counts.clone(), latencies: tally.latencies(), findings: tally.findings() }
    }
}

async fn tell_seconds(engine: Rc<Engine>, base_us: Rc<Cell<u64>>) -> Result<()> {
    const SECOND: u64 = 1_000_000;
    loop {
        let (now, base) = (engine.crowd.borrow().clock.now_us(), base_us.get());
        // A second ends at a whole number of them before or after the base.
        let phase = (now + SECOND - base % SECOND) % SECOND;
        time::sleep(Duration::from_micros(SECOND - phase)).await;
        if base != base_us.get() {
            continue; // it ended in the middle of one of the new seconds, which tells of it
        }
        let mut crowd = engine.crowd.borrow_mut();
        let (sent, received) = std::mem::take(&mut crowd.second);
        let histogram = crowd.tally.take_second();
        let at_s = (crowd.clock.now_us() as f64 - base_us.get() as f64) / SECOND as f64;
        say(&Say::Second(Second { at_s, sent, received, sockets: crowd.open as u64, histogram }))?;
    }
}
