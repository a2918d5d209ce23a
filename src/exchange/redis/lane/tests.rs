//! A lane without a link: what it asks, and what it tells, in each order of events.

use super::*;
use crate::{
    exchange::redis::request::Record,
    exchange::redis::{
        delivery,
        partition::Layout,
        script::{Constants, Script},
    },
    metrics::Metrics,
    protocol::{KeyHash, ResumeKey, RoomName, SignalKind},
    room::{Attachment, Keys, Lifeline, Snapshot},
    traces::Traces,
};
use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering},
};

/// After so many deliveries a mailbox is trimmed at once.
const DELIVERIES_PER_TRIM: u32 = 64;

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

impl Told {
    fn heard(&self) -> Vec<Event> {
        mem::take(&mut self.0.lock().unwrap())
    }
}

/// One that wants to speak for Ann.
struct Connection {
    member: Member,
    told: Arc<Told>,
}

const LEASE: Duration = Duration::from_secs(6);

impl Scene {
    /// She asked to join; nothing is subscribed to yet.
    fn asked() -> Self {
        Self::asked_with(None)
    }

    fn asked_with(lifeline: Option<Lifeline>) -> Self {
        let partition = Layout::new("sb", 1, &Constants::of_tests()).partitions()[0].clone();
        let lane = Lane::new(partition, Metrics::new().unwrap().exchange, Traces::default());
        lane.link(Arc::default());
        let ann = Member::new(RoomName::parse("room").unwrap(), SocketId::from_random([1; 20]));
        let told = Arc::new(Told::default());
        let entry = Entry { info: Info::default(), capacity: NonZeroUsize::MIN, lifeline };
        lane.join(&ann, entry, told.clone());
        Self { lane, ann, told }
    }

    /// She is in.
    fn joined() -> Self {
        Self::asked().let_in()
    }

    /// She is in, and can come back with key 1. Of her channel there is nothing to do.
    fn resumable() -> Self {
        let window = Duration::from_secs(30);
        let scene = Self::asked_with(Some(Lifeline { key: key(1), window })).let_in();
        assert_eq!(scene.lane.take_channels(9), [Channel::Subscribe(scene.ann.clone())]);
        scene
    }

    fn let_in(self) -> Self {
        let scene = self;
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

    /// Another connection of hers is here, and her channel is confirmed once more.
    fn comes_back(&self, attempt: u64) -> Connection {
        let member = Member { attachment: Attachment::by(attempt), ..self.ann.clone() };
        let told = Arc::new(Told::default());
        let claim = Claim { key: key(1), next: key(2), had: Had::new() };
        self.lane.resume(&member, claim, told.clone());
        assert_eq!(self.lane.take_channels(9), [Channel::Subscribe(member.clone())]);
        Connection { member, told }
    }

    fn is_confirmed(&self) {
        assert!(!self.lane.subscribed(self.ann.id, b"room"), "it had not been cut");
    }

    /// Redis lost its data, and all register their sessions again.
    fn loses_data(&self) {
        self.lane.renewed(Instant::now(), LEASE, &Pulse { gathering: LEASE, ..pulse_of("new server") });
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
        self.told.heard()
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
    Pulse { held, ..pulse_of("data server") }
}

fn pulse_of(term: &str) -> Pulse {
    let (term, gathering) = (term.to_owned(), Duration::ZERO);
    Pulse { held: true, term, gathering, sessions: None, expired: false, dead: Vec::new() }
}

fn key(number: u8) -> KeyHash {
    ResumeKey::from_random([number; ResumeKey::LEN]).hash()
}

/// Redis let her in again; her mailbox holds these.
fn resumed(messages: &[u64]) -> Reply {
    let Reply::Array(mut parts) = synced(messages) else { unreachable!("an array") };
    parts.extend([text("7"), text("20000"), Reply::Integer(0)]);
    Reply::Array(parts)
}

fn message(n: u64) -> Signal {
    let frame = "{}".to_owned().into();
    Signal { kind: SignalKind::Message, from: SocketId::from_random([2; 20]), n, frame, trace: None }
}

fn text(text: &str) -> Reply {
    Reply::BulkString(text.to_owned().into())
}

fn acknowledged(taken: i64, left: i64) -> Reply {
    Reply::Array(vec![Reply::Integer(taken), Reply::Integer(left)])
}

fn snapshot(version: &str) -> Reply {
    Reply::Array(vec![text(version)])
}

fn synced(messages: &[u64]) -> Reply {
    let mailbox =
        messages.iter().map(|&n| text(str::from_utf8(&delivery::write_signal(&message(n))).unwrap()));
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

/// It may have been done; then the message may lie there once more by now, posted again, behind others that were missed.
#[test]
fn a_trim_is_not_asked_again() {
    let scene = Scene::joined();
    scene.deliver(1);
    scene.lane.trim();
    scene.lane.put_back(scene.take().expect("a trim"));
    assert_eq!(scene.asks(), []);
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
fn who_is_sent_away_is_told_so_and_forgotten() {
    let scene = Scene::joined();
    scene.lane.ended(scene.ann.id, LeaveReason::Closed);
    assert_eq!(scene.heard(), [Event::Ended(LeaveReason::Closed)]);
    scene.lane.ended(scene.ann.id, LeaveReason::Closed);
    scene.lane.leave(&scene.ann, LeaveReason::Lost);
    scene.lane.sync(&scene.ann);
    assert_eq!((scene.asks(), scene.heard()), (vec![], vec![]));
}

/// The answer to her joining is lost with the link: it is asked again, and must not let her in for good.
#[test]
fn who_is_sent_away_before_she_knows_that_she_is_in_stays_out() {
    let scene = Scene::asked();
    scene.lane.subscribed(scene.ann.id, b"room");
    let joining = scene.take().unwrap();
    scene.lane.ended(scene.ann.id, LeaveReason::Kicked);
    assert_eq!(scene.heard(), [Event::Ended(LeaveReason::Kicked)]);
    scene.lane.put_back(joining);
    assert_eq!(scene.asks(), [Script::Join, Script::Leave]);
}

/// She was in, and was sent away before her node knew either.
#[test]
fn who_was_sent_away_unheard_is_not_let_in_again() {
    let scene = Scene::asked();
    scene.lane.subscribed(scene.ann.id, b"room");
    scene.answer(Script::Join, &text("kicked"));
    assert_eq!(scene.heard(), [Event::Ended(LeaveReason::Kicked)]);
    scene.lane.sync(&scene.ann);
    assert_eq!(scene.asks(), [], "it is over");
}

/// Her node had not heard of it: whatever it asks tells it.
#[test]
fn who_was_sent_away_unheard_is_told_when_she_asks() {
    for (asks, script) in [
        ((|scene: &Scene| scene.lane.sync(&scene.ann)) as fn(&Scene), Script::Sync),
        (|scene: &Scene| scene.lane.set_info(&scene.ann, Info::default()), Script::Info),
        (Scene::loses_data, Script::Restore),
    ] {
        let scene = Scene::joined();
        scene.lane.renewed(Instant::now(), LEASE, &pulse_of("server"));
        asks(&scene);
        scene.answer(script, &text("kicked"));
        assert_eq!(scene.heard().last(), Some(&Event::Ended(LeaveReason::Kicked)), "{script:?}");
    }
}

#[test]
fn everybody_who_is_in_hears_an_announcement() {
    let frame = Text::from(r#"{"eventName":"notice","data":1}"#.to_owned());
    let scene = Scene::joined();
    scene.lane.announce(&frame);
    assert_eq!(scene.heard(), [Event::Announced(frame.clone())]);
    let scene = Scene::asked();
    scene.lane.announce(&frame);
    assert_eq!(scene.heard(), []);
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

/// Coming back, beside the connection that she has.
mod resuming {
    use super::*;

    #[test]
    fn who_comes_back_is_in_once_redis_says_so() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        assert_eq!(scene.asks(), [], "her channel isn't confirmed");
        scene.is_confirmed();
        // Until it is in, both hear what comes.
        scene.deliver(1);
        assert_eq!((scene.heard().len(), back.told.heard().len()), (1, 1));
        scene.answer(Script::Resume, &resumed(&[1]));
        let snapshot = Snapshot { version: 8, peers: Vec::new() };
        assert_eq!(back.told.heard(), [Event::Resumed { snapshot, mailbox: vec![message(1)] }]);
        assert_eq!(scene.heard(), [Event::Replaced]);
        scene.deliver(2);
        assert_eq!((scene.heard(), back.told.heard()), (vec![], vec![Event::Signal(message(2))]));
        assert_eq!(scene.lane.take_channels(9), [], "it is still her channel");
    }

    #[test]
    fn who_was_replaced_has_no_say() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.is_confirmed();
        scene.answer(Script::Resume, &resumed(&[]));
        scene.lane.post(&scene.ann, message(1).from, message(1));
        scene.lane.broadcast(&scene.ann, message(2));
        scene.lane.set_info(&scene.ann, Info::default());
        scene.lane.sync(&scene.ann);
        scene.lane.acknowledge(&scene.ann, vec![(message(1).from, 9)]);
        scene.lane.trim();
        scene.lane.detach(&scene.ann);
        scene.lane.leave(&scene.ann, LeaveReason::Lost);
        assert_eq!((scene.asks(), scene.lane.take_channels(9)), (vec![], vec![]));
        scene.lane.leave(&back.member, LeaveReason::Left);
        assert_eq!(scene.asks(), [Script::Leave]);
    }

    #[test]
    fn who_is_refused_leaves_the_other_alone() {
        let scene = Scene::resumable();
        let stranger = scene.comes_back(1);
        scene.is_confirmed();
        scene.answer(Script::Resume, &text("expired"));
        assert_eq!(stranger.told.heard(), [Event::Refused(Refusal::Expired)]);
        scene.lane.detach(&stranger.member);
        scene.deliver(1);
        assert_eq!((scene.heard().len(), stranger.told.heard()), (1, vec![]));
        assert_eq!((scene.asks(), scene.lane.take_channels(9)), (vec![], vec![]));
        scene.lane.post(&scene.ann, message(1).from, message(1));
        assert_eq!(scene.asks(), [Script::Post]);
    }

    /// A stranger may guess the attempt by which she is here; it has no key.
    #[test]
    fn who_is_refused_by_her_own_attempt_leaves_her_alone() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.is_confirmed();
        scene.answer(Script::Resume, &resumed(&[]));
        back.told.heard();
        let stranger = scene.comes_back(1);
        scene.is_confirmed();
        scene.answer(Script::Resume, &text("expired"));
        assert_eq!(
            (back.told.heard(), stranger.told.heard()),
            (vec![], vec![Event::Refused(Refusal::Expired)])
        );
    }

    #[test]
    fn an_answer_goes_to_who_asked() {
        let scene = Scene::resumable();
        let [_, stranger, back] = [scene.comes_back(9), scene.comes_back(1), scene.comes_back(1)];
        scene.is_confirmed();
        for reply in [text("expired"), text("expired"), resumed(&[])] {
            scene.answer(Script::Resume, &reply);
        }
        assert_eq!(stranger.told.heard(), [Event::Refused(Refusal::Expired)], "it has no key");
        assert!(matches!(&back.told.heard()[..], [Event::Resumed { .. }]));
    }

    /// It is told apart from her, too, when it goes before it is answered.
    #[test]
    fn who_goes_by_her_own_attempt_leaves_her_in() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.is_confirmed();
        scene.answer(Script::Resume, &resumed(&[]));
        let stranger = scene.comes_back(1);
        scene.is_confirmed();
        scene.lane.detach(&stranger.member);
        let asked = scene.taken();
        let hers = asked.iter().filter(|request| request.member == back.member);
        assert!(hers.count() == 0, "Redis would take it for hers: {asked:?}");
        scene.deliver(1);
        assert!(back.told.heard().contains(&Event::Signal(message(1))));
    }

    /// Two come back at once, here and elsewhere. The other's word comes by another connection than the answer.
    #[test]
    fn who_was_replaced_before_its_answer_came_is_told_so() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.is_confirmed();
        let resuming = scene.take().unwrap();
        scene.lane.taken_over(scene.ann.id, 1);
        scene.lane.taken_over(scene.ann.id, 2);
        scene.lane.answered(resuming, &resumed(&[])).unwrap();
        assert_eq!(back.told.heard().last(), Some(&Event::Replaced));
        scene.lane.post(&back.member, message(1).from, message(1));
        assert_eq!(scene.asks(), []);
    }

    /// It was granted the session before an operator ended that.
    #[test]
    fn who_is_sent_away_before_its_answer_came_is_told_so() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.is_confirmed();
        let resuming = scene.take().unwrap();
        scene.lane.ended(scene.ann.id, LeaveReason::Kicked);
        assert_eq!((scene.heard(), back.told.heard()), (vec![Event::Ended(LeaveReason::Kicked)], vec![]));
        scene.lane.answered(resuming, &resumed(&[])).unwrap();
        assert_eq!(back.told.heard().last(), Some(&Event::Ended(LeaveReason::Kicked)));
        assert_eq!(scene.lane.take_channels(9), [Channel::Unsubscribe(back.member)]);
        assert_eq!(scene.asks(), []);
    }

    #[test]
    fn who_goes_before_it_is_in_goes_after_it_is() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.lane.detach(&back.member);
        scene.is_confirmed();
        assert_eq!(scene.asks(), [], "it hadn't asked");
        let back = scene.comes_back(2);
        scene.is_confirmed();
        scene.lane.detach(&back.member);
        let requests = scene.taken();
        let asked = requests.iter().map(|request| (request.script(), request.member.attachment.attempt()));
        assert_eq!(asked.collect::<Vec<_>>(), [(Script::Resume, 2), (Script::Detach, 2)]);
    }

    #[test]
    fn who_is_resumed_elsewhere_is_told_and_its_channel_left() {
        let scene = Scene::resumable();
        scene.lane.taken_over(scene.ann.id, 1);
        assert_eq!(scene.heard(), [Event::Replaced]);
        assert_eq!(scene.lane.take_channels(9), [Channel::Unsubscribe(scene.ann.clone())]);
        scene.lane.leave(&scene.ann, LeaveReason::Lost);
        scene.lane.detach(&scene.ann);
        scene.lane.taken_over(scene.ann.id, 1);
        assert_eq!((scene.asks(), scene.heard()), (vec![], vec![]));
    }

    #[test]
    fn what_it_says_of_itself_ends_nobody_else() {
        let scene = Scene::resumable();
        let back = scene.comes_back(2);
        scene.is_confirmed();
        // Its own word overtakes the answer.
        scene.lane.taken_over(scene.ann.id, 2);
        assert_eq!((scene.heard(), back.told.heard()), (vec![Event::Replaced], vec![]));
        scene.answer(Script::Resume, &resumed(&[]));
        assert!(matches!(&back.told.heard()[..], [Event::Resumed { .. }]));
        for late in [0, 1, 2] {
            scene.lane.taken_over(scene.ann.id, late);
        }
        assert_eq!((scene.heard(), back.told.heard()), (vec![], vec![]));
        assert_eq!(scene.lane.take_channels(9), []);
    }

    #[test]
    fn a_channel_is_left_when_the_last_who_speaks_for_it_goes() {
        let scene = Scene::resumable();
        let [one, other] = [scene.comes_back(1), scene.comes_back(2)];
        scene.is_confirmed();
        scene.lane.leave(&scene.ann, LeaveReason::Left);
        assert_eq!(scene.lane.take_channels(9), []);
        scene.lane.detach(&other.member);
        assert_eq!(scene.lane.take_channels(9), []);
        scene.lane.detach(&one.member);
        assert_eq!(scene.lane.take_channels(9), [Channel::Unsubscribe(one.member)]);
    }

    #[test]
    fn without_a_lease_a_resuming_waits_for_the_next_beat() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.is_confirmed();
        scene.answer(Script::Resume, &text("no lease"));
        assert_eq!(scene.asks(), [Script::Resume]);
        assert_eq!(back.told.heard(), []);
    }

    #[test]
    fn an_answer_that_is_not_understood_sends_it_away_again() {
        let scene = Scene::resumable();
        let back = scene.comes_back(1);
        scene.is_confirmed();
        let resuming = scene.take().unwrap();
        assert!(scene.lane.answered(resuming, &Reply::Integer(1)).is_err());
        assert_eq!(back.told.heard(), [Event::Refused(Refusal::Unavailable)]);
        assert_eq!(scene.asks(), [Script::Detach], "it may be in");
    }

    /// Who asks is told what it missed; who had asked before hears of it only where something can have been missed.
    #[test]
    fn a_lapse_is_told_where_the_channel_was_cut() {
        let scene = Scene::resumable();
        let before = scene.comes_back(1);
        scene.is_confirmed();
        assert_eq!(scene.asks(), [Script::Resume]);
        assert_eq!((scene.heard(), before.told.heard()), (vec![], vec![]));
        scene.lane.unlink();
        let member = Member { attachment: Attachment::by(2), ..scene.ann.clone() };
        let told = Arc::new(Told::default());
        scene.lane.resume(&member, Claim { key: key(1), next: key(3), had: Had::new() }, told.clone());
        scene.lane.link(Arc::default());
        assert_eq!(scene.lane.take_channels(9).len(), 3, "one for each of her connections");
        assert!(scene.lane.subscribed(scene.ann.id, b"room"));
        assert_eq!(
            (scene.heard(), before.told.heard(), told.heard()),
            (vec![Event::Lapse], vec![Event::Lapse], vec![])
        );
        for _ in 0..2 {
            scene.is_confirmed();
        }
        assert_eq!((scene.heard(), before.told.heard(), told.heard()), (vec![], vec![], vec![]), "once");
    }
}

/// What a client had, and what is kept for it.
mod acknowledging {
    use super::*;

    fn acked(requests: &[Request]) -> Had {
        let [Request { ask: Ask::Acknowledge(had), .. }] = requests else { panic!("{requests:?}") };
        let mut had = had.clone();
        had.sort_unstable();
        had
    }

    fn peer(number: u8) -> SocketId {
        SocketId::from_random([number; SocketId::LEN])
    }

    #[test]
    fn what_was_acknowledged_is_taken_out_by_and_by() {
        let scene = Scene::resumable();
        scene.lane.acknowledge(&scene.ann, vec![(peer(2), 3), (peer(3), 1)]);
        scene.lane.acknowledge(&scene.ann, vec![(peer(2), 2), (peer(3), 4), (peer(4), 1)]);
        assert_eq!(scene.asks(), [], "not for a few");
        scene.lane.trim();
        assert_eq!(acked(&scene.taken()), [(peer(2), 3), (peer(3), 4), (peer(4), 1)]);
        scene.lane.trim();
        assert_eq!(scene.asks(), [], "once");
    }

    /// Nothing is taken out before the first message that wasn't had; what comes after it was had all the same.
    #[test]
    fn what_could_not_be_taken_out_yet_is_asked_again() {
        let scene = Scene::resumable();
        // The mailbox holds one of 2, then one of 3.
        scene.lane.acknowledge(&scene.ann, vec![(peer(3), 1)]);
        scene.lane.trim();
        scene.answer(Script::Ack, &acknowledged(0, 1));
        scene.lane.acknowledge(&scene.ann, vec![(peer(2), 1)]);
        scene.lane.trim();
        assert_eq!(acked(&scene.taken()), [(peer(2), 1), (peer(3), 1)]);
    }

    #[test]
    fn what_was_only_delivered_is_kept() {
        let scene = Scene::resumable();
        for n in 1..=2 * u64::from(DELIVERIES_PER_TRIM) {
            scene.deliver(n);
        }
        scene.lane.trim();
        assert_eq!(scene.asks(), []);
        scene.lane.acknowledge(&scene.ann, vec![(peer(2), 1)]);
        assert_eq!(acked(&scene.taken()), [(peer(2), 1)], "at once, as there is much");
        scene.lane.acknowledge(&scene.ann, vec![(peer(2), 2)]);
        assert_eq!(scene.asks(), [], "and then by and by");
    }

    #[test]
    fn what_waits_for_a_full_mailbox_waits_behind_it() {
        let scene = Scene::resumable();
        scene.lane.post(&scene.ann, peer(2), message(1));
        scene.lane.acknowledge(&scene.ann, vec![(peer(2), 1)]);
        scene.lane.trim();
        assert_eq!(scene.asks(), [Script::Ack, Script::Post]);
    }

    #[test]
    fn who_can_not_come_back_has_nothing_to_acknowledge() {
        let scene = Scene::joined();
        scene.deliver(1);
        scene.lane.acknowledge(&scene.ann, vec![(peer(2), 1)]);
        scene.lane.trim();
        assert_eq!(scene.asks(), [Script::Trim]);
    }
}

/// Redis lost its data, or knows other sessions than the node does.
mod restoring {
    use super::*;

    fn greeted() -> Scene {
        let scene = Scene::resumable();
        scene.lane.renewed(Instant::now(), LEASE, &pulse(true));
        assert_eq!((scene.heard(), scene.asks()), (vec![], vec![]), "the first beat is of no other data");
        scene
    }

    #[test]
    fn who_was_lost_is_registered_again_before_all_else_and_alone() {
        let scene = greeted();
        scene.lane.post(&scene.ann, message(1).from, message(1));
        scene.loses_data();
        assert_eq!(scene.heard(), [Event::Gap, Event::Lapse]);
        scene.lane.sync(&scene.ann);
        scene.lane.trim();
        assert_eq!(scene.asks(), [Script::Restore], "nothing else, while all gather");
        scene.lane.renewed(Instant::now(), LEASE, &Pulse { gathering: LEASE, ..pulse_of("new server") });
        assert_eq!((scene.heard(), scene.asks()), (vec![], vec![]), "once");
        scene.lane.renewed(Instant::now(), LEASE, &pulse_of("new server"));
        assert_eq!(scene.asks(), [Script::Post, Script::Sync]);
    }

    /// With the data, the lease is lost.
    #[test]
    fn a_gap_and_a_lapse_are_told_once() {
        let scene = greeted();
        let pulse = Pulse { held: false, gathering: LEASE, ..pulse_of("new server") };
        scene.lane.renewed(Instant::now(), LEASE, &pulse);
        assert_eq!(scene.heard(), [Event::Gap, Event::Lapse]);
    }

    #[test]
    fn what_was_not_answered_is_asked_again_in_its_order() {
        let scene = greeted();
        let ben = Member { id: SocketId::from_random([3; 20]), ..scene.ann.clone() };
        let entry = Entry { info: Info::default(), capacity: NonZeroUsize::MIN, lifeline: None };
        scene.lane.join(&ben, entry, Arc::new(Told::default()));
        scene.lane.subscribed(ben.id, b"room");
        scene.answer(Script::Join, &snapshot("8"));
        scene.loses_data();
        let mut taken = scene.taken();
        let order: Vec<_> = taken.iter().map(|request| request.member.clone()).collect();
        assert_eq!(order.len(), 2);
        scene.lane.leave(&ben, LeaveReason::Left);
        while let Some(request) = taken.pop() {
            scene.lane.put_back(request);
        }
        let again = scene.taken().into_iter().map(|request| request.member);
        assert_eq!(again.collect::<Vec<_>>(), order, "what comes after waits for the end of it");
        scene.lane.renewed(Instant::now(), LEASE, &pulse_of("new server"));
        assert_eq!(scene.asks(), [Script::Leave]);
    }

    #[test]
    fn it_is_registered_as_its_node_knows_it() {
        let record = |scene: &Scene| match scene
            .take()
            .map(|request| (request.member.attachment.attempt(), request.ask))
        {
            Some((attempt, Ask::Restore(Record { info, line }))) => (attempt, info, line),
            other => panic!("{other:?}"),
        };
        let scene = greeted();
        scene.loses_data();
        let line = (Keys::first(key(1)), Duration::from_secs(30));
        assert_eq!(record(&scene), (0, Info::default(), Some(line)));

        let scene = greeted();
        let back = scene.comes_back(3);
        scene.is_confirmed();
        scene.answer(Script::Resume, &resumed(&[]));
        scene.loses_data();
        let line = Some((Keys { used: key(1), told: Some(key(2)) }, Duration::from_secs(20)));
        assert_eq!(record(&scene), (3, Info::of("7"), line), "as the answer had it");
        scene.lane.set_info(&back.member, Info::of("8"));
        scene.lane.renewed(Instant::now(), LEASE, &Pulse { gathering: LEASE, ..pulse_of("newer server") });
        assert_eq!(record(&scene).1, Info::of("8"));
    }

    #[test]
    fn who_is_not_in_yet_asks_to_be_let_in_when_all_have_gathered() {
        let scene = Scene::asked();
        scene.lane.renewed(Instant::now(), LEASE, &pulse(true));
        scene.lane.subscribed(scene.ann.id, b"room");
        scene.loses_data();
        assert_eq!((scene.asks(), scene.heard()), (vec![], vec![]));
        scene.lane.renewed(Instant::now(), LEASE, &pulse_of("new server"));
        assert_eq!(scene.asks(), [Script::Join]);
    }

    #[test]
    fn it_is_told_what_became_of_it() {
        for (reply, told) in [
            (Reply::Integer(1), vec![]),
            (Reply::Integer(2), vec![]),
            (Reply::Integer(0), vec![Event::Removed]),
            (Reply::Integer(-1), vec![Event::Replaced]),
            (Reply::Null, vec![Event::Removed]),
        ] {
            let scene = greeted();
            scene.loses_data();
            scene.heard();
            let request = scene.take().unwrap();
            let _ = scene.lane.answered(request, &reply);
            assert_eq!(scene.heard(), told, "{reply:?}");
            let is_out = scene.lane.take_channels(9) == [Channel::Unsubscribe(scene.ann.clone())];
            assert_eq!(is_out, !told.is_empty(), "{reply:?}");
        }
    }

    #[test]
    fn without_a_lease_it_is_asked_again() {
        let scene = greeted();
        scene.loses_data();
        scene.answer(Script::Restore, &text("no lease"));
        assert!(!scene.lane.has_lease(Instant::now()));
        assert_eq!(scene.asks(), [Script::Restore]);
    }

    #[test]
    fn a_new_link_asks_nothing_before_it_knows_the_term() {
        let (scene, now) = (greeted(), Instant::now());
        assert!(scene.lane.may_ask(now));
        scene.lane.link(Arc::default());
        assert!(scene.lane.has_lease(now) && !scene.lane.may_ask(now));
        assert_eq!(scene.lane.census(), None);
        scene.lane.renewed(now, LEASE, &pulse(true));
        assert!(scene.lane.may_ask(now));
    }

    #[test]
    fn an_audit_mends_both_ways() {
        let scene = greeted();
        assert_eq!(scene.lane.census(), Some(1));
        let ghost =
            Member { id: SocketId::from_random([9; 20]), attachment: Attachment::by(4), ..scene.ann.clone() };
        assert_eq!(scene.lane.audited(vec![scene.ann.clone()]), 0);
        assert_eq!(scene.asks(), [], "both know the same");
        assert_eq!(scene.lane.audited(vec![ghost.clone(), scene.ann.clone()]), 1);
        let requests = scene.taken();
        assert!(
            matches!(&requests[..], [Request { member, ask: Ask::Detach }] if *member == ghost),
            "{requests:?}"
        );
        for request in requests {
            scene.lane.answered(request, &Reply::Integer(1)).unwrap();
        }
        assert_eq!(scene.lane.audited(vec![]), 0);
        let requests = scene.taken();
        assert!(
            matches!(&requests[..], [Request { member, ask: Ask::Restore(_) }] if *member == scene.ann),
            "{requests:?}"
        );
        assert_eq!(scene.heard(), [], "nothing is lost");
    }

    #[test]
    fn nothing_is_audited_while_something_moves() {
        let ghost = Member::new(RoomName::parse("room").unwrap(), SocketId::from_random([9; 20]));
        let moves: [fn(&Scene); 4] = [
            |scene| scene.lane.leave(&scene.ann, LeaveReason::Left),
            |scene| scene.lane.detach(&scene.ann),
            |scene| {
                scene.comes_back(1);
                scene.is_confirmed();
            },
            Scene::loses_data,
        ];
        for (number, moves) in moves.into_iter().enumerate() {
            let scene = greeted();
            moves(&scene);
            assert_eq!(scene.lane.census(), None, "{number}");
            let under_way = scene.taken();
            assert_eq!(scene.lane.audited(vec![ghost.clone()]), 0, "{number}");
            assert_eq!(scene.asks(), [], "{number}");
            for request in under_way {
                let reply = if request.script() == Script::Resume { resumed(&[]) } else { Reply::Integer(1) };
                scene.lane.answered(request, &reply).unwrap();
            }
            let members = usize::from(number > 1);
            assert_eq!(scene.lane.census(), Some(members), "{number}: it is over");
        }
    }

    #[test]
    fn what_does_not_move_does_not_keep_it_from_being_audited() {
        let scene = greeted();
        scene.lane.post(&scene.ann, message(1).from, message(1));
        scene.lane.set_info(&scene.ann, Info::default());
        assert_eq!(scene.lane.census(), Some(1));
    }
}
