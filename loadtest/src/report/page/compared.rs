//! Several runs side by side.

use super::super::{
    Report,
    chart::{Bars, Fold, table},
    figures::{as_f64, count, memory, time, with_unit},
};
use super::{curves, document, escape, foremost, section, verdict};
use std::collections::BTreeSet;

/// The page of several runs, in the order in which they are given.
pub(crate) fn comparison(reports: &[Report]) -> String {
    let names = names(reports);
    let title = format!("Compared: {}", names.join(", "));
    let body = [
        head(reports, &names),
        section("At a glance", &summary(reports, &names)),
        section("Latency", &latency(reports, &names)),
        section("Cost", &cost(reports, &names)),
        section("Settings", &settings(reports, &names)),
    ];
    document(&title, &body.concat())
}

/// Labels; those of several get a number.
fn names(reports: &[Report]) -> Vec<String> {
    let name = |(place, report): (usize, &Report)| {
        let is_alone = reports.iter().filter(|other| other.label == report.label).count() == 1;
        if is_alone { report.label.clone() } else { format!("{} ({})", report.label, place + 1) }
    };
    reports.iter().enumerate().map(name).collect()
}

fn head(reports: &[Report], names: &[String]) -> String {
    let kinds: BTreeSet<_> = reports.iter().map(|report| report.scenario.as_str()).collect();
    let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
    let entry = |(report, name): (&Report, &String)| {
        let class = if report.passed { "held" } else { "missed" };
        format!(
            "<li class=\"{class}\"><strong>{}</strong> <span>{}</span></li>\n",
            escape(name),
            escape(&verdict(report))
        )
    };
    let verdicts: String = reports.iter().zip(names).map(entry).collect();
    format!(
        "<header>\n<p class=\"kind\">Load tests · {}</p>\n<h1>{} compared</h1>\n<ul class=\"judged\">\n{verdicts}</ul>\n</header>\n",
        escape(&kinds),
        super::some(reports.len() as u64, "run", "runs"),
    )
}

fn summary(reports: &[Report], names: &[String]) -> String {
    let head = ["", "messages/s", "timed", "p50", "p99", "p99.9", "max", "CPU a message", "sockets"];
    let rows = reports.iter().zip(names).map(|(report, name)| {
        let latency = foremost(report).and_then(|name| report.latencies.get(name));
        let of = |figure: fn(&super::super::Latency) -> u64| {
            latency.map_or_else(|| "–".into(), |latency| curves::us(figure(latency)))
        };
        vec![
            name.clone(),
            with_unit(as_f64(report.counts.received) / report.measured_s, "/s"),
            foremost(report).unwrap_or("–").into(),
            of(|latency| latency.p50_us),
            of(|latency| latency.p99_us),
            of(|latency| latency.p999_us),
            of(|latency| latency.max_us),
            report.cpu_us_per_message(None).map_or_else(|| "–".into(), time),
            count(report.counts.connected),
        ]
    });
    format!("<div class=\"wide\">{}</div>\n", table(&head, rows))
}

fn latency(reports: &[Report], names: &[String]) -> String {
    // Runs that time different things say which.
    let timed: BTreeSet<_> = reports.iter().map(foremost).collect();
    let name = |report: &Report, name: &String| match foremost(report) {
        Some(what) if timed.len() > 1 => format!("{name}, {what}"),
        _ => name.clone(),
    };
    let named: Vec<_> = reports.iter().zip(names).map(|(report, own)| (name(report, own), report)).collect();
    let latencies = named
        .iter()
        .filter_map(|(name, report)| Some((name.clone(), report.latencies.get(foremost(report)?)?)));
    let latencies: Vec<_> = latencies.collect();
    let by_percentile = curves::by_percentile("Latency by percentile", &latencies).draw();
    let line = |(name, report): &(String, &Report)| {
        curves::over_time(report, name.as_str(), Fold::Most, |moment| moment.p99_us.map(as_f64))
    };
    let by_second = curves::timed("p99 by second", named.iter().map(line).collect(), curves::log_time).draw();
    let charts = [by_percentile, by_second].concat();
    if charts.is_empty() { charts } else { format!("<div class=\"charts\">\n{charts}\n</div>\n") }
}

fn cost(reports: &[Report], names: &[String]) -> String {
    let cpu: Vec<_> = reports.iter().map(|report| report.cpu_us_per_message(None)).collect();
    let cpu = Bars {
        title: "CPU a message",
        description: "Over the messages that were received".into(),
        kinds: names.to_vec(),
        rows: vec![("all watched processes".into(), cpu)],
        tell: time,
    };
    let stages: BTreeSet<_> =
        reports.iter().flat_map(|report| report.stages.iter().map(|stage| &stage.name)).collect();
    // In the order of a run, not of the alphabet.
    let mut order: Vec<_> =
        reports.iter().flat_map(|report| report.stages.iter().map(|stage| &stage.name)).collect();
    order.retain({
        let mut left = stages;
        move |name| left.remove(name)
    });
    let memories = order.into_iter().map(|stage| {
        let each = reports.iter().map(|report| report.resident_kib_per_socket(None, stage));
        (stage.clone(), each.collect::<Vec<_>>())
    });
    let memories = Bars {
        title: "Memory a socket, at rest",
        description: "Beyond what the processes had before".into(),
        kinds: names.to_vec(),
        rows: memories.filter(|(_, bars)| bars.iter().any(Option::is_some)).collect(),
        tell: memory,
    };
    let charts = [cpu.draw(), memories.draw()].concat();
    if charts.is_empty() { charts } else { format!("<div class=\"charts\">\n{charts}\n</div>\n") }
}

fn settings(reports: &[Report], names: &[String]) -> String {
    let keys: BTreeSet<_> = reports.iter().flat_map(|report| report.settings.keys()).collect();
    let head: Vec<&str> = [""].into_iter().chain(names.iter().map(String::as_str)).collect();
    let of_run = |what: &str, of: fn(&Report) -> String| {
        [what.to_owned()].into_iter().chain(reports.iter().map(of)).collect::<Vec<_>>()
    };
    let fixed = [
        of_run("scenario", |report| report.scenario.clone()),
        of_run("dialect", |report| report.dialect.clone()),
        of_run("started", |report| report.started_at.clone()),
        of_run("workers", |report| report.workers.to_string()),
    ];
    let rows = keys.into_iter().map(|key| {
        let values = reports.iter().map(|report| report.settings.get(key).cloned().unwrap_or_default());
        [key.clone()].into_iter().chain(values).collect()
    });
    format!("<div class=\"wide\">{}</div>\n", table(&head, fixed.into_iter().chain(rows)))
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn each_run_is_named_and_judged() {
        let html = comparison(&[sample::relay(), sample::failed()]);
        assert!(html.contains("<li class=\"held\"><strong>switchboard, two nodes</strong>"));
        assert!(html.contains("<li class=\"missed\"><strong>socket.io"));
        assert!(html.contains("2 runs compared"));
    }

    #[test]
    fn runs_that_time_different_things_say_which() {
        let html = comparison(&[sample::relay(), sample::idle()]);
        assert!(html.contains(">switchboard, two nodes (1), relay<"));
        assert!(html.contains(">switchboard, two nodes (2), join<"));
        assert!(!comparison(&[sample::relay(), sample::relay()]).contains("(1), relay"));
    }

    #[test]
    fn runs_of_one_name_are_told_apart() {
        assert_eq!(
            names(&[sample::idle(), sample::idle()]),
            ["switchboard, two nodes (1)", "switchboard, two nodes (2)"]
        );
    }

    #[test]
    fn stages_stand_in_their_order() {
        let html = comparison(&[sample::idle(), sample::idle()]);
        let place = |text: &str| html.find(text).unwrap();
        assert!(place(">connected<") < place(">joined<") && place(">joined<") < place(">after an offer<"));
    }
}
