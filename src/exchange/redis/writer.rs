//! The half of a link that asks: it takes what waits in its lanes, sends it in one write, and reads the answers.
//!
//! One batch is under way at a time. So requests keep their order even when a batch has to be sent again, and the busier
//! a node is, the larger its batches are, and the cheaper each request.

use super::{
    connection::{Connection, Reply, write_command},
    lane::{Lane, Wake},
    link::{Common, Dead},
    request::{Request, read_beat},
    script::Script,
    topology::Server,
    trouble::Fault,
};
use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep_until;

/// Requests of one lane in one batch, so that no lane holds up the others for long.
const REQUESTS_PER_LANE: usize = 256;

pub(super) struct Writer {
    connection: Connection,
    common: Arc<Common>,
    lanes: Vec<(usize, Arc<Lane>)>,
    wake: Arc<Wake>,
    server: Server,
    /// The link's number: higher than that of any before it.
    number: String,
    /// When the link came to be: probes tell the time since.
    born: Instant,
    next_beat: Instant,
}

/// What was sent, and is not answered yet. Dropped, it goes back to where it came from.
#[derive(Default)]
struct Batch {
    commands: Vec<u8>,
    sent: VecDeque<Sent>,
}

enum Sent {
    Beat(usize, Arc<Lane>),
    Request(Arc<Lane>, Request),
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
        let lanes = lanes.iter().map(|&number| (number, common.lanes[number].clone())).collect();
        let number = common.next_link().to_string();
        Self { connection, common, lanes, wake, server, number, born, next_beat: born }
    }

    /// Works until something is wrong, or until the node stops and all is done.
    pub(super) async fn run(&mut self) -> Result<(), Fault> {
        loop {
            let batch = self.next_batch();
            if !batch.sent.is_empty() {
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

    /// What there is to send now: first the beat, if it is time; of a lane without a lease, nothing else.
    fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        let now = Instant::now();
        let beats = now >= self.next_beat;
        if beats {
            self.next_beat = now + self.common.beat();
        }
        for (place, (number, lane)) in self.lanes.iter().enumerate() {
            let has_lease = lane.has_lease(now);
            if beats || !has_lease {
                let nonce = if place == 0 { nonce(now - self.born) } else { String::new() };
                batch.beat(*number, lane, &self.common, [&self.number, &nonce]);
                lane.trim();
            }
            if has_lease {
                for request in lane.take_requests(REQUESTS_PER_LANE) {
                    batch.add(lane, request, &self.common.node, &self.number);
                }
            }
        }
        batch
    }

    /// Sends a batch and passes its answers on.
    async fn exchange(&mut self, mut batch: Batch) -> Result<(), Fault> {
        let metrics = self.common.metrics.clone();
        let asked = Instant::now();
        metrics.batch(batch.sent.len());
        self.connection.send(&mem::take(&mut batch.commands)).await?;
        let mut dead = Vec::new();
        while !batch.sent.is_empty() {
            let reply = self.connection.reply().await?;
            let Some(sent) = batch.sent.pop_front() else { break };
            match sent {
                Sent::Beat(number, lane) => {
                    if let Reply::Error(text) = &reply {
                        return Err(Fault::of_error(text));
                    }
                    metrics.command(Script::Beat.name(), asked.elapsed());
                    let (held, lapsed) = read_beat(&reply)?;
                    lane.renewed(asked, self.common.lease, held);
                    self.common.served.send_replace(());
                    metrics.lease_renewed(number);
                    if lane.may_reap(Instant::now()) {
                        dead.extend(lapsed.into_iter().map(|node| (number, node)));
                    }
                }
                Sent::Request(lane, request) => {
                    metrics.command(request.script().name(), asked.elapsed());
                    lane.answered(request, &reply)?;
                }
            }
        }
        if !dead.is_empty() {
            // When the reaper has more to do than it can hold, the next beat tells of them again.
            let _ = self.common.dead.try_send(Dead { server: self.server.clone(), nodes: dead });
        }
        Ok(())
    }

    /// Gives the leases back.
    async fn retire(&mut self) -> Result<(), Fault> {
        for (_, lane) in &self.lanes {
            let command = ["EVALSHA", Script::Retire.hash(), "1", &lane.partition.at, &self.common.node];
            self.connection.ask(&command).await?;
        }
        Ok(())
    }
}

impl Batch {
    fn beat(&mut self, number: usize, lane: &Arc<Lane>, common: &Common, link_and_nonce: [&str; 2]) {
        let lease = common.lease.as_millis().to_string();
        let call = ["EVALSHA", Script::Beat.hash(), "1", &lane.partition.at, &common.node, &lease];
        write_command(&mut self.commands, &call, &link_and_nonce);
        self.sent.push_back(Sent::Beat(number, lane.clone()));
    }

    fn add(&mut self, lane: &Arc<Lane>, request: Request, node: &str, link: &str) {
        request.write(&lane.partition, node, link, &mut self.commands);
        self.sent.push_back(Sent::Request(lane.clone(), request));
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        while let Some(sent) = self.sent.pop_back() {
            if let Sent::Request(lane, request) = sent {
                lane.put_back(request);
            }
        }
    }
}

/// What a probe says: the time since the link was born, in microseconds.
fn nonce(age: Duration) -> String {
    age.as_micros().to_string()
}
