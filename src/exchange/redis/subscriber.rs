//! The half of a link that hears: it subscribes to its members' channels and hands each what comes.
//!
//! It also hears the link's own probe, which the beat publishes: a connection that is open and brings nothing would
//! otherwise never be noticed.

use super::{
    connection::{Connection, Reply, text_of, write_command},
    deadline::Deadline,
    delivery::{self, Delivery},
    inquiry::Inquiry,
    lane::{Channel, Lane},
    link::Common,
    trouble::Fault,
    wake::Wake,
};
use crate::protocol::SocketId;
use std::{collections::HashMap, sync::Arc, time::Instant};

/// Channels in one command.
const CHANNELS_PER_COMMAND: usize = 512;

/// Channels that may be unconfirmed: Redis keeps its answers in memory until they are read.
const MAX_UNCONFIRMED: usize = 16 * CHANNELS_PER_COMMAND;

pub(super) struct Subscriber {
    connection: Connection,
    common: Arc<Common>,
    lanes: Vec<Arc<Lane>>,
    wake: Arc<Wake>,
    born: Instant,
    /// The channel of the link's probe, and of what other nodes ask, in the first of the link's partitions.
    probe: String,
    first: usize,
    /// The last sign that this connection brings what is published.
    heard: Instant,
    unconfirmed: usize,
    /// Channels that are being left, and how often: who leaves may come back at once.
    leaving: HashMap<SocketId, usize>,
}

impl Subscriber {
    pub(super) fn new(
        connection: Connection,
        common: Arc<Common>,
        lanes: &[usize],
        wake: Arc<Wake>,
        born: Instant,
    ) -> Self {
        let first = lanes[0];
        let lanes: Vec<_> = lanes.iter().map(|&number| common.lanes[number].clone()).collect();
        let probe = lanes[0].partition.probe(&common.node);
        Self {
            connection,
            common,
            lanes,
            wake,
            born,
            probe,
            first,
            heard: born,
            unconfirmed: 0,
            leaving: HashMap::new(),
        }
    }

    /// Works until something is wrong.
    pub(super) async fn run(&mut self) -> Fault {
        match self.work().await {
            Ok(never) => match never {},
            Err(fault) => fault,
        }
    }

    async fn work(&mut self) -> Result<std::convert::Infallible, Fault> {
        let mut commands = Vec::new();
        write_command(&mut commands, &["SSUBSCRIBE", &self.probe], &[""; 0]);
        self.connection.send(&commands).await?;
        self.unconfirmed += 1;
        let mut alarm = Deadline::new(self.deaf_at());
        loop {
            self.change_channels().await?;
            alarm.set(self.deaf_at());
            let may_send = self.unconfirmed < MAX_UNCONFIRMED;
            tokio::select! {
                biased;
                reply = self.connection.read() => {
                    self.hear(&reply?)?;
                    while let Some(reply) = self.connection.read_ready()? {
                        self.hear(&reply)?;
                    }
                }
                () = self.wake.subscriber.notified(), if may_send => {}
                () = alarm.passed() => {
                    if self.wake.unheard().is_some() && self.deaf_at() <= Instant::now() {
                        return Err(Fault::Deaf);
                    }
                }
            }
        }
    }

    /// When this connection has been silent for too long after a probe was sent; or when to look again.
    fn deaf_at(&self) -> Instant {
        let silent_since = match self.wake.unheard() {
            Some(sent) => self.heard.max(self.born + sent),
            None => Instant::now(),
        };
        silent_since + self.common.timeout
    }

    /// Sends what changes there are, as many as may be unconfirmed.
    async fn change_channels(&mut self) -> Result<(), Fault> {
        let mut commands = Vec::new();
        for lane in &self.lanes {
            while self.unconfirmed < MAX_UNCONFIRMED {
                let channels = lane.take_channels(CHANNELS_PER_COMMAND);
                let Some(first) = channels.first() else { break };
                let command = match first {
                    Channel::Subscribe(_) => "SSUBSCRIBE",
                    Channel::Unsubscribe(_) => "SUNSUBSCRIBE",
                };
                let names = channels.iter().map(|channel| {
                    let (Channel::Subscribe(member) | Channel::Unsubscribe(member)) = channel;
                    lane.partition.mailbox_of(member)
                });
                write_command(&mut commands, &[command], &names.collect::<Vec<_>>());
                for channel in &channels {
                    if let Channel::Unsubscribe(member) = channel {
                        *self.leaving.entry(member.id).or_default() += 1;
                    }
                }
                self.unconfirmed += channels.len();
            }
        }
        if commands.is_empty() { Ok(()) } else { self.connection.send(&commands).await }
    }

    fn hear(&mut self, reply: &Reply) -> Result<(), Fault> {
        // Whatever comes shows that the connection brings what is published. The probe may wait behind much else.
        self.heard = Instant::now();
        let parts = match reply {
            Reply::Array(parts) => parts.as_slice(),
            Reply::Error(text) => return Err(Fault::of_error(text)),
            _ => &[],
        };
        let [kind, Reply::BulkString(channel), what] = parts else {
            return Err(Fault::Garbled("a push came in another shape".into()));
        };
        match (text_of(kind), what) {
            (Some("smessage"), Reply::BulkString(payload)) => self.message(channel, payload),
            (Some("ssubscribe"), _) => self.confirmed(channel),
            (Some("sunsubscribe"), _) => return self.unsubscribed(channel),
            _ => return Err(Fault::Garbled("a push of another kind".into())),
        }
        Ok(())
    }

    fn message(&mut self, channel: &[u8], payload: &[u8]) {
        if channel == self.probe.as_bytes() {
            if let Some(sent) = self.wake.heard(payload) {
                self.common.metrics.probed(self.born.elapsed().saturating_sub(sent));
            } else if let Some(inquiry) = Inquiry::read(self.first, payload) {
                // Who asks more than can be answered waits in vain.
                let _ = self.common.inquiries.try_send(inquiry);
            }
        } else if let Some((number, id, _)) = self.common.layout.owner_of(channel)
            && let Some(delivery) = delivery::read(payload)
        {
            let lane = &self.common.lanes[number];
            match delivery {
                Delivery::Event(event) => lane.deliver(id, event),
                Delivery::TakenOver(attempt) => lane.taken_over(id, attempt),
                Delivery::Ended(reason) => lane.ended(id, reason),
            }
        }
    }

    fn confirmed(&mut self, channel: &[u8]) {
        self.unconfirmed = self.unconfirmed.saturating_sub(1);
        if let Some((number, id, room)) = self.common.layout.owner_of(channel)
            && self.common.lanes[number].subscribed(id, room)
        {
            self.common.metrics.resubscriptions.inc();
        }
    }

    /// Redis also unsubscribes by itself, when a slot moves to another server.
    fn unsubscribed(&mut self, channel: &[u8]) -> Result<(), Fault> {
        self.unconfirmed = self.unconfirmed.saturating_sub(1);
        let wanted = match self.common.layout.owner_of(channel) {
            Some((number, id, room)) => !self.was_left(id) && self.common.lanes[number].has(id, room),
            None => true,
        };
        if wanted { Err(Fault::Moved("its slots went to another server".into())) } else { Ok(()) }
    }

    /// Whether this channel was left by our own wish; once for each.
    fn was_left(&mut self, id: SocketId) -> bool {
        let Some(times) = self.leaving.get_mut(&id) else { return false };
        *times -= 1;
        if *times == 0 {
            self.leaving.remove(&id);
        }
        true
    }
}
