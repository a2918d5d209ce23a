//! What a run comes to: a table of its rounds, one of its totals, and the shortest history of what was wrong.

use super::{
    checker::{Kind, Verdict, in_flight},
    scale::Scale,
};
use crate::harness::caller::{Event, Log};
use std::{env, fmt::Write, fs, time::Duration};

pub(super) struct Report<'a> {
    pub(super) scale: &'a Scale,
    pub(super) rounds: &'a [Round],
    pub(super) logs: &'a [Log],
    pub(super) verdict: &'a Verdict,
    /// What else there is to say.
    pub(super) notes: &'a [String],
    /// What is wrong with the run itself.
    pub(super) wrong: Vec<String>,
}

/// Times since the start of the logs.
pub(super) struct Round {
    pub(super) what: String,
    pub(super) before: Duration,
    pub(super) begun: Duration,
    pub(super) mended: Duration,
    /// When everybody was well again, or one of those who weren't in time.
    pub(super) back: Result<Duration, usize>,
}

impl Report<'_> {
    /// Writes it to where the environment says (`FAULTS_REPORT`), and else to where a failing test is read. Fails if a
    /// promise was broken, or if anything of the run itself is wrong.
    pub(super) fn conclude(mut self) {
        let late = self.rounds.iter().filter(|round| round.back.is_err());
        self.wrong.extend(late.map(|round| format!("not everybody was well again after: {}", round.what)));
        let breaches = self.verdict.breaches.len();
        if breaches > 0 {
            self.wrong.push(format!("{breaches} broken promises: {}", self.kinds()));
        }
        let text = self.text();
        match env::var("FAULTS_REPORT") {
            Ok(path) => fs::write(path, &text).expect("a place for the report"),
            Err(_) => eprintln!("{text}"),
        }
        if let Ok(path) = env::var("FAULTS_LOGS") {
            fs::write(path, self.everything()).expect("a place for the logs");
        }
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("; "));
    }

    /// All logs, in the order of time.
    fn everything(&self) -> String {
        let entries = self.logs.iter().flat_map(|log| log.entries.iter().map(move |entry| (entry, log)));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(entry, _)| entry.at);
        let mut text = String::new();
        for (entry, log) in entries {
            let seconds = entry.at.as_secs_f64();
            writeln!(text, "{seconds:>10.4} s  {:>8}  caller {:<4} {}", log.room, log.caller, entry.event)
                .expect("memory");
        }
        text
    }

    fn kinds(&self) -> String {
        let mut kinds: Vec<Kind> = self.verdict.breaches.iter().map(|breach| breach.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let counted = kinds.into_iter().map(|kind| format!("{kind:?} {}", self.verdict.count(kind)));
        counted.collect::<Vec<_>>().join(", ")
    }

    fn text(&self) -> String {
        let Scale { sockets, nodes, rate, seed, .. } = self.scale;
        let mut text =
            format!("{sockets} sockets on {nodes} nodes, {rate} messages a second each, seed {seed}\n\n");
        self.write_rounds(&mut text).expect("memory");
        self.write_totals(&mut text).expect("memory");
        for note in self.notes {
            writeln!(text, "\n{note}").expect("memory");
        }
        match &self.wrong[..] {
            [] => text.push_str("\nNo promise was broken.\n"),
            wrong => writeln!(text, "\n**FAILED**: {}", wrong.join("; ")).expect("memory"),
        }
        for history in self.verdict.shortest.values() {
            writeln!(text, "\n```text\n{history}```").expect("memory");
        }
        for round in self.rounds {
            if let Err(late) = round.back {
                self.write_late(&mut text, round, late).expect("memory");
            }
        }
        text
    }

    /// What became of one who wasn't well in time: of its connection and its session, and its answers.
    fn write_late(&self, text: &mut String, round: &Round, late: usize) -> std::fmt::Result {
        const MOST: usize = 60;

        writeln!(text, "\nNot well in time: caller {late}, in {:?}\n\n```text", self.logs[late].room)?;
        let since = self.logs[late].entries.iter().filter(|entry| entry.at >= round.before);
        let told = since.filter(|entry| {
            entry.event.is_of_connection()
                || matches!(entry.event, Event::Acknowledged { .. } | Event::Refused { .. })
        });
        for entry in told.take(MOST) {
            writeln!(text, "{:>10.4} s  {}", entry.at.as_secs_f64(), entry.event)?;
        }
        writeln!(text, "```")
    }

    fn write_rounds(&self, text: &mut String) -> std::fmt::Result {
        let moments: Vec<_> = self.rounds.iter().map(|round| round.before).collect();
        let flights = in_flight(self.logs, &moments);
        let ends = moments.iter().skip(1).copied().chain([Duration::MAX]);
        writeln!(
            text,
            "| round | fault | in flight | mended after | all well after | resumed | the slowest | rejoined |"
        )?;
        writeln!(text, "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for (number, ((round, flight), end)) in self.rounds.iter().zip(flights).zip(ends).enumerate() {
            let during = round.before..end;
            let mut away = times_away(self.logs, during.clone());
            away.sort_unstable();
            let rejoined =
                count(self.logs, |at, event| during.contains(&at) && matches!(event, Event::Joined { .. }));
            let well =
                round.back.map_or("too late".to_owned(), |back| seconds(back.saturating_sub(round.begun)));
            writeln!(
                text,
                "| {} | {} | {flight} | {} | {well} | {} | {} | {rejoined} |",
                number + 1,
                round.what,
                seconds(round.mended.saturating_sub(round.begun)),
                away.len(),
                away.last().map_or("–".to_owned(), |slowest| seconds(*slowest)),
            )?;
        }
        Ok(())
    }

    fn write_totals(&self, text: &mut String) -> std::fmt::Result {
        let counts = &self.verdict.counts;
        writeln!(text, "\n| total | |\n| --- | ---: |")?;
        for (name, count) in [
            ("messages sent, each counted for each receiver", counts.sent),
            ("heard", counts.delivered),
            ("refused: `unavailable`", counts.unavailable),
            ("refused: `peer_gone`", counts.peer_gone),
            ("lost, told by `gap`", counts.told_by_gap),
            ("given up: a session ended before the acknowledgement", counts.given_up),
            ("refused, and heard all the same", counts.refused_yet_heard),
            ("`gap`s heard", counts.gaps),
            ("`peer_away` and `peer_back` repeated after a resume", counts.retold),
            ("sessions", counts.sessions),
            ("sessions expired", counts.expired),
        ] {
            writeln!(text, "| {name} | {count} |")?;
        }
        for (name, kind) in [
            ("lost", Kind::Lost),
            ("doubled", Kind::Doubled),
            ("out of order", Kind::OutOfOrder),
            ("altered", Kind::Altered),
            ("misdelivered", Kind::Misdelivered),
            ("from strangers", Kind::FromStranger),
            ("unanswered in the end", Kind::Unanswered),
            ("false `peer_gone`", Kind::FalselyGone),
            ("false `remove_peer`", Kind::FalseRemoval),
            ("ghosts", Kind::Ghost),
            ("missing", Kind::Missing),
            ("still away", Kind::StillAway),
            ("notices told twice", Kind::NoticeTwice),
            ("versions that fell", Kind::VersionFell),
            ("ids that came back", Kind::IdCameBack),
            ("sessions ended for nothing", Kind::FalseEnd),
            ("what can't be", Kind::Strange),
        ] {
            writeln!(text, "| **{name}** | {} |", self.verdict.count(kind))?;
        }
        Ok(())
    }
}

fn count(logs: &[Log], counts: impl Fn(Duration, &Event) -> bool) -> usize {
    let entries = logs.iter().flat_map(|log| &log.entries);
    entries.filter(|entry| counts(entry.at, &entry.event)).count()
}

/// Of each connection that was lost and the session resumed in that time: how long that took.
pub(super) fn times_away(logs: &[Log], during: std::ops::Range<Duration>) -> Vec<Duration> {
    let mut times = Vec::new();
    for log in logs {
        let mut lost = None;
        for entry in &log.entries {
            match entry.event {
                // Of several attempts, the first one counts.
                Event::Lost(_) => lost = lost.or(Some(entry.at)),
                Event::Joined { .. } => lost = None,
                Event::Resumed { .. } => {
                    let lost = lost.take().filter(|_| during.contains(&entry.at));
                    times.extend(lost.map(|lost| entry.at.saturating_sub(lost)));
                }
                _ => {}
            }
        }
    }
    times
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
