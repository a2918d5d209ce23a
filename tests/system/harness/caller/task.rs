//! One caller's life: it connects, stays, loses its connection and comes back.

use super::{
    Ending, Event, Line, Log, Pace, Plan, Standing,
    session::{Heard, Session},
};
use fastrand::Rng;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

/// Full jitter: a random time between zero and a cap, which doubles with each failure.
const FIRST_CAP: Duration = Duration::from_millis(300);
const LAST_CAP: Duration = Duration::from_secs(10);

/// So many messages at once.
const VOLLEY: usize = 4;

pub(super) struct Task {
    plan: Plan,
    pace: watch::Receiver<Pace>,
    standing: Arc<Standing>,
    session: Session,
    rng: Rng,
    door: usize,
    failures: u32,
    volleys: u32,
}

/// How a stay on a connection ends.
enum Stayed {
    Lost(Ending),
    /// There is a new connection. The old one stays open until the session is on the new one.
    Moving(Box<Line>),
    Ended,
}

impl Task {
    pub(super) fn new(plan: Plan, pace: watch::Receiver<Pace>, standing: Arc<Standing>) -> Self {
        let session = Session::new(plan.caller, plan.room.clone());
        let rng = Rng::with_seed(plan.seed);
        let door = plan.door;
        Self { plan, pace, standing, session, rng, door, failures: 0, volleys: 0 }
    }

    pub(super) async fn live(mut self) -> (Log, Option<Line>) {
        let mut prepared = None;
        loop {
            let Some(mut line) = self.enter(prepared.take()).await else {
                return (self.session.into_log(), None);
            };
            match self.stay(&mut line).await {
                Stayed::Lost(ending) => self.lose(ending),
                Stayed::Moving(next) => {
                    self.lose(Ending::Replaced);
                    prepared = Some((*next, line));
                }
                Stayed::Ended => return (self.session.into_log(), Some(line)),
            }
        }
    }

    /// Until the session is attached to a connection, or all ends. Of a pair, the first is new; the second is kept for as
    /// long as the first hasn't taken its place.
    async fn enter(&mut self, prepared: Option<(Line, Line)>) -> Option<Line> {
        let (mut next, old) = prepared.unzip();
        loop {
            let line = if let Some(line) = next.take() {
                Some(line)
            } else {
                let pause = self.backoff();
                tokio::select! {
                    biased;
                    _ = self.pace.wait_for(|pace| pace.ends) => return None,
                    () = tokio::time::sleep(pause) => {}
                }
                self.connect().await
            };
            let Some(mut line) = line else { continue };
            let (door, now) = (line.door, self.now());
            self.session.write(now, Event::Connected { door });
            match self.attach(&mut line).await {
                Ok(()) => {
                    drop(old);
                    self.failures = 0;
                    return Some(line);
                }
                Err(ending) => self.lose(ending),
            }
        }
    }

    fn backoff(&mut self) -> Duration {
        let cap = FIRST_CAP.saturating_mul(1 << self.failures.min(10)).min(LAST_CAP);
        self.failures += 1;
        cap.mul_f64(self.rng.f64())
    }

    /// At the next door.
    async fn connect(&mut self) -> Option<Line> {
        let door = self.door;
        self.door = (door + 1) % self.plan.doors.len();
        Line::open(self.plan.doors[door], door, self.plan.habits).await
    }

    /// Resumes, or joins.
    async fn attach(&mut self, line: &mut Line) -> Result<(), Ending> {
        let enter = self.session.enter(self.now());
        line.say(&enter).await?;
        loop {
            let answer = timeout(self.plan.habits.patience, line.hear()).await;
            match self.hear(&answer.unwrap_or(Err(Ending::Silent))?) {
                Heard::Attached => break,
                Heard::Expired => {
                    let join = self.session.enter(self.now());
                    line.say(&join).await?;
                }
                // Somewhere else, later.
                Heard::PutOff => return Err(Ending::Replaced),
                Heard::Taken | Heard::Pong | Heard::Asked(_) => {}
            }
        }
        for frame in self.session.repeats(self.now()) {
            line.say(&frame).await?;
        }
        Ok(())
    }

    async fn stay(&mut self, line: &mut Line) -> Stayed {
        let mut timers = Timers::of(&self.plan, &mut self.rng);
        loop {
            let pace = *self.pace.borrow_and_update();
            if pace.ends {
                return Stayed::Ended;
            }
            if let Err(ending) = self.keep_pace(pace, line, &mut timers).await {
                return Stayed::Lost(ending);
            }
            let report = self.session.report_due().map(|due| self.plan.start + due);
            let next = timers.next(pace.talks, report);
            let done = tokio::select! {
                biased;
                Ok(()) = self.pace.changed() => continue,
                frame = line.hear() => match frame {
                    Ok(frame) => {
                        self.listen(&frame, &mut timers);
                        continue;
                    }
                    Err(ending) => Err(ending),
                },
                () = sleep_until(next) => self.be_on_time(line, &mut timers, report).await,
            };
            match done {
                Ok(None) => {}
                Ok(Some(next)) => return Stayed::Moving(next.into()),
                Err(ending) => return Stayed::Lost(ending),
            }
        }
    }

    fn listen(&mut self, frame: &serde_json::Value, timers: &mut Timers) {
        match self.hear(frame) {
            Heard::Pong => timers.pong = None,
            Heard::Asked(after) => timers.moving = Some(Instant::now() + after),
            _ => {}
        }
    }

    /// What everybody was told to do.
    async fn keep_pace(&mut self, pace: Pace, line: &mut Line, timers: &mut Timers) -> Result<(), Ending> {
        if pace.volleys > self.volleys {
            self.volleys = pace.volleys;
            self.standing.volleyed(pace.volleys);
            for _ in 0..VOLLEY {
                self.speak(line).await?;
            }
        }
        if pace.rolls {
            let roll = self.session.roll(self.now());
            self.say(line, roll).await?;
        } else if pace.talks && timers.word <= Instant::now() {
            timers.word = Instant::now() + self.pause();
            self.speak(line).await?;
        }
        Ok(())
    }

    /// Does what is due. Returns the connection that is to be next, if it is time for that and there is one.
    async fn be_on_time(
        &mut self,
        line: &mut Line,
        timers: &mut Timers,
        report: Option<Instant>,
    ) -> Result<Option<Line>, Ending> {
        let now = Instant::now();
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(timers.pong) {
            return Err(Ending::Silent);
        }
        if is_due(report) {
            let report = self.session.report();
            self.say(line, report).await?;
        }
        if timers.ping <= now {
            timers.ping = now + self.plan.habits.ping;
            timers.pong = timers.pong.or(Some(now + self.plan.habits.patience));
            line.say(r#"{"eventName":"ping"}"#).await?;
        }
        if is_due(timers.moving) {
            if self.door == line.door {
                self.door = (self.door + 1) % self.plan.doors.len();
            }
            if let Some(next) = self.connect().await {
                return Ok(Some(next));
            }
            timers.moving = Some(Instant::now() + self.backoff());
        }
        Ok(None)
    }

    async fn speak(&mut self, line: &mut Line) -> Result<(), Ending> {
        let words = self.session.speak(self.now(), &mut self.rng);
        self.say(line, words).await
    }

    async fn say(&mut self, line: &mut Line, frame: Option<String>) -> Result<(), Ending> {
        self.show();
        match frame {
            Some(frame) => line.say(&frame).await,
            None => Ok(()),
        }
    }

    fn hear(&mut self, frame: &serde_json::Value) -> Heard {
        let heard = self.session.hear(self.now(), frame);
        self.show();
        heard
    }

    fn lose(&mut self, ending: Ending) {
        self.session.lose(self.now(), ending);
        self.show();
    }

    fn show(&self) {
        self.standing.show(&self.session.shown());
    }

    /// Until the next word.
    fn pause(&mut self) -> Duration {
        Duration::from_secs_f64(2.0 * self.rng.f64() / self.plan.habits.rate)
    }

    fn now(&self) -> Duration {
        self.plan.start.elapsed()
    }
}

/// When what is due, on one connection.
struct Timers {
    word: Instant,
    ping: Instant,
    /// The gateway's answer to a ping.
    pong: Option<Instant>,
    /// To another node.
    moving: Option<Instant>,
}

impl Timers {
    fn of(plan: &Plan, rng: &mut Rng) -> Self {
        let now = Instant::now();
        // Not all at once.
        let word = now + Duration::from_secs_f64(rng.f64() / plan.habits.rate);
        Self { word, ping: now + plan.habits.ping.mul_f64(rng.f64()), pong: None, moving: None }
    }

    fn next(&self, talks: bool, report: Option<Instant>) -> Instant {
        let others = [self.pong, self.moving, report, talks.then_some(self.word)];
        others.into_iter().flatten().fold(self.ping, Instant::min)
    }
}
