//! What every exchange promises, written against the trait: a new exchange passes it unchanged.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};
use switchboard::{
    exchange::{Exchange, Recipient, memory::Memory},
    protocol::{
        Address, ClientEvent, ClientFrame, Dialect, Info, LeaveReason, Peer, RoomName, Signal, SocketId,
    },
    room::{Change, Event, Member, Notice, Refusal, Snapshot},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

#[tokio::test]
async fn memory_behaves() {
    behaves(async || Arc::new(Memory::default()) as Arc<dyn Exchange>).await;
}

/// The whole suite, each case on an exchange of its own.
async fn behaves(make: impl AsyncFn() -> Arc<dyn Exchange>) {
    members_hear_of_each_other(&make().await).await;
    versions_rise_by_one(&make().await).await;
    a_room_has_a_capacity(&make().await).await;
    messages_arrive_in_order_after_their_sender(&make().await).await;
    a_message_to_nobody_is_gone(&make().await).await;
    rooms_do_not_hear_each_other(&make().await).await;
    a_broadcast_reaches_all_the_others(&make().await).await;
    info_is_told_to_all(&make().await).await;
    leaving_twice_is_leaving_once(&make().await).await;
    a_snapshot_is_the_truth(&make().await).await;
    who_has_left_has_no_say(&make().await).await;
    who_has_left_hears_no_more(&make().await).await;
    joiners_at_once_do_not_miss_each_other(&make().await).await;
}

async fn members_hear_of_each_other(exchange: &Arc<dyn Exchange>) {
    let mut ann = Guest::new(exchange, "room");
    assert_eq!(ann.join().await.peers, []);
    let mut ben = Guest::new(exchange, "room");
    let snapshot = ben.join_showing(r#"{"name":"Ben"}"#).await;
    assert_eq!(snapshot.peers, [ann.shown("null")]);
    assert_eq!(ann.change().await, Change::Joined(ben.shown(r#"{"name":"Ben"}"#)));
    ben.leave(LeaveReason::Left);
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
}

async fn versions_rise_by_one(exchange: &Arc<dyn Exchange>) {
    let mut ann = Guest::new(exchange, "room");
    let version = ann.join().await.version;
    let mut ben = Guest::new(exchange, "room");
    let joined = ben.join().await.version;
    ben.show("1");
    ben.leave(LeaveReason::Lost);
    let changes = [
        Change::Joined(ben.shown("null")),
        Change::Info(ben.shown("1")),
        Change::Left(ben.id(), LeaveReason::Lost),
    ];
    for (version, change) in (version + 1..).zip(changes) {
        assert_eq!(ann.notice().await, Notice { version, change });
    }
    assert_eq!(joined, version + 1, "the newcomer's snapshot is of the version that it made");
}

async fn a_room_has_a_capacity(exchange: &Arc<dyn Exchange>) {
    let mut ann = Guest::new(exchange, "room");
    ann.ask_to_join(1);
    assert!(matches!(ann.next().await, Event::Joined(_)));
    let mut ben = Guest::new(exchange, "room");
    ben.ask_to_join(1);
    assert_eq!(ben.next().await, Event::Refused(Refusal::Full));
    ben.leave(LeaveReason::Lost);
    ann.hears_nothing().await;

    ann.leave(LeaveReason::Left);
    let mut cat = Guest::new(exchange, "room");
    cat.ask_to_join(1);
    assert!(matches!(cat.next().await, Event::Joined(_)), "there is room again");
}

async fn messages_arrive_in_order_after_their_sender(exchange: &Arc<dyn Exchange>) {
    let mut ann = Guest::new(exchange, "room");
    ann.join().await;
    let mut ben = Guest::new(exchange, "room");
    ben.join().await;
    for n in 1..=100 {
        ben.post(ann.id(), n);
    }
    ben.leave(LeaveReason::Left);
    assert_eq!(ann.change().await, Change::Joined(ben.shown("null")));
    for n in 1..=100 {
        assert_eq!(ann.next().await, Event::Signal(ben.signal(n)));
    }
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
    ann.hears_nothing().await;
}

async fn a_message_to_nobody_is_gone(exchange: &Arc<dyn Exchange>) {
    let mut ann = Guest::new(exchange, "room");
    ann.join().await;
    let stranger = Guest::new(exchange, "room").id();
    ann.post(stranger, 7);
    assert_eq!(ann.next().await, Event::Gone { to: stranger, n: 7 });
}

async fn rooms_do_not_hear_each_other(exchange: &Arc<dyn Exchange>) {
    let mut ann = Guest::new(exchange, "room");
    ann.join().await;
    let mut ben = Guest::new(exchange, "another room");
    ben.join().await;
    ben.post(ann.id(), 1);
    assert_eq!(ben.next().await, Event::Gone { to: ann.id(), n: 1 });
    ben.broadcast(2);
    ben.leave(LeaveReason::Left);
    ann.hears_nothing().await;
}

async fn a_broadcast_reaches_all_the_others(exchange: &Arc<dyn Exchange>) {
    let [mut ann, mut ben, mut cat] = guests(exchange, "room").await;
    ann.broadcast(1);
    assert_eq!(ben.next().await, Event::Signal(ann.signal(1)));
    assert_eq!(cat.next().await, Event::Signal(ann.signal(1)));
    ann.hears_nothing().await;
}

async fn info_is_told_to_all(exchange: &Arc<dyn Exchange>) {
    let [mut ann, mut ben] = guests(exchange, "room").await;
    ben.show(r#"{"hand":"up"}"#);
    let shown = Change::Info(ben.shown(r#"{"hand":"up"}"#));
    assert_eq!(ann.change().await, shown);
    assert_eq!(ben.change().await, shown, "the one who shows it learns the version");
    let mut cat = Guest::new(exchange, "room");
    assert!(cat.join().await.peers.contains(&ben.shown(r#"{"hand":"up"}"#)));
}

async fn leaving_twice_is_leaving_once(exchange: &Arc<dyn Exchange>) {
    let [mut ann, ben] = guests(exchange, "room").await;
    ben.leave(LeaveReason::Left);
    ben.leave(LeaveReason::Lost);
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
    ann.hears_nothing().await;
}

async fn a_snapshot_is_the_truth(exchange: &Arc<dyn Exchange>) {
    let [mut ann, mut ben, cat] = guests(exchange, "room").await;
    ben.show("1");
    cat.leave(LeaveReason::Left);
    assert_eq!(ann.change().await, Change::Info(ben.shown("1")));
    let notice = ann.notice().await;
    assert_eq!(ann.sync().await, Snapshot { version: notice.version, peers: vec![ben.shown("1")] });
    assert_eq!(ben.change().await, Change::Info(ben.shown("1")));
}

async fn who_has_left_has_no_say(exchange: &Arc<dyn Exchange>) {
    let [mut ann, ben] = guests(exchange, "room").await;
    ben.leave(LeaveReason::Left);
    ben.post(ann.id(), 1);
    ben.broadcast(2);
    ben.show("1");
    exchange.sync(&ben.member);
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
    ann.hears_nothing().await;
}

async fn who_has_left_hears_no_more(exchange: &Arc<dyn Exchange>) {
    let [mut ann, mut ben] = guests(exchange, "room").await;
    ben.leave(LeaveReason::Left);
    assert_eq!(ann.change().await, Change::Left(ben.id(), LeaveReason::Left));
    ann.broadcast(1);
    ann.show("1");
    ann.post(ben.id(), 2);
    assert_eq!(ann.change().await, Change::Info(ann.shown("1")));
    assert_eq!(ann.next().await, Event::Gone { to: ben.id(), n: 2 });
    assert!(ben.events.try_recv().is_err());
}

async fn joiners_at_once_do_not_miss_each_other(exchange: &Arc<dyn Exchange>) {
    const CROWD: usize = 30;
    let joining = (0..CROWD).map(|_| {
        let mut guest = Guest::new(exchange, "room");
        tokio::spawn(async move {
            let mut known = guest.join().await.peers.len();
            while known < CROWD - 1 {
                let Change::Joined(_) = guest.change().await else { panic!("nobody left") };
                known += 1;
            }
            guest
        })
    });
    for guest in joining.collect::<Vec<_>>() {
        guest.await.expect("each heard of all the others").hears_nothing().await;
    }
}

/// Guests who joined one after the other and heard of each other.
async fn guests<const N: usize>(exchange: &Arc<dyn Exchange>, room: &str) -> [Guest; N] {
    let mut guests: Vec<Guest> = Vec::new();
    for _ in 0..N {
        let mut newcomer = Guest::new(exchange, room);
        newcomer.join().await;
        for earlier in &mut guests {
            assert_eq!(earlier.change().await, Change::Joined(newcomer.shown("null")));
        }
        guests.push(newcomer);
    }
    guests.try_into().unwrap_or_else(|_| unreachable!("N were made"))
}

/// A member, without a socket or a session.
struct Guest {
    exchange: Arc<dyn Exchange>,
    member: Member,
    deliveries: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
}

struct Deliveries(UnboundedSender<Event>);

impl Recipient for Deliveries {
    fn deliver(&self, event: Event) {
        // A guest who has gone home hears nothing.
        let _ = self.0.send(event);
    }
}

impl Guest {
    fn new(exchange: &Arc<dyn Exchange>, room: &str) -> Self {
        static COUNT: AtomicU8 = AtomicU8::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; SocketId::LEN];
        (bytes[0], bytes[1]) = (count >> 5, count);
        let member =
            Member { room: RoomName::parse(room).expect("a name"), id: SocketId::from_random(bytes) };
        let (deliveries, events) = unbounded_channel();
        Self { exchange: exchange.clone(), member, deliveries, events }
    }

    fn id(&self) -> SocketId {
        self.member.id
    }

    fn shown(&self, info: &str) -> Peer {
        Peer { id: self.member.id, info: self::info(info) }
    }

    async fn join(&mut self) -> Snapshot {
        self.join_showing("null").await
    }

    async fn join_showing(&mut self, info: &str) -> Snapshot {
        self.ask(info, 1000);
        match self.next().await {
            Event::Joined(snapshot) => snapshot,
            other => panic!("expected to be in, got {other:?}"),
        }
    }

    fn ask_to_join(&mut self, capacity: usize) {
        self.ask("null", capacity);
    }

    fn ask(&mut self, info: &str, capacity: usize) {
        let capacity = NonZeroUsize::new(capacity).expect("some");
        let recipient = Arc::new(Deliveries(self.deliveries.clone()));
        self.exchange.join(&self.member, self::info(info), capacity, recipient);
    }

    fn leave(&self, reason: LeaveReason) {
        self.exchange.leave(&self.member, reason);
    }

    fn show(&self, info: &str) {
        self.exchange.set_info(&self.member, self::info(info));
    }

    fn post(&self, to: SocketId, n: u64) {
        self.exchange.post(&self.member, to, self.signal(n));
    }

    fn broadcast(&self, n: u64) {
        self.exchange.broadcast(&self.member, self.signal(n));
    }

    fn signal(&self, n: u64) -> Signal {
        let frame = ClientFrame::parse(r#"{"eventName":"message","data":{"body":1}}"#).expect("a frame");
        let Ok(ClientEvent::Relay(relay)) = frame.event(Dialect::Native) else { panic!("a message") };
        assert_eq!(relay.address, Address::Room);
        relay.sign(self.member.id, n)
    }

    async fn sync(&mut self) -> Snapshot {
        self.exchange.sync(&self.member);
        match self.next().await {
            Event::Synced { snapshot, .. } => snapshot,
            other => panic!("expected a snapshot, got {other:?}"),
        }
    }

    async fn next(&mut self) -> Event {
        timeout(Duration::from_secs(10), self.events.recv()).await.expect("an event in time").expect("open")
    }

    async fn notice(&mut self) -> Notice {
        match self.next().await {
            Event::Notice(notice) => notice,
            other => panic!("expected a notice, got {other:?}"),
        }
    }

    async fn change(&mut self) -> Change {
        self.notice().await.change
    }

    /// The answer to a question asked now is the next thing it hears.
    async fn hears_nothing(&mut self) {
        self.sync().await;
    }
}

fn info(json: &str) -> Info {
    Info::parse(Some(serde_json::from_str(json).expect("JSON"))).expect("short")
}
