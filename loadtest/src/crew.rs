//! The workers together: starts them, keeps them in step, watches the servers meanwhile, and makes one report of it all.

use crate::{
    cli::{Common, Run},
    progress::Progress,
    report::{Counts, Moment, Process, Report, Stage, VERSION, histogram::Times},
    watch::{Watch, Watched},
    worker::{GO, Halt, Order, Outcome, STOP, Say, Second},
};
use anyhow::{Context as _, Result, anyhow, bail};
use std::{
    collections::BTreeMap,
    process::Stdio,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    signal::unix::{SignalKind, signal},
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{self, Instant},
};

/// Memory is at rest when so many looks at it, one each interval, differ by no more than a thousandth or 64 KiB.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(200);
/// It is taken as it is after that.
const REST: Duration = Duration::from_secs(15);

struct Worker {
    process: Child,
    stdin: ChildStdin,
}

struct Crew<'a> {
    run: &'a Run,
    workers: Vec<Worker>,
    said: UnboundedReceiver<(usize, Result<Say>)>,
    progress: Progress,
    /// Where the measured part begins and ends: when, and the CPU time of each process then.
    begin: Option<Mark>,
    end: Option<Mark>,
    begins_at: Option<Instant>,
    ends_at: Option<Instant>,
    /// How long the measured part takes by the clock; none where it lasts as long as it needs.
    lasts: Option<Duration>,
    started_at: SystemTime,
    base: Instant,
    /// Somebody pressed Ctrl-C then.
    interrupted_at: Option<Instant>,
    watches: Vec<Watch>,
    resident_before: Vec<u64>,
    stages: Vec<Stage>,
    seconds: BTreeMap<i64, Moment>,
    histograms: BTreeMap<i64, Times>,
    last_look: Option<Mark>,
    sockets: Vec<u64>,
}

struct Mark {
    at: Instant,
    cpu_s: Vec<f64>,
    workers_cpu_s: f64,
}

/// Runs a scenario with all workers.
pub(crate) async fn run(run: &Run) -> Result<Report> {
    let watches = run.common.process.iter().cloned().map(Watch::new).collect::<Result<Vec<_>>>()?;
    let resident_before = watches.iter().map(|watch| watch.resident_kib).collect();
    let (sender, said) = mpsc::unbounded_channel();
    let mut workers = Vec::new();
    for worker in 0..run.common.workers {
        workers.push(start(run, worker, sender.clone()).await?);
    }
    let sockets = vec![0; workers.len()];
    let crew = Crew {
        run,
        workers,
        said,
        progress: Progress::new(run.scenario.name()),
        begin: None,
        end: None,
        begins_at: None,
        ends_at: None,
        lasts: None,
        started_at: SystemTime::now(),
        base: Instant::now(),
        interrupted_at: None,
        watches,
        resident_before,
        stages: Vec::new(),
        seconds: BTreeMap::new(),
        histograms: BTreeMap::new(),
        last_look: None,
        sockets,
    };
    crew.play().await
}

async fn start(run: &Run, worker: usize, said: UnboundedSender<(usize, Result<Say>)>) -> Result<Worker> {
    let mut process = Command::new(std::env::current_exe()?)
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0) // Ctrl-C is for the crew, which wants to hear what they have
        .spawn()
        .context("a worker can't be started")?;
    let mut stdin = process.stdin.take().context("a worker has no input")?;
    let stdout = process.stdout.take().context("a worker has no output")?;
    let mut order = serde_json::to_vec(&order(run, worker))?;
    order.push(b'\n');
    stdin.write_all(&order).await?;
    tokio::spawn(async move {
        let mut lines = BufReader::new(stdout).lines();
        loop {
            let say = match lines.next_line().await {
                Ok(Some(line)) => serde_json::from_str(&line).context("a worker says what makes no sense"),
                Ok(None) => Err(anyhow!("a worker ended without a word")),
                Err(error) => Err(error.into()),
            };
            let is_last = !matches!(say, Ok(Say::Ready { .. } | Say::Second(_)));
            if said.send((worker, say)).is_err() || is_last {
                return;
            }
        }
    });
    Ok(Worker { process, stdin })
}

fn order(run: &Run, worker: usize) -> Order {
    let Common { dialect, url, resumable, seed, workers, .. } = &run.common;
    Order {
        scenario: run.scenario.clone(),
        dialect: *dialect,
        urls: url.iter().map(ToString::to_string).collect(),
        sources: run.common.sources(),
        resumable: *resumable,
        seed: *seed,
        worker,
        workers: *workers,
    }
}

impl Crew<'_> {
    async fn play(mut self) -> Result<Report> {
        let mut waiting = Vec::new();
        let mut done: Vec<Outcome> = Vec::new();
        let mut second = time::interval(Duration::from_secs(1));
        let mut interrupts = signal(SignalKind::interrupt())?;
        while done.len() < self.workers.len() {
            tokio::select! {
                biased;
                () = until(self.begins_at) => {
                    self.begins_at = None;
                    self.begin = Some(self.mark());
                }
                () = until(self.ends_at) => {
                    self.ends_at = None;
                    self.end = Some(self.mark());
                }
                _ = interrupts.recv() => self.interrupt().await?,
                _ = second.tick() => self.look(),
                said = self.said.recv() => {
                    let (worker, say) = said.context("the workers ended without a word")?;
                    match say? {
                        Say::Ready { halt, sockets } => {
                            self.sockets[worker] = sockets;
                            waiting.push(halt);
                        }
                        Say::Second(second) => self.second(worker, &second)?,
                        Say::Done(outcome) => done.push(outcome),
                        Say::Failed { outcome, .. } if self.interrupted_at.is_some() => done.push(outcome),
                        Say::Failed { reason, outcome } => bail!(failure(&reason, &outcome)),
                    }
                    if waiting.len() == self.workers.len() {
                        let halt = waiting.pop().context("there is a worker")?;
                        if waiting.iter().any(|other| *other != halt) {
                            bail!("workers are out of step: {halt:?}, {waiting:?}");
                        }
                        waiting.clear();
                        self.go_on(halt).await?;
                    }
                }
            }
        }
        // Workers with little to do can have said all a moment before the end, by the clock here.
        if self.ends_at.is_some() {
            until(self.ends_at.take()).await;
            self.end = Some(self.mark());
        }
        self.progress.finish();
        for worker in &mut self.workers {
            worker.process.wait().await?; // it has said all it had to say
        }
        self.report(&done)
    }

    /// What came of it until now is reported, unless that is nothing, or nobody wants to wait for it.
    async fn interrupt(&mut self) -> Result<()> {
        if self.interrupted_at.is_some() {
            bail!("interrupted twice");
        }
        if self.begin.is_none() {
            bail!("interrupted before anything was measured");
        }
        self.interrupted_at = Some(Instant::now());
        (self.ends_at, self.lasts) = (None, None);
        if self.end.is_none() {
            self.end = Some(self.mark());
        }
        self.tell_all(STOP).await
    }

    async fn tell_all(&mut self, word: &str) -> Result<()> {
        for worker in &mut self.workers {
            worker.stdin.write_all(format!("{word}\n").as_bytes()).await?;
        }
        Ok(())
    }

    /// All workers wait for the same.
    async fn go_on(&mut self, halt: Halt) -> Result<()> {
        match &halt {
            Halt::Stage { name } => self.stage(name).await,
            Halt::Begin => {
                self.begin_now(Duration::ZERO);
                self.begin = Some(self.mark());
            }
            Halt::End => self.end = Some(self.mark()),
            Halt::Measure { .. } => {}
        }
        self.tell_all(GO).await?;
        if let Halt::Measure { after_us, for_us } = halt {
            self.begin_now(Duration::from_micros(after_us));
            self.begins_at = Some(self.base);
            let lasts = Duration::from_micros(for_us);
            self.ends_at = Some(self.base + lasts);
            self.lasts = Some(lasts);
        }
        Ok(())
    }

    fn begin_now(&mut self, after: Duration) {
        self.base = Instant::now() + after;
        self.started_at = SystemTime::now() + after;
        self.seconds.clear();
        self.histograms.clear();
        self.last_look = None;
    }

    fn mark(&mut self) -> Mark {
        self.watches.iter_mut().for_each(Watch::look);
        let cpu_s = self.watches.iter().map(|watch| watch.cpu_s).collect();
        let workers = self.workers.iter().filter_map(|worker| worker.process.id());
        let workers = workers.map(|pid| Watched { name: "a worker".into(), pid }.cpu_s());
        // Who has ended has told so, or will be missed.
        let workers_cpu_s = workers.map(|used| used.unwrap_or(0.0)).sum();
        Mark { at: Instant::now(), cpu_s, workers_cpu_s }
    }

    /// Notes the memory when it has come to rest.
    async fn stage(&mut self, name: &str) {
        let deadline = Instant::now() + REST;
        let mut looks = vec![self.residents()];
        while !is_at_rest(&looks) && Instant::now() < deadline {
            time::sleep(LOOK).await;
            looks.push(self.residents());
        }
        let sockets = self.sockets.iter().sum();
        self.stages.push(Stage { name: name.to_owned(), sockets, resident_kib: self.resident_by_name() });
    }

    fn residents(&mut self) -> Vec<u64> {
        self.watches.iter_mut().for_each(Watch::look);
        self.watches.iter().map(|watch| watch.resident_kib).collect()
    }

    /// As they were last seen.
    fn resident_by_name(&self) -> BTreeMap<String, u64> {
        self.watches.iter().map(|watch| (watch.process.name.clone(), watch.resident_kib)).collect()
    }

    fn second(&mut self, worker: usize, second: &Second) -> Result<()> {
        self.sockets[worker] = second.sockets;
        #[expect(clippy::cast_possible_truncation, reason = "a number of seconds")]
        let key = second.at_s.round() as i64;
        let sockets = self.sockets.iter().sum();
        let moment = self.moment(key);
        moment.sent += second.sent;
        moment.received += second.received;
        // Not a sum of what came: a second of one worker may begin late and end early, and its sockets come twice.
        moment.sockets = sockets;
        let (sent, received) = (moment.sent, moment.received);
        let timed = Times::decode(&second.histogram)?;
        self.histograms.entry(key).or_default().merge(&timed);
        self.progress.tell(key, sockets, sent, received);
        Ok(())
    }

    fn moment(&mut self, key: i64) -> &mut Moment {
        self.seconds.entry(key).or_insert_with(|| Moment { at_s: key as f64, ..Moment::default() })
    }

    /// Looks at the processes, each second.
    fn look(&mut self) {
        let mark = self.mark();
        let since_base = match mark.at.checked_duration_since(self.base) {
            Some(after) => after.as_secs_f64(),
            None => -(self.base - mark.at).as_secs_f64(),
        };
        let names = self.watches.iter().map(|watch| watch.process.name.clone());
        let cores = self.last_look.as_ref().map(|last| {
            let took = (mark.at - last.at).as_secs_f64();
            names.zip(mark.cpu_s.iter().zip(&last.cpu_s).map(|(now, then)| (now - then) / took)).collect()
        });
        let resident_kib = self.resident_by_name();
        self.last_look = Some(mark);
        #[expect(clippy::cast_possible_truncation, reason = "a number of seconds")]
        let moment = self.moment(since_base.round() as i64);
        moment.resident_kib = resident_kib;
        moment.cores = cores.unwrap_or_default();
    }

    fn report(mut self, done: &[Outcome]) -> Result<Report> {
        let mut counts = Counts::default();
        let mut latencies: BTreeMap<String, Times> = BTreeMap::new();
        let mut findings = Vec::new();
        for worker in done {
            counts.add(&worker.counts);
            findings.extend(worker.findings.iter().cloned());
            for (name, timed) in &worker.latencies {
                latencies.entry(name.clone()).or_default().merge(&Times::decode(timed)?);
            }
        }
        let latencies =
            latencies.into_iter().filter_map(|(name, timed)| Some((name, timed.latency()?))).collect();
        for (key, timed) in &self.histograms {
            if let Some(moment) = self.seconds.get_mut(key) {
                moment.p50_us = timed.quantile(0.5);
                moment.p99_us = timed.quantile(0.99);
                moment.max_us = timed.max();
            }
        }
        for Watch { process: Watched { name, pid }, .. } in
            self.watches.iter().filter(|watch| watch.has_ended)
        {
            findings.push(format!("process {pid} ({name}) ended during the run"));
        }
        if let Some(at) = self.interrupted_at {
            let after = at.saturating_duration_since(self.base);
            findings
                .push(format!("interrupted after {after:.1?}; what was under way then wasn't waited for"));
        }
        let passed = counts.is_right()
            && self.interrupted_at.is_none()
            && !self.watches.iter().any(|watch| watch.has_ended);
        let processes = self.processes();
        let Common { label, dialect, url, workers, .. } = &self.run.common;
        let generator = |mark: &Option<Mark>| mark.as_ref().map_or(0.0, |mark| mark.workers_cpu_s);
        let measured_cpu_s = generator(&self.end) - generator(&self.begin);
        let measured = self.begin.as_ref().zip(self.end.as_ref()).map(|(begin, end)| end.at - begin.at);
        if let (Some(lasts), Some(measured)) = (self.lasts, measured)
            && lasts.abs_diff(measured) > lasts / 50
        {
            findings.push(format!(
                "CPU time was taken over {measured:.2?} in place of {lasts:.2?}: the machine is too busy"
            ));
        }
        let measured_s = self.lasts.or(measured).unwrap_or_default().as_secs_f64();
        let mut report = Report {
            version: VERSION,
            scenario: self.run.scenario.name().to_owned(),
            dialect: dialect.to_string(),
            label: label.clone().unwrap_or_else(|| dialect.to_string()),
            urls: url.iter().map(ToString::to_string).collect(),
            settings: self.run.settings(),
            workers: u32::try_from(*workers)?,
            started_at: humantime::format_rfc3339_seconds(self.started_at).to_string(),
            foremost: self.run.scenario.foremost().name().to_owned(),
            measured_s,
            counts,
            latencies,
            generator_cpu_s: measured_cpu_s,
            timeline: self.seconds.into_values().collect(),
            processes,
            stages: self.stages,
            verdicts: Vec::new(),
            findings,
            passed,
        };
        self.run.scenario.judge(&mut report);
        Ok(report)
    }

    fn processes(&mut self) -> Vec<Process> {
        let after = self.residents();
        let watched = self.run.common.process.iter().zip(self.resident_before.iter().zip(after)).enumerate();
        let process =
            |(place, (Watched { name, pid }, (before, after))): (usize, (&Watched, (&u64, u64)))| {
                let cpu = |mark: &Option<Mark>| mark.as_ref().map_or(0.0, |mark| mark.cpu_s[place]);
                let seen = self.seconds.values().filter_map(|moment| moment.resident_kib.get(name));
                Process {
                    name: name.clone(),
                    pid: *pid,
                    cpu_s: cpu(&self.end) - cpu(&self.begin),
                    resident_before_kib: *before,
                    resident_peak_kib: seen.chain([before, &after]).copied().max().unwrap_or(0),
                    resident_after_kib: after,
                }
            };
        watched.map(process).collect()
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn is_at_rest(looks: &[Vec<u64>]) -> bool {
    let Some(last) = looks.len().checked_sub(LOOKS).map(|first| &looks[first..]) else { return false };
    (0..last[0].len()).all(|process| {
        let seen = last.iter().map(|look| look[process]);
        let (least, most) = (seen.clone().min().unwrap_or(0), seen.max().unwrap_or(0));
        most - least <= (most / 1000).max(64)
    })
}

fn failure(reason: &str, outcome: &Outcome) -> String {
    let mut sentence = reason.to_owned();
    for finding in &outcome.findings {
        sentence.push_str("\n  ");
        sentence.push_str(finding);
    }
    sentence
}
