//! What a person sees while a run goes on, on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal as _, Write as _, stderr},
    time::Duration,
};

/// Where nobody looks, a line in so many seconds is enough.
const QUIET: i64 = 10;

pub(crate) struct Progress {
    bar: ProgressBar,
    scenario: &'static str,
    last: Option<i64>,
}

impl Progress {
    pub(crate) fn new(scenario: &'static str) -> Self {
        let bar = if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        bar.set_message(format!("{scenario}: starts"));
        Self { bar, scenario, last: None }
    }

    /// A second is over.
    pub(crate) fn tell(&mut self, second: i64, sockets: u64, sent: u64, received: u64) {
        let line =
            format!("{}: {second} s, {sockets} sockets, {sent}/s sent, {received}/s heard", self.scenario);
        if stderr().is_terminal() {
            self.bar.set_message(line);
        } else if self.last.is_none() || self.last != Some(second) && second % QUIET == 0 {
            self.last = Some(second);
            let _ = writeln!(stderr(), "{line}"); // nobody may be listening
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
