//! How this node is, for its own operators and for those of other nodes.

use super::{
    Admin,
    model::{Histogram, Report},
};
use crate::exchange::{Attendant, Question};
use std::time::SystemTime;

impl Attendant for Admin {
    fn answer(&self, question: Question) -> String {
        if question == Question::Drain {
            self.gateway.drain();
        }
        serde_json::to_string(&self.report()).expect("plain data")
    }
}

impl Admin {
    fn report(&self) -> Report {
        let readings = self.gateway.metrics.readings();
        let redis = readings.distribution("switchboard_redis_command_duration_seconds");
        let repairs = ["switchboard_sync_repairs_total", "switchboard_audit_repairs_total"];
        Report {
            version: env!("CARGO_PKG_VERSION").into(),
            started_at: timestamp(self.started),
            draining: !self.gateway.phase.borrow().is_serving(),
            sockets: readings.level("switchboard_sockets"),
            members: readings.level("switchboard_members"),
            signals: readings.count("switchboard_signals_total"),
            repairs: repairs.iter().map(|name| readings.count(name)).sum(),
            limits: readings.count("switchboard_limits_total"),
            gaps: readings.count("switchboard_gaps_total"),
            join_seconds: readings.distribution("switchboard_join_duration_seconds").into(),
            // A node that has a Redis has asked it something: it began with a beat.
            redis_seconds: (redis.count > 0).then(|| Histogram::from(redis)),
            memory_bytes: readings.memory_bytes(),
            health: self.gateway.exchange.health().err(),
        }
    }
}

fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
