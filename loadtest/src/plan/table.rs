//! The plans as a table: a column each.

use super::{
    Plan,
    ask::{Machines, Workload},
    storm::Recovery,
};
use crate::report::figures;
use std::fmt::Write;

/// A row: its name, and what it says of a plan.
type Row<'a> = (&'a str, &'a dyn Fn(&Plan) -> String);

/// The whole text.
pub(super) fn draw(work: &Workload, machines: &Machines, plans: &[Plan]) -> String {
    let mut text = assumptions(work, machines);
    let mut section = |title: &str, rows: &[Row<'_>]| {
        let _ = write!(text, "\n{}", lines(title, rows, plans));
    };
    section(
        "in the busiest second",
        &[
            ("sockets", &|plan| count(plan.sockets)),
            ("joins, and leaves", &|plan| count(plan.traffic.joins)),
            ("connections made anew", &|plan| count(plan.traffic.handshakes - plan.traffic.joins)),
            ("offers, answers, candidates", &|plan| count(plan.traffic.messages)),
            ("notices of peers", &|plan| count(plan.traffic.notices)),
            ("pings", &|plan| count(plan.traffic.pings)),
        ],
    );
    section(
        "gateway nodes",
        &[
            ("nodes", &|plan| count(plan.nodes.count)),
            ("decided by", &|plan| plan.nodes.decided_by.to_string()),
            ("each, with a zone lost: sockets", &|plan| count(plan.nodes.sockets_each)),
            ("  cores", &|plan| digits(plan.nodes.cores_each)),
            ("  memory", &|plan| memory(plan.nodes.memory_each)),
            ("  network in", &|plan| network(plan.nodes.in_each)),
            ("  network out", &|plan| network(plan.nodes.out_each)),
        ],
    );
    section(
        "Redis",
        &[
            ("shards (masters)", &|plan| count(plan.redis.count)),
            ("decided by", &|plan| plan.redis.decided_by.to_string()),
            ("partitions", &|plan| partitions(plan, machines)),
            ("the busiest: cores", &|plan| digits(plan.redis.cores_each)),
            ("  memory", &|plan| memory(plan.redis.memory_each)),
            ("  network in", &|plan| network(plan.redis.in_each)),
            ("  network out", &|plan| network(plan.redis.out_each)),
            ("  connections", &|plan| count(plan.redis.connections_each)),
        ],
    );
    if plans.iter().any(|plan| plan.storm.is_some()) {
        section("a zone is lost (simulated)", &storm_rows());
    }
    text
}

fn storm_rows() -> [Row<'static>; 11] {
    [
        ("clients that come back", &|plan| of_storm(plan, |storm| count(storm.clients))),
        ("  simulated: one of", &|plan| of_storm(plan, |storm| digits(storm.one_of))),
        ("half are back after", &|plan| of_storm(plan, |storm| time(storm.p50_s))),
        ("99 % after", &|plan| of_storm(plan, |storm| time(storm.p99_s))),
        ("all after", &|plan| of_storm(plan, |storm| time(storm.max_s))),
        ("  in time", &|plan| {
            plan.in_time.map_or_else(String::new, |is| if is { "yes" } else { "no" }.into())
        }),
        ("most connections in a second", &|plan| of_storm(plan, |storm| count(storm.peak_connections_per_s))),
        ("longest queue at a node", &|plan| of_storm(plan, |storm| storm.peak_queue.to_string())),
        ("refused by a full backlog", &|plan| of_storm(plan, |storm| count(storm.refused))),
        ("given up after 10 s", &|plan| of_storm(plan, |storm| count(storm.timeouts))),
        ("too late to resume", &|plan| of_storm(plan, |storm| count(storm.late))),
    ]
}

fn of_storm(plan: &Plan, say: impl FnOnce(&Recovery) -> String) -> String {
    plan.storm.as_ref().map(say).unwrap_or_default()
}

fn assumptions(work: &Workload, machines: &Machines) -> String {
    let mut text = String::new();
    let resumable = if work.resumable { "sessions are resumed" } else { "sessions aren't resumed" };
    let _ = writeln!(
        text,
        "Calls of {} that last {} min, {} candidates a side, {} connections broken an hour, {resumable}.\n\
         The busiest minute has {} times the average.",
        work.room_size, work.call_minutes, work.candidates, work.churn, work.peak
    );
    let _ = writeln!(
        text,
        "Nodes of {} cores and {}, {} places; Redis shards of {} core and {}. {} % stay free.",
        machines.node_cores,
        memory(machines.node_memory),
        count(machines.node_sockets),
        machines.redis_cores,
        memory(machines.redis_memory),
        (machines.headroom * 100.0).round(),
    );
    if machines.zones > 1.0 {
        let failover = match machines.failover {
            failover if failover > 0.0 => format!("a Redis master in it fails over in {failover} s"),
            _ => "no Redis master is in it".into(),
        };
        let _ = writeln!(
            text,
            "{} zones, of which one may be lost; {failover}, and all are back within {} s.",
            machines.zones, machines.recover_within
        );
    } else {
        let _ = writeln!(text, "One zone, and nothing to spare.");
    }
    text
}

fn partitions(plan: &Plan, machines: &Machines) -> String {
    let partitions = plan.redis.partitions;
    if partitions > machines.redis_partitions {
        format!("{partitions} (not {})", machines.redis_partitions)
    } else {
        partitions.to_string()
    }
}

fn lines(title: &str, rows: &[Row<'_>], plans: &[Plan]) -> String {
    let cells: Vec<Vec<String>> = rows.iter().map(|(_, say)| plans.iter().map(say).collect()).collect();
    let width =
        |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(12);
    let widths: Vec<usize> = (0..plans.len()).map(width).collect();
    let mut text = format!("{title}\n");
    for ((name, _), row) in rows.iter().zip(&cells) {
        let _ = write!(text, "  {name:<34}");
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

/// Whole, with commas; what is less than ten keeps two digits.
fn count(number: f64) -> String {
    if number < 9.95 {
        return digits(number);
    }
    figures::count(number.round() as u64)
}

/// Two digits that count.
fn digits(number: f64) -> String {
    let places = match number {
        number if number >= 9.95 => 0,
        number if number >= 0.995 => 1,
        _ => 2,
    };
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn memory(bytes: f64) -> String {
    let mib = bytes / (1024.0 * 1024.0);
    if mib >= 1024.0 { format!("{} GiB", digits(mib / 1024.0)) } else { format!("{mib:.0} MiB") }
}

fn network(bytes_per_s: f64) -> String {
    format!("{} Mbit/s", digits(bytes_per_s * 8.0 / 1e6))
}

fn time(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "never".into(), |seconds| format!("{seconds:.1} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.123, 3.0, 9.99, 1_234.6, 1e7].map(count),
            ["0", "0.12", "3", "10", "1,235", "10,000,000"]
        );
        assert_eq!([0.004, 0.25, 1.24, 12.6].map(digits), ["0", "0.25", "1.2", "13"]);
        assert_eq!([5e8, 8e9].map(memory), ["477 MiB", "7.5 GiB"]);
        assert_eq!(network(1.25e8), "1000 Mbit/s");
        assert_eq!([Some(4.26), None].map(time), ["4.3 s", "never"]);
    }
}
