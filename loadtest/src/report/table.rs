//! The report as a table, for a terminal.

use super::{
    Latency, Report, Verdict,
    figures::{self, as_f64, count},
};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use std::fmt::Write as _;

/// Draws all that there is to tell.
pub(crate) fn draw(report: &Report) -> String {
    let mut text = format!("{} of {}, {:.1} s measured\n", report.scenario, report.label, report.measured_s);
    for table in [counts(report), latencies(report), processes(report), stages(report), thresholds(report)] {
        if !table.is_empty() {
            let _ = write!(text, "\n{}\n", figures::plain(&table.trim_fmt()));
        }
    }
    if !report.findings.is_empty() {
        text.push('\n');
    }
    for finding in &report.findings {
        let _ = writeln!(text, "{finding}");
    }
    let verdict = if report.passed { "passed" } else { "failed" };
    let _ = write!(text, "\n{verdict}");
    text
}

/// The first `names` columns are words, and those that follow figures.
fn table(names: usize, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header);
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if place >= names {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn counts(report: &Report) -> Table {
    let mut table = table(1, &["count", ""]);
    for (name, number) in report.counts.named() {
        if number > 0 {
            table.add_row([name.to_owned(), count(number)]);
        }
    }
    if report.measured_s > 0.0 && report.counts.received > 0 {
        let rate = as_f64(report.counts.received) / report.measured_s;
        table.add_row(["received a second".to_owned(), figures::digits(rate)]);
    }
    table
}

fn latencies(report: &Report) -> Table {
    let mut table = table(1, &["time", "count", "mean", "p50", "p90", "p99", "p99.9", "max"]);
    for (name, latency) in &report.latencies {
        let Latency { p50_us, p90_us, p99_us, p999_us, max_us, .. } = latency;
        let mut row = vec![name.clone(), count(latency.count), figures::time(latency.mean_us)];
        row.extend([p50_us, p90_us, p99_us, p999_us, max_us].map(|us| figures::time(as_f64(*us))));
        table.add_row(row);
    }
    table
}

fn processes(report: &Report) -> Table {
    let mut table = table(1, &["process", "CPU", "a message", "memory before", "peak", "after"]);
    let cost = |us: Option<f64>| us.map_or_else(String::new, figures::time);
    for process in &report.processes {
        let mut row = vec![
            process.name.clone(),
            figures::seconds(process.cpu_s),
            cost(report.cpu_us_per_message(Some(&process.name))),
        ];
        let sizes = [process.resident_before_kib, process.resident_peak_kib, process.resident_after_kib];
        row.extend(sizes.map(|kib| figures::memory(as_f64(kib))));
        table.add_row(row);
    }
    let received = Some(as_f64(report.counts.received)).filter(|received| *received > 0.0);
    table.add_row([
        "(generator)".to_owned(),
        figures::seconds(report.generator_cpu_s),
        cost(received.map(|received| report.generator_cpu_s * 1e6 / received)),
    ]);
    table
}

fn stages(report: &Report) -> Table {
    let mut table = table(1, &["stage", "sockets", "process", "memory", "a socket"]);
    for stage in &report.stages {
        let mut row = |process: &str, kib: u64, each: Option<f64>| {
            let each = each.map_or_else(String::new, figures::memory);
            let memory = figures::memory(as_f64(kib));
            table.add_row([stage.name.clone(), count(stage.sockets), process.to_owned(), memory, each]);
        };
        for (process, kib) in &stage.resident_kib {
            row(process, *kib, report.resident_kib_per_socket(Some(process), &stage.name));
        }
        if stage.resident_kib.len() > 1 {
            let all = stage.resident_kib.values().sum();
            row("all", all, report.resident_kib_per_socket(None, &stage.name));
        }
    }
    table
}

fn thresholds(report: &Report) -> Table {
    let mut table = table(1, &["threshold", "figure", ""]);
    for Verdict { threshold, figure, held } in &report.verdicts {
        let figure = figure.as_deref().unwrap_or("not measured");
        table.add_row([threshold.as_str(), figure, if *held { "held" } else { "missed" }]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn what_was_asked_is_answered() {
        let text = draw(&sample::failed());
        assert!(text.contains("relay.p99<=10ms") && text.contains("not measured  missed"), "{text}");
        assert!(text.ends_with("failed"), "{text}");
        assert!(!draw(&sample::idle()).contains("threshold"));
    }

    #[test]
    fn where_nothing_was_heard_a_message_has_no_cost() {
        let mut report = sample::relay();
        report.counts.received = 0;
        let text = draw(&report);
        let generator = text.lines().find(|line| line.starts_with("(generator)")).unwrap();
        assert_eq!(generator.split_whitespace().collect::<Vec<_>>(), ["(generator)", "4.2", "s"]);
    }
}
