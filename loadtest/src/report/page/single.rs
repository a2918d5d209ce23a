//! One run: what it was, what came of it, and how to do it again.

use super::super::{
    Report,
    chart::{Axis, Bars, Fold, table},
    figures::{as_f64, bytes, count, digits, memory, seconds, time, with_unit},
};
use super::{LAG, capital, curves, document, escape, foremost, is_done, section, verdict, words};

/// The page of one run.
pub(crate) fn page(report: &Report) -> String {
    let body = [
        head(report),
        tiles(report),
        section("Thresholds", &thresholds(report)),
        section("Findings", &findings(report)),
        section("Latency", &latency(report)),
        section("Over time", &over_time(report)),
        section("Memory of a socket", &stages(report)),
        section("Counts", &counts(report)),
        section("Processes", &processes(report)),
        section("Settings", &settings(report)),
        section("Run it again", &format!("<pre><code>{}</code></pre>\n", escape(&command(report)))),
    ];
    document(&format!("{}: {}", report.scenario, report.label), &body.concat())
}

fn head(report: &Report) -> String {
    let class = if report.passed { "passed" } else { "failed" };
    format!(
        "<header>\n<p class=\"kind\">Load test · {scenario}</p>\n<h1>{label}</h1>\n<p class=\"verdict {class}\">{verdict}</p>\n\
         <p class=\"when\">{dialect} at {urls} · {time} from {started} · {workers}</p>\n</header>\n",
        scenario = escape(&report.scenario),
        label = escape(&report.label),
        verdict = escape(&verdict(report)),
        dialect = escape(&report.dialect),
        urls = escape(&report.urls.join(", ")),
        time = seconds(report.measured_s),
        started = escape(&report.started_at),
        workers = super::some(u64::from(report.workers), "worker", "workers"),
    )
}

/// The figures that one looks for first.
fn tiles(report: &Report) -> String {
    let mut tiles = Vec::new();
    for stage in report.stages.iter().filter(|stage| stage.sockets > 0) {
        if let Some(kib) = report.resident_kib_per_socket(None, &stage.name) {
            tiles.push(("Memory a socket".to_owned(), memory(kib), stage.name.clone()));
        }
    }
    // A run of stages is about memory; its few messages only belong to it.
    let is_of_messages = report.counts.received > 0 && report.stages.is_empty();
    if is_of_messages {
        let rate = as_f64(report.counts.received) / report.measured_s;
        tiles.push(("Throughput".into(), with_unit(rate, "/s"), "messages received".into()));
    }
    if let Some((name, latency)) = foremost(report).and_then(|name| Some((name, report.latencies.get(name)?)))
    {
        let tile = |what: &str, us: u64, note: &str| {
            (format!("{} {what}", capital(name)), curves::us(us), note.to_owned())
        };
        tiles.push(tile("p50", latency.p50_us, "half within"));
        tiles.push(tile("p99", latency.p99_us, "99 of 100 within"));
        tiles.push(tile("max", latency.max_us, "all within"));
    }
    if let Some(cpu) = report.cpu_us_per_message(None).filter(|_| is_of_messages) {
        tiles.push(("CPU a message".into(), time(cpu), "all watched processes".into()));
    }
    tiles.push(("Sockets".into(), count(report.counts.connected), "connected".into()));
    let tile = |(name, figure, note): &(String, String, String)| {
        format!(
            "<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>\n",
            escape(name),
            escape(figure),
            escape(note)
        )
    };
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.iter().map(tile).collect::<String>())
}

fn thresholds(report: &Report) -> String {
    let entry = |verdict: &super::super::Verdict| {
        let (class, word) = if verdict.held { ("held", "held") } else { ("missed", "missed") };
        let figure = verdict.figure.as_deref().unwrap_or("not measured");
        format!(
            "<li class=\"{class}\"><code>{}</code> <span>{word}: {}</span></li>\n",
            escape(&verdict.threshold),
            escape(figure)
        )
    };
    list("judged", report.verdicts.iter().map(entry))
}

fn findings(report: &Report) -> String {
    list("findings", report.findings.iter().map(|finding| format!("<li>{}</li>\n", escape(finding))))
}

fn list(class: &str, entries: impl Iterator<Item = String>) -> String {
    let entries: String = entries.collect();
    if entries.is_empty() { entries } else { format!("<ul class=\"{class}\">\n{entries}</ul>\n") }
}

fn latency(report: &Report) -> String {
    let latencies: Vec<_> = report.latencies.iter().map(|(name, latency)| (name.clone(), latency)).collect();
    if latencies.is_empty() {
        return String::new();
    }
    let head = ["", "count", "mean", "min", "p50", "p90", "p99", "p99.9", "max"];
    let rows = latencies.iter().map(|(name, latency)| {
        let name = if name == LAG { "lag of the generator" } else { name };
        let mut row = vec![name.to_owned(), count(latency.count), time(latency.mean_us)];
        let figures =
            [latency.min_us, latency.p50_us, latency.p90_us, latency.p99_us, latency.p999_us, latency.max_us];
        row.extend(figures.map(curves::us));
        row
    });
    let summary = format!("<div class=\"wide\">{}</div>\n", table(&head, rows));
    let served: Vec<_> = latencies.iter().filter(|(name, _)| name != LAG).cloned().collect();
    let chart = curves::by_percentile("Latency by percentile", &served).draw();
    let line = |name, of: fn(&super::super::Moment) -> Option<u64>| {
        curves::over_time(report, name, Fold::Most, move |moment| of(moment).map(as_f64))
    };
    let lines = vec![line("p50", |at| at.p50_us), line("p99", |at| at.p99_us), line("max", |at| at.max_us)];
    let title = format!("{} by second", foremost(report).map_or_else(|| "Latency".into(), capital));
    let timed = curves::timed(&title, lines, curves::log_time).draw();
    format!("<div class=\"charts\">\n{chart}\n{timed}\n</div>\n{summary}")
}

fn over_time(report: &Report) -> String {
    let rate = |name, of: fn(&super::super::Moment) -> u64| {
        curves::over_time(report, name, Fold::Mean, move |moment| Some(as_f64(of(moment))))
    };
    let per_second =
        |lines: &[super::super::chart::Line]| Axis::from_zero("messages", curves::most(lines), rate_told);
    let sent_and_received = vec![rate("sent", |at| at.sent), rate("received", |at| at.received)];
    let had_messages = report.timeline.iter().any(|moment| moment.sent + moment.received > 0);
    let throughput = if had_messages {
        curves::timed("Messages a second", sent_and_received, per_second).draw()
    } else {
        String::new()
    };
    let sockets = vec![rate("open", |at| at.sockets)];
    let sockets =
        curves::timed("Sockets", sockets, |lines| Axis::from_zero("sockets", curves::most(lines), digits))
            .draw();
    let each = |of: fn(&super::super::Moment, &str) -> Option<f64>| {
        let line = |process: &super::super::Process| {
            let name = process.name.clone();
            curves::over_time(report, name.clone(), Fold::Mean, move |moment| of(moment, &name))
        };
        report.processes.iter().map(line).collect::<Vec<_>>()
    };
    let cores = each(|moment, name| moment.cores.get(name).copied());
    let cores =
        curves::timed("Cores in use", cores, |lines| Axis::from_zero("cores", curves::most(lines), digits))
            .draw();
    let resident = each(|moment, name| moment.resident_kib.get(name).copied().map(as_f64));
    let resident = curves::timed("Resident memory", resident, memory_axis).draw();
    let charts = [throughput, sockets, cores, resident].concat();
    if charts.is_empty() { charts } else { format!("<div class=\"charts\">\n{charts}</div>\n") }
}

fn rate_told(rate: f64) -> String {
    with_unit(rate, "/s")
}

/// In MiB, so that its marks are round.
fn memory_axis(lines: &[super::super::chart::Line]) -> Axis {
    let mut axis = Axis::from_zero("memory", curves::most(lines) / 1024.0, |_| String::new());
    axis.scale =
        super::super::chart::Scale::linear(0.0, axis.marks.last().map_or(1.0, |(mib, _)| mib * 1024.0));
    axis.tell = memory;
    axis.marks = axis.marks.into_iter().map(|(mib, _)| (mib * 1024.0, with_unit(mib, "MiB"))).collect();
    axis
}

fn stages(report: &Report) -> String {
    let kinds: Vec<String> = report.processes.iter().map(|process| process.name.clone()).collect();
    let held = report.stages.iter().filter(|stage| stage.sockets > 0);
    let rows: Vec<_> = held
        .map(|stage| {
            let bars = kinds.iter().map(|name| report.resident_kib_per_socket(Some(name), &stage.name));
            (stage.name.clone(), bars.collect::<Vec<_>>())
        })
        .collect();
    let description = "Resident memory beyond what the process had before, a socket".to_owned();
    let bars = Bars { title: "KiB a socket, at rest", description, kinds, rows, tell: memory }.draw();
    if report.stages.is_empty() {
        return String::new();
    }
    let head: Vec<&str> = ["stage", "sockets"]
        .into_iter()
        .chain(report.processes.iter().map(|process| process.name.as_str()))
        .collect();
    let rows = report.stages.iter().map(|stage| {
        let sizes = report.processes.iter().map(|process| {
            stage.resident_kib.get(&process.name).map_or_else(String::new, |kib| memory(as_f64(*kib)))
        });
        [stage.name.clone(), count(stage.sockets)].into_iter().chain(sizes).collect()
    });
    format!("<div class=\"charts\">\n{bars}<div class=\"wide\">{}</div>\n</div>\n", table(&head, rows))
}

fn counts(report: &Report) -> String {
    let entry = |(name, number): (&str, u64)| {
        let class = match (is_done(name), number) {
            (true, _) => "",
            (false, 0) => " class=\"zero\"",
            (false, _) => " class=\"wrong\"",
        };
        let figure = if name == "sent_bytes" { bytes(number) } else { count(number) };
        format!("<div{class}><dt>{}</dt><dd>{figure}</dd></div>\n", escape(&words(name)))
    };
    let (done, wrong): (Vec<_>, Vec<_>) =
        report.counts.named().into_iter().partition(|(name, _)| is_done(name));
    // What the scenario has nothing to do with isn't told.
    let done: String = done.into_iter().filter(|(_, number)| *number > 0).map(entry).collect();
    let wrong: String = wrong.into_iter().map(entry).collect();
    format!(
        "<dl class=\"counts\">\n{done}</dl>\n<h3>What has to be zero</h3>\n<dl class=\"counts\">\n{wrong}</dl>\n"
    )
}

fn processes(report: &Report) -> String {
    if report.processes.is_empty() {
        return String::new();
    }
    let head = ["", "CPU", "cores", "CPU a message", "memory before", "at most", "after"];
    let rows = report.processes.iter().map(|process| {
        let cpu = report.cpu_us_per_message(Some(&process.name)).map_or_else(|| "–".into(), time);
        let sizes = [process.resident_before_kib, process.resident_peak_kib, process.resident_after_kib];
        let mut row = vec![
            process.name.clone(),
            seconds(process.cpu_s),
            digits(process.cpu_s / report.measured_s),
            cpu,
        ];
        row.extend(sizes.map(|kib| memory(as_f64(kib))));
        row
    });
    format!("<div class=\"wide\">{}</div>\n", table(&head, rows))
}

fn settings(report: &Report) -> String {
    let entry = |(name, value): (&String, &String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value))
    };
    let entries: String = report.settings.iter().map(entry).collect();
    if entries.is_empty() { entries } else { format!("<dl class=\"counts settings\">\n{entries}</dl>\n") }
}

/// The command that does the same again. Processes have other numbers then.
fn command(report: &Report) -> String {
    let mut words = vec![format!("loadtest {}", report.scenario)];
    words.extend(report.urls.iter().map(|url| format!("--url {}", quoted(url))));
    words.push(format!("--dialect {}", quoted(&report.dialect)));
    words.extend(report.settings.iter().filter(|(_, value)| *value != "false").map(|(name, value)| {
        if value == "true" { format!("--{name}") } else { format!("--{name} {}", quoted(value)) }
    }));
    words.push(format!("--workers {}", report.workers));
    if report.label != report.dialect {
        words.push(format!("--label {}", quoted(&report.label)));
    }
    words.extend(report.processes.iter().map(|process| format!("--process {}=PID", quoted(&process.name))));
    words.extend(report.verdicts.iter().map(|verdict| format!("--threshold {}", quoted(&verdict.threshold))));
    words.join(" \\\n  ")
}

/// As a shell wants it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn the_command_is_one_for_a_shell() {
        let command = command(&sample::relay());
        assert!(command.starts_with("loadtest relay \\\n  --url ws://127.0.0.1:8080/ws"), "{command}");
        assert!(command.contains("--threshold 'relay.p99<=10ms'") && command.contains("--process redis=PID"));
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn what_has_to_be_zero_stands_out_if_it_is_not() {
        assert!(!page(&sample::relay()).contains("class=\"wrong\""));
        let html = page(&sample::failed());
        assert!(html.contains("<div class=\"wrong\"><dt>lost</dt><dd>12</dd></div>"));
        assert!(html.contains("<div class=\"zero\"><dt>duplicated</dt><dd>0</dd></div>"));
        assert!(html.contains(
            "<li class=\"missed\"><code>join.p99&lt;=1ms</code> <span>missed: not measured</span>"
        ));
    }

    #[test]
    fn a_run_of_nothing_has_a_page_too() {
        let mut report = sample::relay();
        report.timeline.clear();
        report.latencies.clear();
        report.processes.clear();
        report.verdicts.clear();
        report.settings.clear();
        let html = page(&report);
        assert!(!html.contains("<svg") && !html.contains("NaN") && !html.contains("inf"));
    }

    #[test]
    fn charts_have_tables_and_words() {
        let html = page(&sample::relay());
        assert_eq!(html.matches("<svg").count(), html.matches("<desc>").count());
        assert_eq!(html.matches("<svg").count(), html.matches("<summary>Table</summary>").count());
        assert!(html.contains("Latency by percentile") && html.contains("99.99\u{202f}%"));
        assert!(page(&sample::idle()).contains("KiB a socket, at rest"));
    }
}
