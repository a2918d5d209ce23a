//! Of members that can come back: each case on the node where the session was, and on another.

use super::*;

/// How long a member has to come back, where it does. Nobody waits for it.
const WINDOW: Duration = Duration::from_secs(30);

/// How long where it doesn't. Redis keeps nobody for less than a second.
const SHORT_WINDOW: Duration = Duration::from_secs(1);

pub(super) async fn behaves(nodes: &[Arc<dyn Exchange>]) {
    // It takes a while, mostly by waiting.
    let window = who_does_not_come_back_is_lost(Room::on(nodes));
    let rest = async {
        for hops in [0, 1] {
            who_comes_back_hears_what_it_missed(&Room::on(nodes), hops).await;
            who_takes_over_hears_what_was_not_acknowledged(&Room::on(nodes), hops).await;
            who_was_replaced_has_no_say(&Room::on(nodes), hops).await;
            a_message_is_kept_over_any_number_of_connections(&Room::on(nodes), hops).await;
            a_wrong_key_opens_nothing(&Room::on(nodes), hops).await;
            a_wrong_key_by_the_same_attempt_opens_nothing(&Room::on(nodes), hops).await;
            a_key_is_good_until_the_next_was_used(&Room::on(nodes), hops).await;
            an_earlier_attempt_comes_too_late(&Room::on(nodes), hops).await;
            of_two_attempts_at_once_the_later_one_has_it(&Room::on(nodes), hops).await;
            who_left_can_not_come_back(&Room::on(nodes), hops).await;
        }
        who_is_away_is_shown_so(&Room::on(nodes)).await;
        who_is_away_hears_nothing_and_posts_nothing(&Room::on(nodes)).await;
        who_can_not_come_back_is_lost_when_it_goes_away(&Room::on(nodes)).await;
        a_full_mailbox_refuses_until_it_is_acknowledged(&Room::on(nodes)).await;
        who_is_away_is_kept_no_more_than_a_mailbox_holds(&Room::on(nodes)).await;
        a_session_is_in_its_own_room(&Room::on(nodes), &Room::on(nodes)).await;
    };
    tokio::join!(window, rest);
}

async fn who_comes_back_hears_what_it_missed(room: &Room<'_>, hops: usize) {
    let (mut ann, mut ben) = room.a_call().await;
    for n in 1..=2 {
        ben.post(ann.id(), n);
        assert_eq!(ann.next().await, Event::Signal(ben.signal(n)));
    }
    ann.detach();
    assert_eq!(ben.change().await, Change::Away(ann.id()));
    for n in 3..=4 {
        ben.post(ann.id(), n);
    }
    ben.broadcast(5);
    ben.is_told_as_handled(5).await;
    let mut cat = room.guest();
    assert_eq!(cat.join().await.peers, [ann.shown_away(), ben.shown("null")]);
    assert_eq!(ben.change().await, Change::Joined(cat.shown("null")));

    let mut back = room.connection_of(&ann, 1, hops);
    let (snapshot, missed) = back.resume([1, 2], &[(ben.id(), 1)]).await;
    assert_eq!(snapshot.peers, [ben.shown("null"), cat.shown("null")]);
    assert_eq!(missed, ben.signals(2..=5), "all that it hadn't, once and in order");
    for other in [&mut ben, &mut cat] {
        let notice = other.notice().await;
        assert_eq!(notice, Notice { version: snapshot.version, change: Change::Back(ann.id()) });
    }
    ben.post(ann.id(), 6);
    assert_eq!(back.next().await, Event::Signal(ben.signal(6)), "and then each thing as it comes");
    back.post(ben.id(), 1);
    assert_eq!(ben.next().await, Event::Signal(ann.signal(1)));
    cat.leave(LeaveReason::Left);
    assert_eq!(back.change().await, Change::Left(cat.id(), LeaveReason::Left));
}

async fn who_takes_over_hears_what_was_not_acknowledged(room: &Room<'_>, hops: usize) {
    let (mut ann, mut ben) = room.a_call().await;
    for n in 1..=3 {
        ben.post(ann.id(), n);
        assert_eq!(ann.next().await, Event::Signal(ben.signal(n)));
    }
    // It was delivered, but may have been lost with the connection.
    let mut back = room.connection_of(&ann, 1, hops);
    let (snapshot, missed) = back.resume([1, 2], &[(ben.id(), 1)]).await;
    assert_eq!(missed, ben.signals(2..=3));
    assert_eq!(snapshot.peers, [ben.shown("null")]);
    assert_eq!(ann.next().await, Event::Replaced);
    ben.post(ann.id(), 4);
    assert_eq!(back.next().await, Event::Signal(ben.signal(4)));
    ben.hears_nothing().await;
    ann.has_heard_nothing();
}

async fn who_was_replaced_has_no_say(room: &Room<'_>, hops: usize) {
    let (mut ann, mut ben) = room.a_call().await;
    let mut back = room.connection_of(&ann, 1, hops);
    back.resume([1, 2], &[]).await;
    assert_eq!(ann.next().await, Event::Replaced);
    ann.post(ben.id(), 1);
    ann.broadcast(2);
    ann.show("1");
    ann.acknowledge(&[(ben.id(), 9)]);
    ann.exchange.sync(&ann.member);
    ann.detach();
    ann.leave(LeaveReason::Left);
    // Asked on the same node, after all that.
    let mut cat = ann.neighbour();
    assert_eq!(cat.join().await.peers, [back.shown("null"), ben.shown("null")]);
    assert_eq!(ben.change().await, Change::Joined(cat.shown("null")));
    assert_eq!(back.change().await, Change::Joined(cat.shown("null")));
    ben.post(ann.id(), 1);
    assert_eq!(back.next().await, Event::Signal(ben.signal(1)));
    let mut again = room.connection_of(&back, 2, hops);
    assert_eq!(again.resume([2, 3], &[]).await.1, ben.signals(1..=1), "what another acknowledged is kept");
    ann.has_heard_nothing();
}

async fn a_message_is_kept_over_any_number_of_connections(room: &Room<'_>, hops: usize) {
    let (ann, mut ben) = room.a_call().await;
    let mut before = ann;
    for attempt in 1..=4 {
        ben.post(before.id(), attempt);
        ben.is_told_as_handled(attempt).await;
        let is_away = attempt % 2 == 0;
        if is_away {
            before.detach();
            assert_eq!(ben.change().await, Change::Away(before.id()));
        }
        let mut back = room.connection_of(&before, attempt, hops);
        let key = u8::try_from(attempt).expect("few");
        // The second is had when the third time comes.
        let had = if attempt < 3 { 0 } else { 2 };
        let (_, missed) = back.resume([key, key + 1], &[(ben.id(), had)]).await;
        assert_eq!(missed, ben.signals(had + 1..=attempt));
        if is_away {
            assert_eq!(ben.change().await, Change::Back(before.id()));
        }
        before = back;
    }
    ben.hears_nothing().await;
}

async fn a_wrong_key_opens_nothing(room: &Room<'_>, hops: usize) {
    let (mut ann, mut ben) = room.a_call().await;
    ben.post(ann.id(), 1);
    assert_eq!(ann.next().await, Event::Signal(ben.signal(1)));
    for goes in [Guest::detach, |guest: &Guest| guest.leave(LeaveReason::Left)] {
        let mut stranger = room.connection_of(&ann, 7, hops);
        stranger.is_refused([9, 8], &[(ben.id(), 1)]).await;
        stranger.post(ben.id(), 1);
        stranger.show("1");
        goes(&stranger);
        stranger.neighbour().comes_and_goes(&mut [&mut ann, &mut ben]).await;
        stranger.has_heard_nothing();
    }
    let mut back = room.connection_of(&ann, 1, hops);
    assert_eq!(back.resume([1, 2], &[]).await.1, ben.signals(1..=1), "a stranger's claim takes nothing out");
    assert_eq!(ann.next().await, Event::Replaced);
    ben.hears_nothing().await;
}

/// A stranger may guess the attempt by which a session is on its node, and say nothing more than that.
async fn a_wrong_key_by_the_same_attempt_opens_nothing(room: &Room<'_>, hops: usize) {
    let (mut ann, mut ben) = room.a_call().await;
    let mut back = room.connection_of(&ann, 1, hops);
    back.resume([1, 2], &[]).await;
    assert_eq!(ann.next().await, Event::Replaced);
    let mut stranger = room.connection_of(&back, 1, 0);
    stranger.is_refused([9, 8], &[]).await;
    stranger.detach();
    stranger.neighbour().comes_and_goes(&mut [&mut back, &mut ben]).await;
    ben.post(ann.id(), 1);
    assert_eq!(back.next().await, Event::Signal(ben.signal(1)));
    ben.hears_nothing().await;
}

async fn a_key_is_good_until_the_next_was_used(room: &Room<'_>, hops: usize) {
    let (ann, ben) = room.a_call().await;
    let mut attempt = 0;
    let mut resume = async |keys| {
        attempt += 1;
        room.connection_of(&ann, attempt, hops).ask_to_resume(keys, &[(ben.id(), 0)]).await
    };
    for (keys, is_good, why) in [
        ([9, 8], false, "a wrong key"),
        ([8, 7], false, "what a wrong key brought is none"),
        ([1, 2], true, "the first key"),
        ([1, 3], true, "its answer was lost"),
        ([2, 8], false, "and with it that key"),
        ([3, 4], true, "the key that was told"),
        ([1, 8], false, "used up"),
        ([4, 5], true, "the key that was told"),
        ([3, 8], false, "used up"),
    ] {
        let answer = resume(keys).await;
        assert_eq!(matches!(answer, Event::Resumed { .. }), is_good, "{why}: {answer:?}");
        assert!(is_good || answer == Event::Refused(Refusal::Expired), "{why}: {answer:?}");
    }
}

async fn an_earlier_attempt_comes_too_late(room: &Room<'_>, hops: usize) {
    let (mut ann, mut ben) = room.a_call().await;
    let mut back = room.connection_of(&ann, 5, hops);
    back.resume([1, 2], &[]).await;
    assert_eq!(ann.next().await, Event::Replaced);
    for attempt in [1, 4] {
        for keys in [[1, 3], [2, 3], [1, 2]] {
            let mut late = room.connection_of(&ann, attempt, hops);
            late.is_refused(keys, &[]).await;
            late.detach();
        }
    }
    ann.neighbour().comes_and_goes(&mut [&mut back, &mut ben]).await;
    let mut again = room.connection_of(&back, 6, hops);
    again.resume([2, 4], &[]).await;
    assert_eq!(back.next().await, Event::Replaced);
}

async fn of_two_attempts_at_once_the_later_one_has_it(room: &Room<'_>, hops: usize) {
    for later_first in [false, true] {
        let (mut ann, mut ben) = room.a_call().await;
        let mut earlier = room.connection_of(&ann, 1, hops);
        let mut later = room.connection_of(&ann, 2, hops + 1);
        if later_first {
            later.claim([1, 3], &[]);
            earlier.claim([1, 2], &[]);
        } else {
            earlier.claim([1, 2], &[]);
            later.claim([1, 3], &[]);
        }
        let (_, missed) = later.resumed().await;
        assert_eq!(missed, []);
        match earlier.answer().await {
            Event::Resumed { .. } => assert_eq!(earlier.next().await, Event::Replaced),
            Event::Refused(Refusal::Expired) => {}
            other => panic!("neither in nor out: {other:?}"),
        }
        assert_eq!(ann.next().await, Event::Replaced);
        earlier.detach();
        ben.post(later.id(), 1);
        assert_eq!(later.next().await, Event::Signal(ben.signal(1)));
        ben.hears_nothing().await;
        earlier.has_heard_nothing();
        later.leave(LeaveReason::Left);
        ben.leave(LeaveReason::Left);
    }
}

async fn who_left_can_not_come_back(room: &Room<'_>, hops: usize) {
    let (ann, mut ben) = room.a_call().await;
    ann.leave(LeaveReason::Left);
    assert_eq!(ben.change().await, Change::Left(ann.id(), LeaveReason::Left));
    room.connection_of(&ann, 1, hops).is_refused([1, 2], &[]).await;
    ben.post(ann.id(), 1);
    assert_eq!(ben.next().await, Event::Gone { to: ann.id(), n: 1 });
}

async fn who_is_away_is_shown_so(room: &Room<'_>) {
    let (ann, mut ben) = room.a_call().await;
    ann.show("1");
    assert_eq!(ben.change().await, Change::Info(ann.shown("1")));
    ann.detach();
    let notice = ben.notice().await;
    assert_eq!(notice.change, Change::Away(ann.id()));
    let peers = vec![Peer { away: true, ..ann.shown("1") }];
    assert_eq!(ben.sync().await, Snapshot { version: notice.version, peers });
    let mut back = room.connection_of(&ann, 1, 0);
    back.resume([1, 2], &[]).await;
    assert_eq!(ben.change().await, Change::Back(ann.id()));
    assert_eq!(ben.sync().await.peers, [ann.shown("1")]);
    // What it shows is its own again.
    back.show("2");
    assert_eq!(ben.change().await, Change::Info(ann.shown("2")));
    assert_eq!(back.change().await, Change::Info(ann.shown("2")));
}

async fn who_is_away_hears_nothing_and_posts_nothing(room: &Room<'_>) {
    let (mut ann, mut ben) = room.a_call().await;
    ann.detach();
    assert_eq!(ben.change().await, Change::Away(ann.id()));
    ann.post(ben.id(), 1);
    ann.broadcast(2);
    ann.show("1");
    ann.exchange.sync(&ann.member);
    ann.detach();
    ann.leave(LeaveReason::Left);
    ben.post(ann.id(), 1);
    ben.show("1");
    assert_eq!(ben.change().await, Change::Info(ben.shown("1")));
    ann.neighbour().comes_and_goes(&mut [&mut ben]).await;
    ann.has_heard_nothing();
}

async fn who_can_not_come_back_is_lost_when_it_goes_away(room: &Room<'_>) {
    let [mut ann, ben] = room.guests().await;
    ben.detach();
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Lost));
    room.connection_of(&ben, 1, 0).is_refused([1, 2], &[]).await;
    ann.post(ben.id(), 1);
    assert_eq!(ann.next().await, Event::Gone { to: ben.id(), n: 1 });
}

/// Being delivered isn't enough.
async fn a_full_mailbox_refuses_until_it_is_acknowledged(room: &Room<'_>) {
    let (mut ann, mut ben) = room.a_call().await;
    for n in 1..=MAILBOX {
        ben.post(ann.id(), n);
        assert_eq!(ann.next().await, Event::Signal(ben.signal(n)));
    }
    let mut n = MAILBOX + 1;
    ben.post(ann.id(), n);
    assert_eq!(ben.next().await, Event::Failed { to: Some(ann.id()), n: Some(n) });
    ben.is_told_as_handled(n).await;
    n += 1;
    ben.broadcast(n);
    assert_eq!(ben.next().await, Event::Failed { to: Some(ann.id()), n: Some(n) });
    ben.is_told_as_handled(n).await;
    ann.acknowledge(&[(ben.id(), 1)]);
    let mut mailbox_has_room = async || {
        n += 1;
        ben.post(ann.id(), n);
        ben.is_told_as_handled(n).await;
        ben.events.try_recv().is_err()
    };
    until("there is room for one", &mut mailbox_has_room).await;
    assert!(!mailbox_has_room().await, "and no more");
}

async fn who_is_away_is_kept_no_more_than_a_mailbox_holds(room: &Room<'_>) {
    let (ann, mut ben) = room.a_call().await;
    ann.detach();
    assert_eq!(ben.change().await, Change::Away(ann.id()));
    for n in 1..=MAILBOX + 1 {
        ben.post(ann.id(), n);
    }
    assert_eq!(ben.next().await, Event::Failed { to: Some(ann.id()), n: Some(MAILBOX + 1) });
    let mut back = room.connection_of(&ann, 1, 1);
    let (_, missed) = back.resume([1, 2], &[(ben.id(), 1000)]).await;
    assert_eq!(missed, ben.signals(1001..=MAILBOX));
    assert_eq!(ben.change().await, Change::Back(ann.id()));
    ben.post(ann.id(), MAILBOX + 2);
    assert_eq!(back.next().await, Event::Signal(ben.signal(MAILBOX + 2)));
}

async fn a_session_is_in_its_own_room(room: &Room<'_>, another: &Room<'_>) {
    let (mut ann, mut ben) = room.a_call().await;
    let dan = &mut another.guest();
    dan.join().await;
    let mut stray = another.connection_of(&ann, 1, 0);
    stray.is_refused([1, 2], &[]).await;
    stray.leave(LeaveReason::Left);
    dan.hears_nothing().await;
    ann.neighbour().comes_and_goes(&mut [&mut ann, &mut ben]).await;
    stray.has_heard_nothing();
}

async fn who_does_not_come_back_is_lost(room: Room<'_>) {
    let (ann, mut ben) = room.a_call_within(SHORT_WINDOW).await;
    ann.detach();
    assert_eq!(ben.change().await, Change::Away(ann.id()));
    ben.post(ann.id(), 1);
    ben.is_told_as_handled(1).await;
    assert_eq!(ben.change().await, Change::Left(ann.id(), LeaveReason::Lost));
    ben.post(ann.id(), 2);
    assert_eq!(ben.next().await, Event::Gone { to: ann.id(), n: 2 });
    room.connection_of(&ann, 1, 1).is_refused([1, 2], &[]).await;
    assert_eq!(ben.sync().await.peers, []);
    ben.hears_nothing().await;
}

/// A node goes without a word, and its clients come to another one: before its lease lapses nobody notices, and after it
/// they are away until then.
#[tokio::test]
async fn a_session_outlives_its_node() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&[redis.url()], &["--lease=1s", "--redis-timeout=300ms"]).await;
    let mut nodes = exchanges(nodes);
    let dying = nodes.pop().expect("three");
    let room = Room::on(&nodes);
    let mut ben = room.guest();
    ben.join().await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut ann = Guest::new(&dying, room.name.clone());
        ann.join_with("null", Some(lifeline(1, WINDOW))).await;
        assert_eq!(ben.change().await, Change::Joined(ann.shown("null")));
        sessions.push(ann);
    }
    let ids = [sessions[0].id(), sessions[1].id()];
    let members = sessions.iter().map(|session| session.member.clone()).collect::<Vec<_>>();
    drop((sessions, dying));

    let back_on = async |member: &Member, node: usize| {
        let member = Member { attachment: Attachment::by(1), ..member.clone() };
        let mut back = Guest::speaking_for(member, room.node(node));
        let (_, missed) = back.resume([1, 2], &[]).await;
        (back, missed)
    };
    ben.broadcast(1);
    let (mut first, missed) = back_on(&members[0], 1).await;
    assert_eq!(missed, ben.signals(1..=1));
    assert_eq!(ben.change().await, Change::Away(ids[1]), "the first was back before anybody noticed");
    ben.broadcast(2);
    let (_, missed) = back_on(&members[1], 0).await;
    assert_eq!(missed, ben.signals(1..=2));
    assert_eq!(ben.change().await, Change::Back(ids[1]));
    assert_eq!(
        first.next().await,
        Event::Notice(Notice { version: ben.sync().await.version - 1, change: Change::Away(ids[1]) })
    );
}

#[tokio::test]
async fn nothing_is_left_of_sessions_that_came_back_and_went() {
    let redis = RedisServer::start().await;
    let nodes = three_nodes(&[redis.url()], &["--lease=1s", "--redis-timeout=300ms"]).await;
    let nodes = exchanges(nodes);
    let room = Room::on(&nodes);

    for hops in [0, 1] {
        for goes in [|guest: &Guest| guest.leave(LeaveReason::Left), Guest::detach] {
            let (ann, mut ben) = room.a_call_within(SHORT_WINDOW).await;
            ann.detach();
            assert_eq!(ben.change().await, Change::Away(ann.id()));
            ben.post(ann.id(), 1);
            let mut back = room.connection_of(&ann, 1, hops);
            back.resume([1, 2], &[]).await;
            assert_eq!(ben.change().await, Change::Back(ann.id()));
            goes(&back);
            back.leave(LeaveReason::Left);
            ben.leave(LeaveReason::Left);
        }
    }
    let kept = [":deployment", ":epoch", ":nodes"];
    let is_kept = |key: &String| {
        kept.iter().any(|end| key.ends_with(end)) || [":l:", ":rv:"].iter().any(|part| key.contains(part))
    };
    let mut left = Vec::new();
    let nothing_is_left = async || {
        left = redis.keys("*").await;
        left.retain(|key| !is_kept(key));
        left.is_empty()
    };
    until("nothing is left", nothing_is_left).await;
}

/// Messages that a mailbox holds.
const MAILBOX: u64 = 1024;

fn key(number: u8) -> ResumeKey {
    ResumeKey::from_random([number; ResumeKey::LEN])
}

fn lifeline(number: u8, window: Duration) -> Lifeline {
    Lifeline { key: key(number).hash(), window }
}

impl Room<'_> {
    /// Ann, who can come back with key 1, and Ben, who can't. She has heard of him.
    pub(super) async fn a_call(&self) -> (Guest, Guest) {
        self.a_call_within(WINDOW).await
    }

    async fn a_call_within(&self, window: Duration) -> (Guest, Guest) {
        let mut ann = self.guest();
        ann.join_with("null", Some(lifeline(1, window))).await;
        let mut ben = self.guest();
        ben.join().await;
        assert_eq!(ann.change().await, Change::Joined(ben.shown("null")));
        (ann, ben)
    }

    /// Another connection of a guest's client, to a node so many further.
    pub(super) fn connection_of(&self, guest: &Guest, attempt: u64, hops: usize) -> Guest {
        let place =
            self.nodes.iter().position(|node| Arc::ptr_eq(node, &guest.exchange)).expect("one of them");
        let member = Member { room: self.name.clone(), id: guest.id(), attachment: Attachment::by(attempt) };
        Guest::speaking_for(member, self.node(place + hops))
    }
}

impl Guest {
    fn shown_away(&self) -> Peer {
        Peer { away: true, ..self.shown("null") }
    }

    fn signals(&self, numbers: impl IntoIterator<Item = u64>) -> Vec<Signal> {
        numbers.into_iter().map(|n| self.signal(n)).collect()
    }

    pub(super) fn detach(&self) {
        self.exchange.detach(&self.member);
    }

    fn acknowledge(&self, had: &[(SocketId, u64)]) {
        self.exchange.acknowledge(&self.member, had.to_vec());
    }

    /// Asks to come back with a key, and to be good for the next.
    fn claim(&self, keys: [u8; 2], had: &[(SocketId, u64)]) {
        let [key, next] = keys.map(|number| key(number).hash());
        let claim = Claim { key, next, had: Had::from(had) };
        self.exchange.resume(&self.member, claim, self.deliveries.clone());
    }

    pub(super) async fn ask_to_resume(&mut self, keys: [u8; 2], had: &[(SocketId, u64)]) -> Event {
        self.claim(keys, had);
        self.answer().await
    }

    /// Comes back; who is there, and what it missed.
    async fn resume(&mut self, keys: [u8; 2], had: &[(SocketId, u64)]) -> (Snapshot, Vec<Signal>) {
        self.claim(keys, had);
        self.resumed().await
    }

    async fn resumed(&mut self) -> (Snapshot, Vec<Signal>) {
        match self.answer().await {
            Event::Resumed { snapshot, mailbox } => {
                let last = mailbox.iter().map(|signal| (signal.from, signal.n)).collect();
                self.known = Some(Known(snapshot.version, last));
                (snapshot, mailbox)
            }
            other => panic!("expected to be back, got {other:?}"),
        }
    }

    async fn is_refused(&mut self, keys: [u8; 2], had: &[(SocketId, u64)]) {
        assert_eq!(self.ask_to_resume(keys, had).await, Event::Refused(Refusal::Expired));
        // What it overheard while it waited is nobody's.
        self.overtaking.clear();
    }

    /// It joins and leaves, and that is all that these hear.
    async fn comes_and_goes(mut self, others: &mut [&mut Guest]) {
        self.join().await;
        self.leave(LeaveReason::Left);
        for other in others {
            assert_eq!(other.change().await, Change::Joined(self.shown("null")));
            assert_eq!(other.change().await, Change::Left(self.id(), LeaveReason::Left));
        }
    }
}
