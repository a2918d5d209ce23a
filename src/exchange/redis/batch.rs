//! What is sent to Redis at once, and what becomes of it.
//!
//! A request whose answer was lost is asked again: it takes effect once. One that Redis did not do is asked again, too, but
//! only if nothing after it was done, or may have been: a message that comes after its followers would be taken for a
//! repeat of theirs. Else its sender is told that it wasn't done.

use super::{
    connection::{Reply, write_command},
    lane::Lane,
    link::Common,
    random_name,
    request::Request,
    script::Script,
    trouble::Fault,
};
use std::{collections::VecDeque, mem, sync::Arc};

/// Work in one batch, in messages: enough that each costs little more than its own work, and so little that the next
/// beat doesn't wait for long, and that who is told can keep up.
const MOST_WORK: usize = 256;

/// Its memory, in bytes; the last request may exceed it. It has to be sent within `--redis-timeout`.
const MOST_BYTES: usize = 512 * 1024;

/// What still goes into a batch.
pub(super) struct Room {
    work: usize,
    bytes: usize,
}

/// Dropped, it gives back to its lanes what is still to be done.
#[derive(Default)]
pub(super) struct Batch {
    commands: Vec<u8>,
    /// What isn't answered yet, in its order.
    sent: VecDeque<Sent>,
    /// What Redis did not do, in its order.
    undone: Vec<(Arc<Lane>, Request)>,
}

/// One command of a batch.
pub(super) struct Sent {
    /// Its lane's place among those of the link.
    pub(super) place: usize,
    pub(super) lane: Arc<Lane>,
    pub(super) command: Command,
}

/// What a command is.
pub(super) enum Command {
    Beat {
        /// How many sessions Redis should say are the node's.
        census: Option<usize>,
    },
    Audit,
    Request(Request),
}

/// What a beat tells besides the node's lease.
pub(super) struct Beat<'a> {
    pub(super) link: &'a str,
    pub(super) nonce: &'a str,
    /// The server's process.
    pub(super) run_id: &'a str,
}

impl Command {
    pub(super) fn script(&self) -> Script {
        match self {
            Self::Beat { .. } => Script::Beat,
            Self::Audit => Script::Audit,
            Self::Request(request) => request.script(),
        }
    }
}

impl Room {
    pub(super) fn of_a_batch() -> Self {
        Self { work: MOST_WORK, bytes: MOST_BYTES }
    }

    pub(super) fn is_left(&self) -> bool {
        self.work > 0 && self.bytes > 0
    }

    pub(super) fn fill(&mut self, request: &Request) {
        self.work = self.work.saturating_sub(request.work());
        self.bytes = self.bytes.saturating_sub(request.weight());
    }

    /// For one request.
    #[cfg(test)]
    pub(super) fn of_one() -> Self {
        Self { work: 1, bytes: 1 }
    }
}

impl Batch {
    /// Adds a beat for a lane.
    pub(super) fn beat(&mut self, place: usize, lane: &Arc<Lane>, common: &Common, beat: &Beat<'_>) {
        let (lease, known, new) = (common.lease.as_millis().to_string(), lane.term(), random_name());
        let Beat { link, nonce, run_id } = *beat;
        let call = lane.partition.scripts.call(Script::Beat, &lane.partition.at);
        let arguments = [&common.node, lease.as_str(), link, nonce, run_id, &known, &new];
        write_command(&mut self.commands, &call, &arguments);
        let command = Command::Beat { census: lane.census() };
        self.sent.push_back(Sent { place, lane: lane.clone(), command });
    }

    /// Adds an audit of a lane.
    pub(super) fn audit(&mut self, place: usize, lane: &Arc<Lane>, node: &str) {
        write_command(
            &mut self.commands,
            &lane.partition.scripts.call(Script::Audit, &lane.partition.at),
            &[node],
        );
        self.sent.push_back(Sent { place, lane: lane.clone(), command: Command::Audit });
    }

    /// Adds a request of a lane's.
    pub(super) fn add(&mut self, place: usize, lane: &Arc<Lane>, request: Request, node: &str, link: &str) {
        request.write(&lane.partition, node, link, &mut self.commands);
        self.sent.push_back(Sent { place, lane: lane.clone(), command: Command::Request(request) });
    }

    /// An empty one, which is written to `buffer`.
    pub(super) fn in_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        let mut batch = Self::default();
        batch.commands = buffer;
        batch
    }

    /// What is to be written to the connection; once.
    pub(super) fn take_commands(&mut self) -> Vec<u8> {
        mem::take(&mut self.commands)
    }

    /// How many commands are unanswered.
    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// The next command, with the answer that came.
    pub(super) fn answer(&mut self, reply: Reply) -> Option<(Sent, Result<Reply, Fault>)> {
        let sent = self.sent.pop_front()?;
        let result = match reply {
            Reply::Error(text) => Err(Fault::of_error(&text)),
            reply => Ok(reply),
        };
        if let (Ok(_), Command::Request(_)) = (&result, &sent.command) {
            self.overtake(&sent.lane);
        }
        Some((sent, result))
    }

    /// Redis did not do this.
    pub(super) fn not_done(&mut self, lane: Arc<Lane>, request: Request) {
        self.undone.push((lane, request));
    }

    /// Something of this lane was done, or may have been, after what was not.
    fn overtake(&mut self, lane: &Arc<Lane>) {
        let overtaken =
            |undone: &mut (Arc<Lane>, Request)| Arc::ptr_eq(&undone.0, lane) && undone.1.is_refusable();
        for (lane, request) in self.undone.extract_if(.., overtaken) {
            lane.refuse(request);
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // The last first, so that the first comes to the front.
        while let Some(Sent { lane, command, .. }) = self.sent.pop_back() {
            if let Command::Request(request) = command {
                self.overtake(&lane);
                lane.put_back(request);
            }
        }
        while let Some((lane, request)) = self.undone.pop() {
            lane.put_back(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exchange::{
            Entry, Recipient,
            redis::{partition::Layout, request::Ask, script::Constants},
        },
        metrics::Metrics,
        protocol::{Info, LeaveReason, RoomName, Signal, SignalKind, SocketId},
        room::{Event, Member},
        traces::Traces,
    };
    use std::{num::NonZeroUsize, sync::Mutex};

    #[derive(Default)]
    struct Told(Mutex<Vec<Event>>);

    impl Recipient for Told {
        fn deliver(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }

        fn handled(&self, _n: u64) {}
    }

    /// Ann sent three messages, and left.
    struct Scene {
        lane: Arc<Lane>,
        told: Arc<Told>,
        batch: Batch,
    }

    impl Scene {
        fn set() -> Self {
            let partition = Layout::new("sb", 1, &Constants::of_tests()).partitions()[0].clone();
            let lane = Arc::new(Lane::new(partition, Metrics::new().unwrap().exchange, Traces::default()));
            let (told, id) = (Arc::new(Told::default()), SocketId::from_random([1; 20]));
            let ann = Member::new(RoomName::parse("room").unwrap(), id);
            let entry = Entry { info: Info::default(), capacity: NonZeroUsize::MIN, lifeline: None };
            lane.join(&ann, entry, told.clone());
            for n in 1..=3 {
                let frame = "{}".to_owned().into();
                lane.post(&ann, id, Signal { kind: SignalKind::Message, from: id, n, frame, trace: None });
            }
            let mut batch = Batch::default();
            let leave = Request { member: ann, ask: Ask::Leave(LeaveReason::Left) };
            for request in lane.take_requests(&mut Room::of_a_batch()).into_iter().chain([leave]) {
                batch.add(0, &lane, request, "node", "1");
            }
            Self { lane, told, batch }
        }

        fn done(&mut self) {
            let (_, result) = self.batch.answer(Reply::Integer(1)).expect("one was sent");
            assert!(result.is_ok());
        }

        fn not_done(&mut self) {
            let (sent, result) = self.batch.answer(Reply::Error("NOSCRIPT".into())).expect("one was sent");
            assert!(result.is_err());
            let Command::Request(request) = sent.command else { panic!("no beat") };
            self.batch.not_done(sent.lane, request);
        }

        /// The numbers of the messages that are asked again (0 is the leaving), and those that are told as failed.
        fn settle(self) -> (Vec<u64>, Vec<u64>) {
            drop(self.batch);
            let again = self.lane.take_requests(&mut Room::of_a_batch()).into_iter().map(|request| {
                match request.ask {
                    Ask::Post { signal, .. } => signal.n,
                    _ => 0,
                }
            });
            let told = self.told.0.lock().unwrap();
            let told = told.iter().map(|event| match event {
                Event::Failed { n: Some(n), .. } => *n,
                other => panic!("{other:?}"),
            });
            (again.collect(), told.collect())
        }
    }

    #[test]
    fn what_was_not_answered_is_asked_again() {
        let mut scene = Scene::set();
        scene.done();
        assert_eq!(scene.settle(), (vec![2, 3, 0], vec![]));
    }

    #[test]
    fn what_was_not_done_is_asked_again_where_nothing_after_it_was() {
        let mut scene = Scene::set();
        scene.done();
        for _ in 0..3 {
            scene.not_done();
        }
        assert_eq!(scene.settle(), (vec![2, 3, 0], vec![]));
    }

    #[test]
    fn what_was_overtaken_is_told_as_failed() {
        let mut scene = Scene::set();
        scene.not_done();
        scene.done();
        assert_eq!(scene.settle(), (vec![3, 0], vec![1]));
    }

    #[test]
    fn what_may_have_been_overtaken_is_told_as_failed() {
        let mut scene = Scene::set();
        scene.not_done();
        scene.not_done();
        assert_eq!(scene.settle(), (vec![3, 0], vec![1, 2]), "the third may have been done");
    }

    #[test]
    fn what_must_be_done_is_asked_again_though_it_was_overtaken() {
        let mut scene = Scene::set();
        for _ in 0..3 {
            scene.done();
        }
        scene.not_done();
        assert_eq!(scene.settle(), (vec![0], vec![]));
    }
}
