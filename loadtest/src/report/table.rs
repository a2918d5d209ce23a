//! The report as a table, for a terminal.

use super::{Counts, Latency, Report};
use comfy_table::{Table, presets::NOTHING};
use std::fmt::Write as _;

/// Draws all that there is to tell.
pub(crate) fn draw(report: &Report) -> String {
    let mut text = format!("{} of {}, {:.1} s measured\n", report.scenario, report.label, report.measured_s);
    for table in [counts(report), latencies(report), processes(report), stages(report)] {
        if !table.is_empty() {
            let _ = write!(text, "\n{table}\n");
        }
    }
    for finding in &report.findings {
        let _ = write!(text, "\n{finding}");
    }
    let verdict = if report.passed { "passed" } else { "failed" };
    let _ = write!(text, "\n{verdict}");
    text
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header);
    table
}

fn counts(report: &Report) -> Table {
    let mut table = table(&["count", ""]);
    for (name, count) in report.counts.named() {
        if count > 0 {
            table.add_row([name.to_owned(), count.to_string()]);
        }
    }
    if report.measured_s > 0.0 {
        let rate = report.counts.received as f64 / report.measured_s;
        table.add_row(["received a second".to_owned(), format!("{rate:.0}")]);
    }
    table
}

fn latencies(report: &Report) -> Table {
    let mut table = table(&["time", "count", "mean", "p50", "p90", "p99", "p99.9", "max"]);
    for (name, latency) in &report.latencies {
        let Latency { count, mean_us, p50_us, p90_us, p99_us, p999_us, max_us, .. } = latency;
        let mean_us = *mean_us as u64;
        let mut row = vec![name.clone(), count.to_string()];
        row.extend([mean_us, *p50_us, *p90_us, *p99_us, *p999_us, *max_us].map(time));
        table.add_row(row);
    }
    table
}

fn processes(report: &Report) -> Table {
    let mut table = table(&["process", "CPU s", "CPU µs a message", "KiB before", "peak", "after"]);
    for process in &report.processes {
        let received = report.counts.received.max(1) as f64;
        table.add_row([
            process.name.clone(),
            format!("{:.2}", process.cpu_s),
            format!("{:.2}", process.cpu_s * 1e6 / received),
            process.resident_before_kib.to_string(),
            process.resident_peak_kib.to_string(),
            process.resident_after_kib.to_string(),
        ]);
    }
    let received = report.counts.received.max(1) as f64;
    table.add_row([
        "(generator)".to_owned(),
        format!("{:.2}", report.generator_cpu_s),
        format!("{:.2}", report.generator_cpu_s * 1e6 / received),
    ]);
    table
}

fn stages(report: &Report) -> Table {
    let mut table = table(&["stage", "sockets", "process", "KiB", "KiB a socket"]);
    let Some(first) = report.stages.first() else { return table };
    for stage in &report.stages {
        let of = |process: &str| stage.resident_kib.get(process).copied().unwrap_or(0);
        let before = |process: &str| first.resident_kib.get(process).copied().unwrap_or(0);
        let mut row = |process: &str, kib: u64, before: u64| {
            let more = kib as f64 - before as f64;
            let each =
                if stage.sockets > 0 { format!("{:.2}", more / stage.sockets as f64) } else { String::new() };
            table.add_row([
                stage.name.clone(),
                stage.sockets.to_string(),
                process.to_owned(),
                kib.to_string(),
                each,
            ]);
        };
        for process in stage.resident_kib.keys() {
            row(process, of(process), before(process));
        }
        if stage.resident_kib.len() > 1 {
            row("all", stage.resident_kib.values().sum(), first.resident_kib.values().sum());
        }
    }
    table
}

fn time(us: u64) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{:.2} ms", us as f64 / 1e3),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}

impl Counts {
    /// Each count, as the JSON names it.
    pub(crate) fn named(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("connected", self.connected),
            ("joined", self.joined),
            ("resumed", self.resumed),
            ("calls", self.calls),
            ("sent", self.sent),
            ("received", self.received),
            ("sent_bytes", self.sent_bytes),
            ("skipped", self.skipped),
            ("connect_failures", self.connect_failures),
            ("join_failures", self.join_failures),
            ("disconnects", self.disconnects),
            ("errors", self.errors),
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("misordered", self.misordered),
            ("misattributed", self.misattributed),
            ("corrupted", self.corrupted),
            ("wrong_notices", self.wrong_notices),
        ]
    }
}
