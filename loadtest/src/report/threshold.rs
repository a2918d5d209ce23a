//! Thresholds: what a run has to keep within, such as `relay.p99<=10ms`, and whether it did.

use super::{Counts, Latency, Report, Verdict, figures::as_f64};
use crate::tally::Timed;
use std::{fmt, str::FromStr};

/// A statistic of a latency, in microseconds.
type Statistic = fn(&Latency) -> f64;

const STATISTICS: [(&str, Statistic); 7] = [
    ("p50", |latency| as_f64(latency.p50_us)),
    ("p90", |latency| as_f64(latency.p90_us)),
    ("p99", |latency| as_f64(latency.p99_us)),
    ("p999", |latency| as_f64(latency.p999_us)),
    ("max", |latency| as_f64(latency.max_us)),
    ("min", |latency| as_f64(latency.min_us)),
    ("mean", |latency| latency.mean_us),
];

/// A figure and its bound.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    text: String,
    figure: Figure,
    bound: Bound,
    value: f64,
    unit: Unit,
}

#[derive(Clone, Debug)]
enum Figure {
    Latency {
        timed: String,
        statistic: Statistic,
    },
    Count(String),
    /// Of one process, or of all that were watched.
    Cpu(Option<String>),
    Throughput,
    Resident {
        process: Option<String>,
        stage: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Most,
    Least,
}

/// What a bound is written in: its name, and how many of the figure's own unit it is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit {
    name: &'static str,
    size: f64,
}

const PLAIN: Unit = Unit { name: "", size: 1.0 };

const TIMES: [Unit; 4] = [
    Unit { name: "us", size: 1.0 },
    Unit { name: "µs", size: 1.0 },
    Unit { name: "ms", size: 1e3 },
    Unit { name: "s", size: 1e6 },
];

const RATES: [Unit; 1] = [Unit { name: "/s", size: 1.0 }];

impl Threshold {
    /// Whether the run kept within it.
    pub(crate) fn judge(&self, report: &Report) -> Verdict {
        let figure = self.figure.of(report).filter(|figure| figure.is_finite());
        let held = figure.is_some_and(|figure| match self.bound {
            Bound::Most => figure <= self.value * self.unit.size,
            Bound::Least => figure >= self.value * self.unit.size,
        });
        let figure = figure.map(|figure| format!("{}{}", number(figure / self.unit.size), self.unit.name));
        Verdict { threshold: self.text.clone(), figure, held }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = |what: String| format!("threshold `{text}`: {what}");
        let (bound, name, value) = split(text).ok_or_else(|| {
            wrong(
                "it has no `<=` or `>=`; write a figure, one of both, and a number: `relay.p99<=10ms`".into(),
            )
        })?;
        let figure: Figure = name.parse().map_err(wrong)?;
        let (value, unit) = measure(value, figure.units(), &figure.example()).map_err(wrong)?;
        Ok(Self { text: text.into(), figure, bound, value, unit })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split(text: &str) -> Option<(Bound, &str, &str)> {
    let (bound, (name, value)) = match text.split_once("<=") {
        Some(sides) => (Bound::Most, sides),
        None => (Bound::Least, text.split_once(">=")?),
    };
    Some((bound, name.trim(), value.trim()))
}

/// A number and its unit, which must be one of those; a figure without units takes none.
fn measure(text: &str, units: &[Unit], example: &str) -> Result<(f64, Unit), String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (value, unit) = (text[..digits].parse::<f64>(), text[digits..].trim());
    let value = value.map_err(|_| format!("`{text}` is no number; write `{example}`"))?;
    let known = |known: &&Unit| known.name == unit;
    match units.iter().find(known) {
        Some(unit) => Ok((value, *unit)),
        None if units.contains(&PLAIN) => {
            Err(format!("`{unit}` is too much, the figure has no unit; write `{example}`"))
        }
        None => {
            let names: Vec<_> = units.iter().map(|unit| unit.name).collect();
            Err(format!("`{text}` needs a unit: {}; write `{example}`", names.join(", ")))
        }
    }
}

impl FromStr for Figure {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let (group, rest) = match name.split_once('.') {
            Some((group, rest)) => (group, Some(rest)),
            None => (name, None),
        };
        match (group, rest) {
            ("counts", Some(field)) if counts().any(|known| known == field) => Ok(Self::Count(field.into())),
            ("counts", Some(field)) => {
                Err(format!("no count is named `{field}`; there are {}", list(counts())))
            }
            ("counts", None) => Err(format!("which count? `counts.` and one of {}", list(counts()))),
            ("cpu_us_per_message", process) => Ok(Self::Cpu(process.map(Into::into))),
            ("throughput", None) => Ok(Self::Throughput),
            ("resident_kib_per_socket", Some(rest)) => Ok(match rest.split_once('.') {
                Some((process, stage)) => {
                    Self::Resident { process: Some(process.into()), stage: stage.into() }
                }
                None => Self::Resident { process: None, stage: rest.into() },
            }),
            ("resident_kib_per_socket", None) => {
                Err("at which stage? Such as `resident_kib_per_socket.joined<=7`".into())
            }
            (timed, statistic) if Timed::ALL.iter().any(|known| known.name() == timed) => {
                let known = STATISTICS.iter().find(|(name, _)| Some(*name) == statistic);
                let known = known.ok_or_else(|| {
                    let names = list(STATISTICS.iter().map(|(name, _)| *name));
                    match statistic {
                        Some(other) => format!("a latency has no `{other}`; it has {names}"),
                        None => format!("which figure of `{timed}`? `{timed}.` and one of {names}"),
                    }
                })?;
                Ok(Self::Latency { timed: timed.into(), statistic: known.1 })
            }
            (other, _) => Err(format!(
                "there is no figure `{other}`; there are the latencies {}, and counts.NAME, \
                 cpu_us_per_message[.PROCESS], throughput and resident_kib_per_socket[.PROCESS].STAGE",
                list(Timed::ALL.map(Timed::name))
            )),
        }
    }
}

impl Figure {
    fn units(&self) -> &'static [Unit] {
        match self {
            Self::Latency { .. } => &TIMES,
            Self::Throughput => &RATES,
            Self::Count(_) | Self::Cpu(_) | Self::Resident { .. } => &[PLAIN],
        }
    }

    fn example(&self) -> String {
        match self {
            Self::Latency { timed, .. } => format!("{timed}.p99<=10ms"),
            Self::Throughput => "throughput>=1000/s".into(),
            Self::Count(field) => format!("counts.{field}<=0"),
            Self::Cpu(_) => "cpu_us_per_message<=20".into(),
            Self::Resident { stage, .. } => format!("resident_kib_per_socket.{stage}<=7"),
        }
    }

    /// In its own unit: microseconds, KiB, messages a second. None where the run has no such figure.
    fn of(&self, report: &Report) -> Option<f64> {
        match self {
            Self::Latency { timed, statistic } => report.latencies.get(timed).map(statistic),
            Self::Count(field) => report
                .counts
                .named()
                .iter()
                .find(|(name, _)| name == field)
                .map(|(_, number)| as_f64(*number)),
            Self::Throughput => Some(as_f64(report.counts.received) / report.measured_s),
            Self::Cpu(process) => report.cpu_us_per_message(process.as_deref()),
            Self::Resident { process, stage } => report.resident_kib_per_socket(process.as_deref(), stage),
        }
    }
}

impl Report {
    /// Judges the run by these, too.
    pub(crate) fn judge(&mut self, thresholds: &[Threshold]) {
        self.verdicts = thresholds.iter().map(|threshold| threshold.judge(self)).collect();
        self.passed &= self.verdicts.iter().all(|verdict| verdict.held);
    }
}

/// Figures that are worked out of others; the page shows them, too.
impl Report {
    /// CPU of one of the watched processes, or of all, over the messages that were received.
    pub(crate) fn cpu_us_per_message(&self, process: Option<&str>) -> Option<f64> {
        let chosen = self.processes.iter().filter(|one| process.is_none_or(|name| one.name == name));
        let spent: Vec<f64> = chosen.map(|one| one.cpu_s).collect();
        let is_known = !spent.is_empty() && self.counts.received > 0;
        is_known.then(|| spent.iter().sum::<f64>() * 1e6 / as_f64(self.counts.received))
    }

    /// What a socket takes at a stage, beyond what the process (or all together) had before.
    pub(crate) fn resident_kib_per_socket(&self, process: Option<&str>, stage: &str) -> Option<f64> {
        let stage = self.stages.iter().find(|one| one.name == stage)?;
        let chosen = self.processes.iter().filter(|one| process.is_none_or(|name| one.name == name));
        let mut grown = Vec::new();
        for one in chosen {
            grown.push(as_f64(*stage.resident_kib.get(&one.name)?) - as_f64(one.resident_before_kib));
        }
        let is_known = !grown.is_empty() && stage.sockets > 0;
        is_known.then(|| grown.iter().sum::<f64>() / as_f64(stage.sockets))
    }
}

fn counts() -> impl Iterator<Item = &'static str> {
    Counts::default().named().into_iter().map(|(name, _)| name)
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Three digits, but no fewer than there are before the point.
fn number(figure: f64) -> String {
    let digits = if figure.abs() >= 100.0 { 0 } else { usize::from(figure.abs() < 10.0) + 1 };
    let text = format!("{figure:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn judged(threshold: &str) -> Verdict {
        threshold.parse::<Threshold>().unwrap().judge(&sample::relay())
    }

    fn refused(threshold: &str) -> String {
        threshold.parse::<Threshold>().unwrap_err()
    }

    #[test]
    fn latencies_are_judged_in_the_unit_of_the_threshold() {
        let mut report = sample::relay();
        report.latencies.get_mut("relay").unwrap().p99_us = 10_000;
        let judge = |text: &str| text.parse::<Threshold>().unwrap().judge(&report);
        for (text, figure, held) in [
            ("relay.p99<=10ms", "10ms", true),
            ("relay.p99<=9.999ms", "10ms", false),
            ("relay.p99<=10000us", "10000us", true),
            ("relay.p99 <= 0.01 s", "0.01s", true),
            ("relay.p99>=11ms", "10ms", false),
        ] {
            let verdict = judge(text);
            assert_eq!((verdict.figure.as_deref(), verdict.held), (Some(figure), held), "{text}");
            assert_eq!(verdict.threshold, text);
        }
    }

    #[test]
    fn what_was_not_measured_fails() {
        for text in ["join.p50<=1s", "cpu_us_per_message.nobody<=1", "resident_kib_per_socket.joined<=9"] {
            let verdict = judged(text);
            assert_eq!((verdict.figure, verdict.held), (None, false), "{text}");
        }
    }

    #[test]
    fn counts_are_judged_by_name() {
        assert!(judged("counts.lost<=0").held);
        let mut report = sample::relay();
        report.counts.lost = 3;
        let verdict = "counts.lost<=2".parse::<Threshold>().unwrap().judge(&report);
        assert_eq!((verdict.figure.as_deref(), verdict.held), (Some("3"), false));
    }

    #[test]
    fn cpu_a_message_is_of_all_processes_or_of_one() {
        let mut report = sample::relay();
        report.counts.received = 1_000_000;
        for (process, cpu_s) in report.processes.iter_mut().zip([4.0, 3.0, 2.5]) {
            process.cpu_s = cpu_s;
        }
        assert_eq!(report.cpu_us_per_message(None), Some(9.5));
        assert_eq!(report.cpu_us_per_message(Some("redis")), Some(2.5));
        assert!("cpu_us_per_message<=9.5".parse::<Threshold>().unwrap().judge(&report).held);
        report.counts.received = 0;
        assert!(!"cpu_us_per_message<=9.5".parse::<Threshold>().unwrap().judge(&report).held);
    }

    #[test]
    fn throughput_is_what_was_received_in_a_second() {
        let mut report = sample::relay();
        (report.counts.received, report.measured_s) = (50_000, 10.0);
        assert!("throughput>=5000/s".parse::<Threshold>().unwrap().judge(&report).held);
        assert!(!"throughput>=5001/s".parse::<Threshold>().unwrap().judge(&report).held);
    }

    #[test]
    fn memory_a_socket_is_what_came_on_top() {
        let report = sample::idle();
        let process = &report.processes[0];
        let stage = &report.stages[2];
        let grown = stage.resident_kib[&process.name] - process.resident_before_kib;
        let figure = report.resident_kib_per_socket(Some(&process.name), &stage.name);
        assert_eq!(figure, Some(as_f64(grown) / as_f64(stage.sockets)));
        let text = format!("resident_kib_per_socket.{}.{}<=9999", process.name, stage.name);
        assert!(text.parse::<Threshold>().unwrap().judge(&report).held);
    }

    #[test]
    fn a_missed_threshold_fails_the_run() {
        let mut report = sample::relay();
        let parsed = |text: &str| text.parse::<Threshold>().unwrap();
        report.judge(&[parsed("counts.lost<=0"), parsed("relay.p50<=1s")]);
        assert!(report.passed && report.verdicts.len() == 2);
        report.judge(&[parsed("counts.lost<=0"), parsed("relay.p50<=1us")]);
        assert!(!report.passed);
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        assert!(refused("relay.p99").contains("`<=`"));
        assert!(refused("relay.p99<10ms").contains("`<=`"));
        assert!(refused("relay.p98<=10ms").contains("p50, p90, p99, p999"));
        assert!(refused("relay<=10ms").contains("which figure of `relay`"));
        assert!(refused("relay.p99<=10").contains("us, µs, ms, s"));
        assert!(refused("relay.p99<=fast").contains("relay.p99<=10ms"));
        assert!(refused("counts.losses<=0").contains("lost"));
        assert!(refused("counts<=0").contains("misordered"));
        assert!(refused("counts.lost<=0ms").contains("no unit"));
        assert!(refused("throughput>=5").contains("/s"));
        assert!(refused("resident_kib_per_socket<=5").contains("stage"));
        assert!(refused("speed<=5").contains("connect, join, relay, call, recovery, notice, lag"));
        assert!(refused("").contains("threshold ``"));
    }
}
