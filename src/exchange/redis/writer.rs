//! The half of a link that asks: it takes what waits in its lanes, sends it in one write, and reads the answers.
//!
//! One batch is under way at a time. So requests keep their order even when a batch has to be sent again, and the busier
//! a node is, the larger its batches are, and the cheaper each request.

use super::{
    batch::{Batch, Beat, Command, Room, Sent},
    connection::Connection,
    deadline::Deadline,
    lane::Lane,
    link::{Common, Due, ToReap},
    request::{Pulse, read_audit, read_beat},
    script::Script,
    topology::Server,
    trouble::Fault,
    wake::Wake,
};
use crate::room::Member;
use std::{mem, sync::Arc, time::Instant};
use tracing::warn;

/// A lane's mailboxes are trimmed at each fifth beat, in turn with those of the others: a trim costs as much as a message.
const BEATS_PER_TRIM: usize = 5;

/// Bytes of commands that a writer keeps room for between two batches.
const SPARE_BUFFER: usize = 64 * 1024;

pub(super) struct Writer {
    connection: Connection,
    /// What the next batch is written to.
    buffer: Vec<u8>,
    common: Arc<Common>,
    lanes: Vec<Served>,
    wake: Arc<Wake>,
    server: Server,
    /// The link's number: higher than that of any before it.
    number: String,
    /// The server's process.
    run_id: String,
    /// When the link came to be: probes tell the time since.
    born: Instant,
    next_beat: Instant,
    alarm: Deadline,
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
    /// Redis seems to know other sessions as this node's than the node itself.
    audit_is_due: bool,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        common: Arc<Common>,
        lanes: &[usize],
        wake: Arc<Wake>,
        server: Server,
        run_id: String,
        born: Instant,
    ) -> Self {
        let served = |&number: &usize| Served {
            number,
            lane: common.lanes[number].clone(),
            rests: false,
            audit_is_due: false,
        };
        let lanes = lanes.iter().map(served).collect();
        let number = common.next_link().to_string();
        Self {
            connection,
            buffer: Vec::new(),
            common,
            lanes,
            wake,
            server,
            number,
            run_id,
            born,
            next_beat: born,
            alarm: Deadline::new(born),
            beats: 0,
            turn: 0,
        }
    }

    /// Works until something is wrong, or until the node stops and all is done.
    pub(super) async fn run(&mut self) -> Result<(), Fault> {
        loop {
            let mut batch = self.next_batch();
            if batch.len() > 0 {
                self.exchange(batch).await?;
                continue;
            }
            self.buffer = batch.take_commands();
            let is_stopping = self.common.stopping.is_cancelled();
            // What waits for the others to gather, or for a slot to move, is still to be done; the supervisor's patience ends it.
            if is_stopping && self.lanes.iter().all(|Served { lane, .. }| lane.is_idle()) {
                return self.retire().await;
            }
            self.alarm.set(self.next_beat);
            tokio::select! {
                biased;
                () = self.common.stopping.cancelled(), if !is_stopping => {}
                () = self.wake.writer.notified() => {}
                () = self.alarm.passed() => {}
            }
        }
    }

    /// What there is to send now: the beats, if it is time, and what waits in the lanes, each in its turn.
    fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::in_buffer(mem::take(&mut self.buffer));
        let now = Instant::now();
        let beats = now >= self.next_beat;
        if beats {
            self.next_beat = now + self.common.beat();
            self.beats += 1;
        }
        for (place, Served { lane, rests, audit_is_due, .. }) in self.lanes.iter_mut().enumerate() {
            *rests &= !beats;
            if beats || (!*rests && !lane.may_ask(now)) {
                let nonce = if place == 0 { self.wake.probe(now - self.born) } else { String::new() };
                let beat = Beat { link: &self.number, nonce: &nonce, run_id: &self.run_id };
                batch.beat(place, lane, &self.common, &beat);
                if mem::take(audit_is_due) {
                    batch.audit(place, lane, &self.common.node);
                }
            }
            if beats && (self.beats + place).is_multiple_of(BEATS_PER_TRIM) {
                lane.trim();
            }
        }
        let mut room = Room::of_a_batch();
        for offset in 0..self.lanes.len() {
            let place = (self.turn + offset) % self.lanes.len();
            let Served { lane, rests, .. } = &self.lanes[place];
            if *rests || !lane.may_ask(now) {
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
        let commands = batch.take_commands();
        self.connection.send(&commands).await?;
        self.buffer = commands;
        self.buffer.shrink_to(SPARE_BUFFER);
        let (mut due, mut wrong) = (Vec::new(), None);
        while batch.len() > 0 {
            let reply = self.connection.reply().await?;
            let Some((Sent { place, lane, command }, result)) = batch.answer(reply) else { break };
            let kind = command.script();
            self.common.metrics.command(kind.name(), asked.elapsed());
            let number = self.lanes[place].number;
            match (command, result) {
                (Command::Beat { census }, Ok(reply)) => {
                    let pulse = read_beat(&reply)?;
                    self.renewed(number, &lane, asked, &pulse);
                    if census.is_some() && census != pulse.sessions && pulse.sessions.is_some() {
                        self.lanes[place].audit_is_due = true;
                    }
                    due.extend(pulse.dead.into_iter().map(|node| (number, Due::Node(node))));
                    due.extend(pulse.expired.then_some((number, Due::Windows)));
                }
                (Command::Audit, Ok(reply)) => self.audited(&lane, read_audit(&reply)?),
                (Command::Request(request), Ok(reply)) => lane.answered(request, &reply)?,
                (Command::Request(request), Err(Fault::Refused(text))) => {
                    if !request.is_refusable() {
                        warn!(server = %self.server.address, "{} was refused: {text}", kind.name());
                    }
                    lane.refuse(request);
                }
                (command, Err(fault)) => {
                    if let Command::Request(request) = command {
                        batch.not_done(lane, request);
                    }
                    match fault {
                        Fault::Migrating(_) => self.lanes[place].rests = true,
                        fault => wrong = wrong.or(Some(fault)),
                    }
                }
            }
        }
        due.retain(|(number, _)| self.common.lanes[*number].may_reap(asked));
        if !due.is_empty() {
            // When the reaper has more to do than it can hold, the next beat tells of them again.
            let _ = self.common.reaping.try_send(ToReap { server: self.server.clone(), due });
        }
        wrong.map_or(Ok(()), Err)
    }

    fn renewed(&self, number: usize, lane: &Lane, asked: Instant, pulse: &Pulse) {
        lane.renewed(asked, self.common.lease, pulse);
        self.common.served.send_replace(());
        self.common.metrics.lease_renewed(number);
    }

    /// What Redis holds of this node is compared with what the node knows.
    fn audited(&self, lane: &Lane, sessions: Vec<Member>) {
        let ghosts = lane.audited(sessions);
        if ghosts > 0 {
            warn!(ghosts, "Redis had sessions of this node that are gone; giving them up");
            self.common.metrics.ghosts.inc_by(ghosts as u64);
        }
    }

    /// Gives the leases back.
    async fn retire(&mut self) -> Result<(), Fault> {
        for Served { lane, .. } in &self.lanes {
            let call = lane.partition.scripts.call(Script::Retire, &lane.partition.at);
            self.connection.ask(&[&call[..], &[&self.common.node]].concat()).await?;
        }
        Ok(())
    }
}
