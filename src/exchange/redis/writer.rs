//! The half of a link that asks: it takes what waits in its lanes, sends it in one write, and reads the answers.
//!
//! One batch is under way at a time. So requests keep their order even when a batch has to be sent again, and the busier
//! a node is, the larger its batches are, and the cheaper each request.

use super::{
    batch::{Batch, Room, Sent},
    connection::Connection,
    lane::Lane,
    link::{Common, Dead},
    request::{Request, read_beat},
    script::Script,
    topology::Server,
    trouble::Fault,
    wake::Wake,
};
use std::{sync::Arc, time::Instant};
use tokio::time::sleep_until;
use tracing::warn;

/// A lane's mailboxes are trimmed at each fifth beat, in turn with those of the others: a trim costs as much as a message.
const BEATS_PER_TRIM: usize = 5;

pub(super) struct Writer {
    connection: Connection,
    common: Arc<Common>,
    lanes: Vec<Served>,
    wake: Arc<Wake>,
    server: Server,
    /// The link's number: higher than that of any before it.
    number: String,
    /// When the link came to be: probes tell the time since.
    born: Instant,
    next_beat: Instant,
    beats: usize,
    /// The lane that comes first in the next batch.
    turn: usize,
}

/// A lane that the link serves.
struct Served {
    number: usize,
    lane: Arc<Lane>,
    /// Its slot is on the move between servers: until the next beat it asks nothing.
    rests: bool,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        common: Arc<Common>,
        lanes: &[usize],
        wake: Arc<Wake>,
        server: Server,
        born: Instant,
    ) -> Self {
        let served = |&number: &usize| Served { number, lane: common.lanes[number].clone(), rests: false };
        let lanes = lanes.iter().map(served).collect();
        let number = common.next_link().to_string();
        Self { connection, common, lanes, wake, server, number, born, next_beat: born, beats: 0, turn: 0 }
    }

    /// Works until something is wrong, or until the node stops and all is done.
    pub(super) async fn run(&mut self) -> Result<(), Fault> {
        loop {
            let batch = self.next_batch();
            if batch.len() > 0 {
                self.exchange(batch).await?;
                continue;
            }
            if self.common.stopping.is_cancelled() {
                return self.retire().await;
            }
            tokio::select! {
                biased;
                () = self.common.stopping.cancelled() => {}
                () = self.wake.writer.notified() => {}
                () = sleep_until(self.next_beat.into()) => {}
            }
        }
    }

    /// What there is to send now: the beats, if it is time, and what waits in the lanes, each in its turn.
    fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        let now = Instant::now();
        let beats = now >= self.next_beat;
        if beats {
            self.next_beat = now + self.common.beat();
            self.beats += 1;
        }
        for (place, Served { lane, rests, .. }) in self.lanes.iter_mut().enumerate() {
            *rests &= !beats;
            if beats || (!*rests && !lane.has_lease(now)) {
                let nonce = if place == 0 { self.wake.probe(now - self.born) } else { String::new() };
                batch.beat(place, lane, &self.common, &self.number, &nonce);
            }
            if beats && (self.beats + place).is_multiple_of(BEATS_PER_TRIM) {
                lane.trim();
            }
        }
        let mut room = Room::of_a_batch();
        for offset in 0..self.lanes.len() {
            let place = (self.turn + offset) % self.lanes.len();
            let Served { lane, rests, .. } = &self.lanes[place];
            // Without a lease it may send nothing but beats.
            if *rests || !lane.has_lease(now) {
                continue;
            }
            for request in lane.take_requests(&mut room) {
                batch.add(place, lane, request, &self.common.node, &self.number);
            }
        }
        self.turn = (self.turn + 1) % self.lanes.len();
        batch
    }

    /// Sends a batch and passes its answers on.
    async fn exchange(&mut self, mut batch: Batch) -> Result<(), Fault> {
        let asked = Instant::now();
        self.common.metrics.batch(batch.len());
        self.connection.send(&batch.take_commands()).await?;
        let (mut dead, mut wrong) = (Vec::new(), None);
        while batch.len() > 0 {
            let reply = self.connection.reply().await?;
            let Some((Sent { place, lane, request }, result)) = batch.answer(reply) else { break };
            let kind = request.as_ref().map_or(Script::Beat, Request::script);
            self.common.metrics.command(kind.name(), asked.elapsed());
            match (request, result) {
                (None, Ok(reply)) => {
                    let (held, lapsed) = read_beat(&reply)?;
                    let number = self.lanes[place].number;
                    self.renewed(number, &lane, asked, held);
                    dead.extend(lapsed.into_iter().map(|node| (number, node)));
                }
                (Some(request), Ok(reply)) => lane.answered(request, &reply)?,
                (Some(request), Err(Fault::Refused(text))) => {
                    if !request.is_refusable() {
                        warn!(server = %self.server.address, "{} was refused: {text}", kind.name());
                    }
                    lane.refuse(request);
                }
                (request, Err(fault)) => {
                    if let Some(request) = request {
                        batch.not_done(lane, request);
                    }
                    match fault {
                        Fault::Migrating(_) => self.lanes[place].rests = true,
                        fault => wrong = wrong.or(Some(fault)),
                    }
                }
            }
        }
        dead.retain(|(number, _)| self.common.lanes[*number].may_reap(asked));
        if !dead.is_empty() {
            // When the reaper has more to do than it can hold, the next beat tells of them again.
            let _ = self.common.dead.try_send(Dead { server: self.server.clone(), nodes: dead });
        }
        wrong.map_or(Ok(()), Err)
    }

    fn renewed(&self, number: usize, lane: &Lane, asked: Instant, held: bool) {
        lane.renewed(asked, self.common.lease, held);
        self.common.served.send_replace(());
        self.common.metrics.lease_renewed(number);
    }

    /// Gives the leases back.
    async fn retire(&mut self) -> Result<(), Fault> {
        for Served { lane, .. } in &self.lanes {
            let call = Script::Retire.call(&lane.partition.at);
            self.connection.ask(&[&call[..], &[&self.common.node]].concat()).await?;
        }
        Ok(())
    }
}
