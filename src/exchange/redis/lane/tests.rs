//! A lane without a link: what it asks, and what it tells, in each order of events.

use super::*;
use crate::{
    exchange::redis::{delivery, partition::Layout, script::Script},
    metrics::Metrics,
    protocol::{RoomName, SignalKind},
    room::Snapshot,
};
use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering},
};

/// A lane with Ann in it, and what she was told.
struct Scene {
    lane: Lane,
    ann: Member,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told(Mutex<Vec<Event>>, AtomicU64);

impl Recipient for Told {
    fn deliver(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn handled(&self, n: u64) {
        self.1.store(n, Ordering::Relaxed);
    }
}

impl Scene {
    /// She asked to join; nothing is subscribed to yet.
    fn asked() -> Self {
        let partition = Layout::new("sb", 1).partitions()[0].clone();
        let lane = Lane::new(partition, Metrics::new().unwrap().exchange);
        lane.link(Arc::default());
        let ann = Member::new(RoomName::parse("room").unwrap(), SocketId::from_random([1; 20]));
        let told = Arc::new(Told::default());
        let entry = Entry { info: Info::default(), capacity: NonZeroUsize::MIN, lifeline: None };
        lane.join(&ann, entry, told.clone());
        Self { lane, ann, told }
    }

    /// She is in.
    fn joined() -> Self {
        let scene = Self::asked();
        assert!(!scene.lane.subscribed(scene.ann.id, b"room"));
        scene.answer(Script::Join, &snapshot("7"));
        assert_eq!(scene.heard(), [Event::Joined(Snapshot { version: 7, peers: Vec::new() })]);
        scene
    }

    /// The next request is of this kind; Redis answers it so.
    fn answer(&self, script: Script, reply: &Reply) {
        let request = self.take().expect("a request");
        assert_eq!(request.script(), script);
        self.lane.answered(request, reply).unwrap();
    }

    fn asks(&self) -> Vec<Script> {
        self.taken().iter().map(Request::script).collect()
    }

    fn take(&self) -> Option<Request> {
        self.lane.take_requests(&mut Room::of_one()).pop()
    }

    fn taken(&self) -> Vec<Request> {
        std::iter::from_fn(|| self.take()).collect()
    }

    fn heard(&self) -> Vec<Event> {
        mem::take(&mut self.told.0.lock().unwrap())
    }

    fn break_link(&self) {
        self.lane.unlink();
        self.lane.link(Arc::default());
        assert_eq!(self.lane.take_channels(9), [Channel::Subscribe(self.ann.clone())]);
        assert!(self.lane.subscribed(self.ann.id, b"room"), "it had been subscribed to before");
    }

    fn deliver(&self, n: u64) {
        self.lane.deliver(self.ann.id, Event::Signal(message(n)));
    }
}

fn pulse(held: bool) -> Pulse {
    let (term, gathering) = ("data server".to_owned(), Duration::ZERO);
    Pulse { held, term, gathering, sessions: None, expired: false, dead: Vec::new() }
}

fn message(n: u64) -> Signal {
    let frame = "{}".to_owned().into();
    Signal { kind: SignalKind::Message, from: SocketId::from_random([2; 20]), n, frame }
}

fn text(text: &str) -> Reply {
    Reply::BulkString(text.to_owned().into())
}

fn snapshot(version: &str) -> Reply {
    Reply::Array(vec![text(version)])
}

fn synced(messages: &[u64]) -> Reply {
    let mailbox = messages.iter().map(|&n| text(&delivery::write_signal(&message(n))));
    let mailbox = std::iter::once(text("")).chain(mailbox).collect();
    Reply::Array(vec![snapshot("8"), Reply::Array(mailbox)])
}

#[test]
fn who_asks_is_subscribed_to_first_and_let_in_after() {
    let scene = Scene::asked();
    assert_eq!(scene.asks(), []);
    assert_eq!(scene.lane.take_channels(9), [Channel::Subscribe(scene.ann.clone())]);
    scene.lane.subscribed(scene.ann.id, b"room");
    assert_eq!(scene.asks(), [Script::Join]);
}

#[test]
fn who_goes_before_it_was_subscribed_to_asks_nothing() {
    let scene = Scene::asked();
    scene.lane.leave(&scene.ann, LeaveReason::Left);
    let (come, go) = (Channel::Subscribe(scene.ann.clone()), Channel::Unsubscribe(scene.ann.clone()));
    assert_eq!((scene.lane.take_channels(9), scene.lane.take_channels(9)), (vec![come], vec![go]));
    assert!(!scene.lane.subscribed(scene.ann.id, b"room"));
    assert_eq!(scene.asks(), []);
}

#[test]
fn a_mailbox_is_trimmed_of_what_was_delivered() {
    let scene = Scene::joined();
    scene.deliver(1);
    scene.deliver(2);
    assert_eq!(scene.asks(), [], "not for a few");
    scene.lane.trim();
    let requests = scene.taken();
    assert!(matches!(&requests[..], [Request { ask: Ask::Trim(last), .. }] if last.n == 2), "{requests:?}");
    scene.lane.trim();
    assert_eq!(scene.asks(), [], "once");
    for n in 3..3 + u64::from(DELIVERIES_PER_TRIM) {
        scene.deliver(n);
    }
    assert_eq!(scene.asks(), [Script::Trim], "for many, at once");
}

#[test]
fn nothing_is_trimmed_between_a_lapse_and_its_repair() {
    let scene = Scene::joined();
    scene.break_link();
    // The fifth was missed, and lies before it in the mailbox.
    scene.deliver(6);
    scene.lane.trim();
    assert_eq!(scene.asks(), []);
    scene.lane.sync(&scene.ann);
    scene.answer(Script::Sync, &synced(&[5, 6]));
    let requests = scene.taken();
    assert!(matches!(&requests[..], [Request { ask: Ask::Trim(last), .. }] if last.n == 6), "{requests:?}");
    let heard = scene.heard();
    assert!(
        matches!(&heard[..], [Event::Lapse, Event::Signal(_), Event::Synced { mailbox, .. }] if mailbox.len() == 2)
    );
}

#[test]
fn a_sync_asked_before_a_lapse_does_not_repair_it() {
    let scene = Scene::joined();
    scene.lane.sync(&scene.ann);
    scene.break_link();
    scene.deliver(6);
    scene.answer(Script::Sync, &synced(&[]));
    scene.lane.trim();
    assert_eq!(scene.asks(), []);
    scene.lane.sync(&scene.ann);
    scene.answer(Script::Sync, &synced(&[]));
    scene.deliver(7);
    scene.lane.trim();
    assert_eq!(scene.asks(), [Script::Trim], "an empty mailbox repairs as well");
}

#[test]
fn what_was_not_answered_is_asked_again_in_its_order() {
    let scene = Scene::joined();
    scene.lane.post(&scene.ann, message(1).from, message(1));
    scene.lane.set_info(&scene.ann, Info::default());
    let mut taken = scene.taken();
    scene.lane.leave(&scene.ann, LeaveReason::Left);
    while let Some(request) = taken.pop() {
        scene.lane.put_back(request);
    }
    assert_eq!(scene.asks(), [Script::Post, Script::Info, Script::Leave]);
}

#[test]
fn what_redis_refuses_is_told() {
    let scene = Scene::joined();
    scene.lane.post(&scene.ann, message(1).from, message(1));
    scene.lane.refuse(scene.take().unwrap());
    assert_eq!(scene.heard(), [Event::Failed { to: Some(message(1).from), n: Some(1) }]);
}

#[test]
fn without_a_lease_a_joining_waits_for_the_next_beat() {
    let scene = Scene::asked();
    scene.lane.subscribed(scene.ann.id, b"room");
    let now = Instant::now();
    scene.lane.renewed(now, Duration::from_secs(6), &pulse(true));
    assert!(scene.lane.has_lease(now));
    scene.answer(Script::Join, &text("no lease"));
    assert!(!scene.lane.has_lease(now));
    assert_eq!(scene.asks(), [Script::Join]);
}

#[test]
fn who_left_while_there_was_no_lease_is_not_let_in() {
    let scene = Scene::asked();
    scene.lane.subscribed(scene.ann.id, b"room");
    let joining = scene.take().unwrap();
    scene.lane.leave(&scene.ann, LeaveReason::Left);
    scene.lane.answered(joining, &text("no lease")).unwrap();
    assert_eq!(scene.asks(), [Script::Leave]);
}

#[test]
fn who_was_reaped_is_told_so() {
    let scene = Scene::joined();
    scene.lane.renewed(Instant::now(), Duration::from_secs(6), &pulse(false));
    scene.lane.sync(&scene.ann);
    scene.answer(Script::Sync, &Reply::Integer(0));
    assert_eq!(scene.heard(), [Event::Lapse, Event::Removed]);
    scene.lane.leave(&scene.ann, LeaveReason::Lost);
    assert_eq!(scene.asks(), [], "there is nothing to leave");
}

#[test]
fn who_comes_back_first_waits_for_the_others() {
    let (scene, lease, now) = (Scene::asked(), Duration::from_secs(6), Instant::now());
    assert!(!scene.lane.may_reap(now));
    scene.lane.renewed(now, lease, &pulse(false));
    scene.lane.renewed(now + lease / 2, lease, &pulse(true));
    assert!(!scene.lane.may_reap(now + lease / 2));
    assert!(scene.lane.may_reap(now + lease));
    // By Redis' time, by its own time, and on another link.
    scene.lane.renewed(now + lease, lease, &pulse(false));
    assert!(!scene.lane.may_reap(now + lease));
    scene.lane.renewed(now + lease * 4, lease, &pulse(true));
    assert!(!scene.lane.may_reap(now + lease * 4));
    assert!(scene.lane.may_reap(now + lease * 5));
    scene.lane.link(Arc::default());
    scene.lane.renewed(now + lease * 4, lease, &pulse(true));
    assert!(!scene.lane.may_reap(now + lease * 4));
}

#[test]
fn an_answer_that_is_not_understood_is_told_as_a_refusal() {
    let scene = Scene::asked();
    scene.lane.subscribed(scene.ann.id, b"room");
    let joining = scene.take().unwrap();
    assert!(scene.lane.answered(joining, &Reply::Integer(1)).is_err());
    assert_eq!(scene.heard(), [Event::Refused(Refusal::Unavailable)]);
    assert_eq!(scene.asks(), [Script::Leave], "it may be in");

    let scene = Scene::joined();
    scene.lane.sync(&scene.ann);
    let sync = scene.take().unwrap();
    assert!(scene.lane.answered(sync, &Reply::Null).is_err());
    assert_eq!(scene.heard(), [Event::Removed]);
}

#[test]
fn what_is_shown_without_a_lease_waits_for_the_next_beat() {
    let scene = Scene::joined();
    scene.lane.set_info(&scene.ann, Info::default());
    scene.answer(Script::Info, &Reply::Integer(-1));
    assert_eq!(scene.asks(), [Script::Info]);
}
