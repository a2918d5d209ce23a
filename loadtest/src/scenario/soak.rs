//! A little of everything, for long: messages, calls, members that change. Memory mustn't grow.

use super::{be_known, calls, churn, enter, leave, measure, relay};
use crate::{
    client::Entry,
    engine::Engine,
    report::Report,
    schedule::Arrivals,
    units::{Rate, Span, some_time},
    worker::{Order, Reporter},
};
use anyhow::Result;
use clap::Args;
use serde::{Deserialize, Serialize};

/// Members of the rooms that change.
pub(crate) const ROOM_SIZE: usize = 4;
/// Growth that means nothing, whatever a process' size.
const SLACK_KIB: f64 = 2048.0;

#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    /// Rooms of two that exchange messages
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = crate::cli::count)]
    pub(crate) pairs: usize,

    /// Messages a time of all pairs together
    #[arg(long, value_name = "RATE", default_value = "200/s")]
    pub(crate) rate: Rate,

    /// Bytes of a message
    #[arg(long, value_name = "BYTES", default_value_t = 300)]
    pub(crate) size: usize,

    /// Calls of two a time
    #[arg(long, value_name = "RATE", default_value = "2/s")]
    pub(crate) calls: Rate,

    /// Rooms of four whose members change
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = crate::cli::count)]
    pub(crate) rooms: usize,

    /// Joins a time in those rooms; after each of them somebody leaves
    #[arg(long, value_name = "RATE", default_value = "5/s")]
    pub(crate) joins: Rate,

    /// Time before what is measured
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) warmup: Span,

    /// Time that is measured
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = some_time)]
    pub(crate) duration: Span,

    /// By how many percent, or by 2 MiB if that is more, the mean memory of a watched process in the last third of the time
    /// may be above that in the second
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub(crate) growth: f64,
}

impl Settings {
    pub(crate) fn sockets(&self) -> usize {
        self.pairs * 2 + self.calls().sockets() + self.churn().sockets()
    }

    fn relay(&self) -> relay::Settings {
        relay::Settings {
            pairs: self.pairs,
            rate: Some(self.rate),
            window: None,
            size: self.size,
            burst: 1,
            arrivals: Arrivals::Poisson,
            warmup: self.warmup,
            duration: self.duration,
        }
    }

    fn calls(&self) -> calls::Settings {
        calls::Settings {
            rate: self.calls,
            room_size: 2,
            hold: Span(std::time::Duration::from_secs(5)),
            join_only: false,
            arrivals: Arrivals::Poisson,
            warmup: self.warmup,
            duration: self.duration,
        }
    }

    fn churn(&self) -> churn::Settings {
        churn::Settings {
            rooms: self.rooms,
            room_size: ROOM_SIZE,
            rate: self.joins,
            arrivals: Arrivals::Poisson,
            warmup: self.warmup,
            duration: self.duration,
        }
    }
}

pub(crate) async fn run(settings: &Settings, order: &Order, reporter: &mut Reporter) -> Result<()> {
    let mut crowd = order.crowd(settings.size.max(calls::OFFER))?;
    let mut rooms = Vec::new();
    for pair in order.mine(settings.pairs) {
        rooms.push(crowd.add_room(0, &format!("pair-{pair}"), 2));
    }
    let relay = relay::Relay::new(&settings.relay(), &rooms, settings.pairs, order.seed_of_mine());
    let (churn, standing) = churn::Churn::new(&settings.churn(), 1, order, &mut crowd);
    let calls = calls::Calls::new(&settings.calls(), 2, order);
    let engine = Engine::new(crowd, vec![Box::new(relay), Box::new(churn), Box::new(calls)])?;
    reporter.watch(&engine);
    rooms.extend(standing);
    enter(&engine, &rooms.concat(), Entry::Join).await?;
    be_known(&engine, &rooms).await?;
    measure(&engine, reporter, settings.warmup.0, settings.duration.0).await?;
    leave(&engine).await;
    Ok(())
}

/// Says which processes grew.
pub(crate) fn check(settings: &Settings, report: &mut Report) {
    for process in &report.processes {
        let seen: Vec<f64> = report
            .timeline
            .iter()
            .filter(|moment| moment.at_s >= 0.0 && moment.at_s <= report.measured_s)
            .filter_map(|moment| moment.resident_kib.get(&process.name))
            .map(|kib| *kib as f64)
            .collect();
        if let Some(Growth { second, last, allowed }) = growth(&seen, settings.growth) {
            report.passed = false;
            report.findings.push(format!(
                "memory grew: {} had {second:.0} KiB in the second third of the time and {last:.0} in the last; no more \
                 than {allowed:.0} KiB of growth would do",
                process.name
            ));
        }
    }
}

struct Growth {
    second: f64,
    last: f64,
    allowed: f64,
}

/// Whether there is more in the last third than in the second, by more than is allowed.
fn growth(seen_kib: &[f64], percent: f64) -> Option<Growth> {
    let third = seen_kib.len() / 3;
    if third == 0 {
        return None;
    }
    let second = mean(&seen_kib[third..2 * third]);
    let last = mean(&seen_kib[2 * third..]);
    let allowed = (second * percent / 100.0).max(SLACK_KIB);
    (last > second + allowed).then_some(Growth { second, last, allowed })
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_keeps_growing_is_found() {
        let leaking: Vec<f64> = (0..30).map(|second| 100_000.0 + 1000.0 * f64::from(second)).collect();
        assert!(growth(&leaking, 5.0).is_some());
        assert!(growth(&leaking, 10.0).is_none());
    }

    #[test]
    fn what_is_needed_at_first_or_is_little_is_no_growth() {
        let warm: Vec<f64> = (0..30).map(|second| if second < 10 { 10_000.0 } else { 90_000.0 }).collect();
        assert!(growth(&warm, 5.0).is_none());
        let little: Vec<f64> = (0..30).map(|second| 5000.0 + 100.0 * f64::from(second)).collect();
        assert!(growth(&little, 5.0).is_none(), "1 MiB more isn't above 2 MiB");
        assert!(growth(&[], 5.0).is_none());
    }
}
