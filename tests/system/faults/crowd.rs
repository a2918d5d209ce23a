//! All callers of a run.

use super::{
    checker::{Terms, Verdict, judge},
    scale::Scale,
};
use crate::harness::caller::{Caller, Finished, Log, Pace, Plan, Standing};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

pub(super) struct Crowd {
    callers: Vec<Caller>,
    pace: watch::Sender<Pace>,
    start: Instant,
}

impl Crowd {
    /// They come, one room after the other, to the doors in turn, and don't talk yet.
    pub(super) async fn gather(scale: &Scale, doors: &Arc<[SocketAddr]>) -> Self {
        Self::gather_at(scale, |caller| (Arc::clone(doors), caller % doors.len())).await
    }

    /// Each to the doors that it is given, the first of which has this place among them.
    pub(super) async fn gather_at(
        scale: &Scale,
        doors: impl Fn(usize) -> (Arc<[SocketAddr]>, usize),
    ) -> Self {
        /// So many at a time: each has come in before as many more do.
        const GROUP: usize = 200;

        let (pace, paced) = watch::channel(Pace::default());
        let mut crowd = Self { callers: Vec::new(), pace, start: Instant::now() };
        for caller in 0..scale.sockets {
            let (doors, door) = doors(caller);
            let room = format!("room {}", caller % scale.rooms());
            let seed = scale.seed.wrapping_mul(1_000_003).wrapping_add(caller as u64);
            let plan = Plan { caller, room, doors, door, habits: scale.habits(), start: crowd.start, seed };
            crowd.callers.push(Caller::call(plan, paced.clone()));
            if (caller + 1) % GROUP == 0 {
                crowd.until("a group has come", scale.settings.all_is_settled(), Standing::is_attached).await;
            }
        }
        crowd.until("all have come", scale.settings.all_is_settled(), Standing::is_attached).await;
        crowd
    }

    /// Since the start of the logs.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn talk(&self) {
        self.pace.send_modify(|pace| pace.talks = true);
    }

    /// Everybody says several things at once. When this returns, most of that is under way.
    pub(super) async fn volley(&self) {
        self.pace.send_modify(|pace| pace.volleys += 1);
        let volley = self.pace.borrow().volleys;
        let half_began = |crowd: &Self| {
            let begun = crowd.callers.iter().filter(|caller| caller.standing.volleys() >= volley);
            begun.count() * 2 >= crowd.callers.len()
        };
        self.come_true(Duration::from_secs(10), half_began).await;
    }

    /// Waits until everybody is attached and has an answer to all that was said before this moment, and says when that was;
    /// or else who isn't and hasn't by the deadline.
    pub(super) async fn is_well(&self, deadline: Duration) -> Result<Duration, usize> {
        let since = self.now();
        let well = |standing: &Standing| standing.is_well_since(since);
        if self.until("everybody is well again", deadline, well).await {
            return Ok(self.now());
        }
        let late = self.callers.iter().position(|caller| !well(&caller.standing));
        // Who is late by a hair isn't.
        late.map_or_else(|| Ok(self.now()), Err)
    }

    /// Lets everybody fall silent, see who is there, say a last word, hear that of everybody else and end; and judges.
    pub(super) async fn judge(self, scale: &Scale, terms: &Terms) -> (Vec<Log>, Verdict) {
        let deadline = scale.settings.all_is_settled();
        self.pace.send_modify(|pace| pace.talks = false);
        self.until("all was answered", deadline, Standing::has_all_answers).await;
        if !self.come_true(deadline, Self::see_each_other).await {
            eprintln!("not in time: all see who is there");
        }
        self.pace.send_modify(|pace| pace.rolls = true);
        self.until("all heard the last words", deadline, Standing::has_heard_all).await;
        self.pace.send_modify(|pace| pace.ends = true);
        let mut finished: Vec<Finished> = Vec::new();
        for caller in self.callers {
            finished.push(caller.finish().await);
        }
        let logs: Vec<Log> = finished.iter().map(|finished| finished.log.clone()).collect();
        let verdict = judge(&logs, terms);
        (logs, verdict)
    }

    async fn until(&self, what: &str, deadline: Duration, holds: impl Fn(&Standing) -> bool) -> bool {
        let everybody = |crowd: &Self| crowd.callers.iter().all(|caller| holds(&caller.standing));
        let true_in_time = self.come_true(deadline, everybody).await;
        if !true_in_time {
            let late = self.callers.iter().filter(|caller| !holds(&caller.standing)).count();
            eprintln!("not in time: {what}; {late} are late");
        }
        true_in_time
    }

    async fn come_true(&self, deadline: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let asking = async {
            while !holds(self) {
                assert!(!self.callers.iter().any(Caller::is_over), "a caller panicked");
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(deadline, asking).await.is_ok()
    }

    fn see_each_other(&self) -> bool {
        let mut rooms: BTreeMap<&str, u64> = BTreeMap::new();
        for caller in &self.callers {
            let sum = rooms.entry(&caller.standing.room).or_default();
            *sum = sum.wrapping_add(caller.standing.id());
        }
        self.callers.iter().all(|caller| caller.standing.sees(rooms[caller.standing.room.as_str()]))
    }
}
