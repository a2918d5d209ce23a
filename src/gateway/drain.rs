//! How a node sends its connections away before it stops: not all at once, for they all go somewhere.
//!
//! ```text
//! Serving ──drain──▶ Draining ──stop──▶ Stopping
//!
//!   begun ├──────── a connection's moment is in here ────────┼─ grace ─┤ end
//! ```
//!
//! As the drain begins, each connection hears `reconnect` with the time until its moment; a grace after that it is closed,
//! if it is still there. While a node stops, a connection is closed at once.

use crate::{protocol::CloseCode, session::Input};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// How near a node is to its end. It only gets nearer.
#[derive(Debug)]
pub(super) enum Phase {
    Serving,
    Draining(Drain),
    Stopping,
}

/// Gives each connection its moment.
#[derive(Debug)]
pub(super) struct Drain {
    begun: Instant,
    time: Duration,
    /// When it ends, for people.
    until: SystemTime,
    /// How many moments were given.
    given: AtomicU32,
}

/// When a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// From now until its client should come back elsewhere.
    after: Duration,
    closing_at: Instant,
}

impl Phase {
    /// What follows `Serving` for a node that may take `time` to drain.
    pub(super) fn draining(time: Duration) -> Self {
        if time.is_zero() {
            return Self::Stopping;
        }
        let (begun, until) = (Instant::now(), SystemTime::now() + time);
        Self::Draining(Drain { begun, time, until, given: AtomicU32::new(0) })
    }

    pub(super) fn is_serving(&self) -> bool {
        matches!(self, Self::Serving)
    }
}

impl Drain {
    /// The time to connect and resume elsewhere while the old connection still holds: then nobody hears that the client was
    /// away. A tenth of the drain time; at most this, which a slow mobile network doesn't need for its half a dozen round trips.
    const LONGEST_GRACE: Duration = Duration::from_secs(5);

    /// When no connection may be left.
    pub(super) fn end(&self) -> Instant {
        self.begun + self.time
    }

    /// When that is by the calendar.
    pub(super) fn until(&self) -> SystemTime {
        self.until
    }

    /// The next connection's turn. Who asks late gets what is left of it.
    fn turn(&self, now: Instant) -> Turn {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let grace = (self.time / 10).min(Self::LONGEST_GRACE);
        let moment = (self.begun + self.time.saturating_sub(grace).mul_f64(place(number))).max(now);
        Turn { after: moment - now, closing_at: moment + grace }
    }
}

/// Where in the drain time the connection with this number has its moment, from 0 to 1. Multiples of the golden ratio: each
/// falls into one of the widest gaps between those before it, so that they are spread evenly however many there are, and
/// neighbours go far apart (Knuth, The Art of Computer Programming, volume 3, section 6.4, theorem S).
fn place(number: u32) -> f64 {
    /// 2³² over the golden ratio.
    const STEP: u32 = 2_654_435_769;
    const TURN: f64 = 4_294_967_296.0;

    f64::from(number.wrapping_mul(STEP)) / TURN
}

/// One connection's part in the end of its node.
#[derive(Clone)]
pub(super) struct Departure {
    phase: watch::Receiver<Phase>,
    /// Known once it was told to go.
    closing_at: Option<Instant>,
}

/// What a connection hears of the end of its node.
#[derive(Clone, Copy)]
pub(super) enum Notice {
    /// It has its turn to go.
    Turn(Turn),
    /// It has to end now.
    End,
}

impl Departure {
    pub(super) fn new(phase: watch::Receiver<Phase>) -> Self {
        Self { phase, closing_at: None }
    }

    /// Waits for what comes next.
    pub(super) fn next(&self) -> impl Future<Output = Notice> + use<> {
        let Self { mut phase, closing_at } = self.clone();
        async move {
            match closing_at {
                Some(at) => end(&mut phase, Some(at)).await,
                None => match turn(&mut phase).await {
                    Some(turn) => Notice::Turn(turn),
                    None => Notice::End,
                },
            }
        }
    }

    /// Takes note of what came, and puts it into the session's words.
    pub(super) fn take(&mut self, notice: Notice) -> Input<'static> {
        match notice {
            Notice::Turn(Turn { after, closing_at }) => {
                self.closing_at = Some(closing_at);
                Input::Drain(after)
            }
            Notice::End => Input::Close(CloseCode::Restart),
        }
    }

    /// Waits until the connection has to end.
    pub(super) async fn due(&mut self) {
        end(&mut self.phase, self.closing_at).await;
    }
}

/// Waits until a connection has to end.
async fn end(phase: &mut watch::Receiver<Phase>, closing_at: Option<Instant>) -> Notice {
    let stopping = phase.wait_for(|phase| matches!(phase, Phase::Stopping));
    // The gateway, which outlives its connections, would have to go for an error.
    match closing_at {
        Some(at) => drop(timeout_at(at, stopping).await),
        None => drop(stopping.await),
    }
    Notice::End
}

/// Waits until the node no longer serves. `None` where it doesn't drain.
async fn turn(phase: &mut watch::Receiver<Phase>) -> Option<Turn> {
    match *phase.wait_for(|phase| !phase.is_serving()).await.ok()? {
        Phase::Draining(ref drain) => Some(drain.turn(Instant::now())),
        Phase::Serving | Phase::Stopping => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(time: Duration) -> Drain {
        match Phase::draining(time) {
            Phase::Draining(drain) => drain,
            other => panic!("{time:?} is a time to drain, not {other:?}"),
        }
    }

    async fn hear(departure: &mut Departure) -> Input<'static> {
        let notice = departure.next().await;
        departure.take(notice)
    }

    #[test]
    fn connections_go_evenly_however_many_there_are() {
        for count in [1, 2, 3, 7, 100, 500, 10_000] {
            let drain = drain(Duration::from_secs(30));
            let mut moments: Vec<_> = (0..count).map(|_| drain.turn(drain.begun).after).collect();
            moments.push(Duration::from_secs(27));
            moments.sort();
            assert_eq!(moments[0], Duration::ZERO);
            let widest = moments.windows(2).map(|pair| pair[1].abs_diff(pair[0])).max().expect("a gap");
            assert!(widest * count < Duration::from_secs(27) * 2, "{widest:?} without one of {count}");
        }
    }

    #[test]
    fn neighbours_go_far_apart() {
        let drain = drain(Duration::from_secs(30));
        let moments: Vec<_> = (0..1_000).map(|_| drain.turn(drain.begun).after).collect();
        let nearest = moments.windows(2).map(|pair| pair[0].abs_diff(pair[1])).min().expect("a pair");
        assert!(nearest > Duration::from_secs(10), "{nearest:?}");
    }

    #[test]
    fn each_has_its_grace_and_is_gone_by_the_end() {
        for (time, grace) in [(1, 0.1), (10, 1.0), (30, 3.0), (50, 5.0), (3600, 5.0)] {
            let drain = drain(Duration::from_secs(time));
            for _ in 0..1_000 {
                let Turn { after, closing_at } = drain.turn(drain.begun);
                assert_eq!(closing_at, drain.begun + after + Duration::from_secs_f64(grace));
                assert!(closing_at <= drain.end());
            }
        }
    }

    #[test]
    fn who_asks_late_goes_at_once_with_the_same_grace() {
        let drain = drain(Duration::from_secs(30));
        let late = drain.begun + Duration::from_secs(28);
        let turn = Turn { after: Duration::ZERO, closing_at: late + Duration::from_secs(3) };
        assert_eq!(drain.turn(late), turn);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_told_to_go_and_then_closed() {
        let phase = watch::Sender::new(Phase::Serving);
        let (mut one, mut other) = (Departure::new(phase.subscribe()), Departure::new(phase.subscribe()));
        phase.send_replace(Phase::draining(Duration::from_secs(10)));
        let begun = Instant::now();
        assert!(matches!(hear(&mut one).await, Input::Drain(Duration::ZERO)));
        let Input::Drain(after) = hear(&mut other).await else { panic!("it drains") };
        assert!(matches!(hear(&mut one).await, Input::Close(CloseCode::Restart)));
        assert_eq!(begun.elapsed().as_millis(), 1_000);
        phase.send_replace(Phase::Stopping);
        assert!(matches!(hear(&mut other).await, Input::Close(CloseCode::Restart)));
        assert!(begun.elapsed() < after, "a node that stops doesn't wait");
    }

    #[tokio::test(start_paused = true)]
    async fn without_time_nobody_is_told_to_go() {
        let phase = watch::Sender::new(Phase::draining(Duration::ZERO));
        let mut departure = Departure::new(phase.subscribe());
        assert!(matches!(hear(&mut departure).await, Input::Close(CloseCode::Restart)));
    }
}
