//! What so many sockets do in the busiest second: from first principles, without regard to who serves them.
//!
//! A call of M has M(M−1)/2 links. Each begins with an offer, an answer and candidates both ways. Its members come and go
//! one by one, so a coming or a going is told to (M−1)/2 others on average. A connection that breaks begins all links of
//! its client anew, as its network changed.

use super::{ask::Workload, costs::Costs};
use serde::Serialize;

/// The SDK asks for a sign of life after such a silence (`client/sdk/connection.js`), before the gateway does, at 25 s.
const PING_EVERY_S: f64 = 20.0;

/// Messages of a burst that one acknowledgement stands for: of 32, or of half a second (`client/sdk/signaling.js`).
const MESSAGES_AN_ACK: f64 = 4.0;

/// A message waits in its mailbox until it is acknowledged: half a second, and the way.
const WAITS_S: f64 = 1.0;

/// How long the version of a room is kept that all have left.
const NAME_KEPT_S: f64 = 86_400.0;

/// Things that happen in a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Traffic {
    pub(super) calls: f64,
    pub(super) joins: f64,
    pub(super) leaves: f64,
    /// Sessions that go on on another connection.
    pub(super) resumes: f64,
    pub(super) handshakes: f64,
    /// Offers, answers and candidates.
    pub(super) messages: f64,
    /// Of those.
    pub(super) message_bytes: f64,
    /// What members show anew.
    pub(super) infos: f64,
    /// Comings, goings and infos, each counted for each who is told.
    pub(super) notices: f64,
    /// Pings with their pongs.
    pub(super) pings: f64,
    /// Acknowledgements, of clients and of nodes.
    pub(super) acks: f64,
    /// Names of rooms that Redis remembers.
    pub(super) room_names: f64,
}

/// What it comes to, all machines together; the nodes' beats aside.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Load {
    /// Cores of nodes, and of Redis.
    pub(super) node_cores: f64,
    pub(super) redis_cores: f64,
    pub(super) redis_bytes: f64,
    /// Bytes a second, between nodes and clients, and between nodes and Redis.
    pub(super) from_clients: f64,
    pub(super) to_clients: f64,
    pub(super) to_redis: f64,
    pub(super) from_redis: f64,
    pub(super) to_replicas: f64,
}

impl Traffic {
    pub(super) fn of(sockets: f64, work: &Workload) -> Self {
        let members = work.room_size;
        let others = members - 1.0;
        let stay_s = work.call_minutes * 60.0;
        let calls = sockets / members / stay_s * work.peak;
        let breaks = sockets * work.churn / 3600.0;
        // Who can't resume leaves, and joins anew.
        let (resumes, rejoins) = if work.resumable { (breaks, 0.0) } else { (0.0, breaks) };
        let begun = calls * members * others / 2.0;
        let again = breaks * others;
        let (infos, later) = (calls * members * work.infos, begun * work.renegotiations);
        let offers = 2.0 * (begun + again + later);
        let candidates = 2.0 * work.candidates * (begun + again);
        let come_and_go = calls * members * others;
        Self {
            calls,
            joins: calls * members + rejoins,
            leaves: calls * members + rejoins,
            resumes,
            handshakes: calls * members + breaks,
            messages: offers + candidates,
            message_bytes: offers * work.offer_bytes + candidates * work.candidate_bytes,
            infos,
            // Away and back, or left and joined: told to all others.
            notices: come_and_go + infos * members + 2.0 * breaks * others,
            pings: sockets / PING_EVERY_S,
            acks: if work.resumable { 2.0 * (offers + candidates) / MESSAGES_AN_ACK } else { 0.0 },
            room_names: sockets / members / stay_s * NAME_KEPT_S,
        }
    }

    pub(super) fn load(&self, sockets: f64, costs: &Costs) -> Load {
        let (node, redis, bytes, memory) =
            (&costs.node_cpu, &costs.redis_cpu, &costs.bytes, &costs.redis_memory);
        let frames = self.messages + self.notices + self.pings + self.acks / 2.0;
        Load {
            node_cores: self.handshakes * node.handshake.0
                + self.joins * node.join.0
                + self.leaves * node.leave.0
                + self.resumes * node.resume.0
                + self.messages * node.relay.0
                + self.notices * node.notice.0
                + (self.pings + self.acks + self.infos) * node.frame.0,
            redis_cores: self.joins * redis.join.0
                + self.leaves * redis.leave.0
                + self.resumes * (redis.resume.0 + redis.detach.0)
                + self.messages * redis.relay.0
                + self.infos * redis.info.0
                + self.notices * redis.notice.0,
            redis_bytes: sockets * memory.session.0
                + self.room_names * memory.room_name.0
                + WAITS_S * (self.messages * memory.message.0 + self.message_bytes),
            from_clients: self.message_bytes
                + self.messages * bytes.packet.0
                + (self.pings + self.acks / 2.0) * (bytes.small_frame.0 + bytes.packet.0)
                + self.infos * (bytes.notice.0 + bytes.packet.0)
                + self.handshakes * bytes.handshake_in.0,
            to_clients: self.message_bytes
                + frames * bytes.packet.0
                + (self.pings + self.acks / 2.0) * bytes.small_frame.0
                + self.notices * bytes.notice.0
                + self.handshakes * bytes.handshake_out.0,
            to_redis: self.message_bytes
                + self.messages * bytes.relay_to_redis.0
                + self.acks / 2.0 * bytes.relay_to_redis.0
                + (self.joins + self.resumes + self.infos) * bytes.join_to_redis.0
                + self.leaves * bytes.leave_to_redis.0,
            from_redis: self.message_bytes
                + self.messages * bytes.relay_from_redis.0
                + (self.joins + self.resumes) * bytes.join_from_redis.0
                + self.leaves * bytes.leave_from_redis.0
                + self.notices * bytes.notice.0,
            // The mailbox' change and what is published.
            to_replicas: 2.0 * (self.message_bytes + self.messages * bytes.relay_from_redis.0)
                + (self.joins + self.resumes) * bytes.join_to_redis.0
                + self.leaves * bytes.leave_to_redis.0
                + self.notices * bytes.notice.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::workload;
    use super::*;

    fn close(figure: f64, wanted: f64) {
        assert!((figure - wanted).abs() < 1e-9 * wanted.abs().max(1.0), "{figure} is not {wanted}");
    }

    #[test]
    fn a_call_of_two_is_counted_by_hand() {
        // 3,600 sockets in calls of two of an hour: half a call a second, one member.
        let mut work = workload();
        (work.room_size, work.call_minutes, work.peak, work.churn) = (2.0, 60.0, 1.0, 0.0);
        let traffic = Traffic::of(3600.0, &work);
        close(traffic.calls, 0.5);
        close(traffic.joins, 1.0);
        close(traffic.handshakes, 1.0);
        // One link: an offer, an answer, ten candidates each way, and once again an offer and an answer.
        close(traffic.messages, 0.5 * 24.0);
        close(traffic.message_bytes, 0.5 * (4.0 * 2500.0 + 20.0 * 300.0));
        // The one there is told of the second's coming, and the one left of the first's going; four infos of each to both.
        close(traffic.notices, 0.5 * (2.0 + 16.0));
        close(traffic.pings, 180.0);
        close(traffic.room_names, 0.5 * 86_400.0);
    }

    #[test]
    fn what_breaks_is_resumed_or_joined_anew() {
        let mut work = workload();
        (work.room_size, work.call_minutes, work.peak, work.churn) = (4.0, 60.0, 1.0, 1.0);
        let resumed = Traffic::of(3600.0, &work);
        close(resumed.resumes, 1.0);
        close(resumed.joins, 1.0);
        close(resumed.handshakes, 2.0);
        work.resumable = false;
        let joined = Traffic::of(3600.0, &work);
        close(joined.resumes, 0.0);
        close(joined.joins, 2.0);
        close(joined.messages, resumed.messages);
        close(joined.acks, 0.0);
    }
}
