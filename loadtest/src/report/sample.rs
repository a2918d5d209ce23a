//! Reports as runs would make them, for the tests of what draws and judges them.

use super::histogram::Times;
use super::{Counts, Moment, Process, Report, Stage, VERSION, Verdict};
use std::collections::BTreeMap;

/// 300,000 messages through two nodes and Redis, in a minute; one threshold held.
pub(crate) fn relay() -> Report {
    let mut random = fastrand::Rng::with_seed(5);
    let mut times = Times::new();
    for _ in 0..300_000 {
        times.record(slow(&mut random));
    }
    let timeline = (-2..60).map(|second| second_of_relaying(second, &mut random)).collect();
    let processes = [("gateway-1", 41.2, 9_000), ("gateway-2", 39.8, 9_100), ("redis", 21.5, 7_400)];
    Report {
        version: VERSION,
        scenario: "relay".into(),
        dialect: "switchboard".into(),
        label: "switchboard, two nodes".into(),
        urls: vec!["ws://127.0.0.1:8080/ws".into(), "ws://127.0.0.1:8081/ws".into()],
        settings: settings(&[
            ("pairs", "1000"),
            ("rate", "5000/s"),
            ("size", "300"),
            ("warmup", "2s"),
            ("duration", "1m"),
        ]),
        workers: 2,
        started_at: "2026-03-01T12:00:00Z".into(),
        generator_cpu_s: 4.2,
        foremost: "relay".into(),
        measured_s: 60.0,
        counts: Counts {
            connected: 2_000,
            joined: 2_000,
            sent: 300_000,
            received: 300_000,
            sent_bytes: 115_200_000,
            ..Counts::default()
        },
        latencies: [("relay".to_owned(), times.latency().expect("some were timed"))].into(),
        timeline,
        processes: processes.map(|(name, cpu_s, before)| process(name, cpu_s, before)).into(),
        stages: Vec::new(),
        verdicts: vec![Verdict {
            threshold: "relay.p99<=10ms".into(),
            figure: Some("1.4ms".into()),
            held: true,
        }],
        findings: Vec::new(),
        passed: true,
    }
}

/// The same where much went wrong.
pub(crate) fn failed() -> Report {
    let mut report = relay();
    report.label = "socket.io <b>& redis</b>".into();
    report.dialect = "socketio".into();
    report.counts.lost = 12;
    report.counts.received -= 12;
    report.counts.misordered = 3;
    report.findings = vec![
        "message 17 from load-1-4 to load-1-5 was never heard".into(),
        "heard 19 before 18 from <script>alert(1)</script>".into(),
    ];
    report.verdicts.push(Verdict {
        threshold: "relay.p999<=2ms".into(),
        figure: Some("6.1ms".into()),
        held: false,
    });
    report.verdicts.push(Verdict { threshold: "join.p99<=1ms".into(), figure: None, held: false });
    report.passed = false;
    report
}

/// Ten thousand sockets at rest, stage by stage.
pub(crate) fn idle() -> Report {
    let mut report = relay();
    report.scenario = "idle".into();
    report.foremost = "join".into();
    report.settings = settings(&[("sockets", "10000"), ("room-size", "2"), ("rest", "5s")]);
    report.counts =
        Counts { connected: 10_000, joined: 10_000, sent: 10_000, received: 10_000, ..Counts::default() };
    report.processes = vec![process("switchboard", 3.1, 6_200)];
    report.latencies =
        ["connect", "join"].map(|name| (name.to_owned(), relay().latencies["relay"].clone())).into();
    for moment in &mut report.timeline {
        moment.sockets = 10_000;
        moment.cores = [("switchboard".to_owned(), 0.05)].into();
        moment.resident_kib = [("switchboard".to_owned(), 110_000)].into();
    }
    let stages = [("before", 0, 6_200), ("connected", 10_000, 49_100), ("joined", 10_000, 54_900)];
    let after = [("after an offer", 10_000, 113_200), ("closed", 0, 55_200)];
    report.stages = stages
        .into_iter()
        .chain(after)
        .map(|(name, sockets, kib)| Stage {
            name: name.into(),
            sockets,
            resident_kib: [("switchboard".to_owned(), kib)].into(),
        })
        .collect();
    report.verdicts.clear();
    report
}

/// Microseconds of a relay: mostly some hundreds, with a tail.
fn slow(random: &mut fastrand::Rng) -> u64 {
    let usual = 180 + random.u64(0..120) + random.u64(0..120);
    let tail = 1.0 / (1.0 - random.f64()).powf(0.28);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small"
    )]
    let time = (usual as f64 * tail) as u64;
    time
}

fn second_of_relaying(second: i32, random: &mut fastrand::Rng) -> Moment {
    let busy = f64::from(u8::from(second >= 0));
    let wobble = random.f64();
    let spike = if second == 31 { 9 } else { 1 };
    let is_measured = second >= 0;
    Moment {
        at_s: f64::from(second),
        sent: if is_measured { 5_000 } else { 0 },
        received: if is_measured { 4_990 + random.u64(0..20) } else { 0 },
        sockets: 2_000,
        p50_us: is_measured.then(|| 310 + random.u64(0..25)),
        p99_us: is_measured.then(|| (1_300 + random.u64(0..300)) * spike),
        max_us: is_measured.then(|| (3_000 + random.u64(0..4_000)) * spike),
        cores: cores([0.68 * busy + 0.05 * wobble, 0.66 * busy + 0.05 * wobble, 0.35 * busy + 0.02]),
        resident_kib: memory([31_000, 30_500, 12_100 + random.u64(0..200)]),
    }
}

fn cores(values: [f64; 3]) -> BTreeMap<String, f64> {
    ["gateway-1", "gateway-2", "redis"].map(String::from).into_iter().zip(values).collect()
}

fn memory(values: [u64; 3]) -> BTreeMap<String, u64> {
    ["gateway-1", "gateway-2", "redis"].map(String::from).into_iter().zip(values).collect()
}

fn process(name: &str, cpu_s: f64, resident_before_kib: u64) -> Process {
    Process {
        name: name.into(),
        pid: 4711,
        cpu_s,
        resident_before_kib,
        resident_peak_kib: resident_before_kib * 4,
        resident_after_kib: resident_before_kib * 3,
    }
}

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
