//! The load test against servers that are right, and against servers that lie: it must see the one thing that is wrong, and
//! nothing else.

#![allow(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

mod server;

use serde_json::Value;
use server::{Lie, Server};
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Output, Stdio},
};

/// Which of the counts must be zero.
const FAULTS: [&str; 11] = [
    "skipped",
    "connect_failures",
    "join_failures",
    "disconnects",
    "errors",
    "lost",
    "duplicated",
    "misordered",
    "misattributed",
    "corrupted",
    "wrong_notices",
];

struct Run {
    code: i32,
    report: Value,
}

impl Run {
    fn count(&self, name: &str) -> u64 {
        self.report["counts"][name].as_u64().unwrap_or_else(|| panic!("no count is called {name}"))
    }

    /// Those faults that aren't zero.
    fn faults(&self) -> Vec<(&str, u64)> {
        let counts = FAULTS.iter().map(|name| (*name, self.count(name)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    fn findings(&self) -> String {
        let findings = self.report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding.as_str().unwrap().to_owned() + "\n").collect()
    }
}

fn loadtest(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest")).args(args).output().unwrap()
}

/// Runs a scenario against a server that speaks as SkyRTC's does.
fn run(server: &Server, scenario: &str, settings: &[&str]) -> Run {
    let url = server.url();
    let args = [&[scenario, "--dialect", "skyrtc", "--url", &url, "--json", "-"], settings].concat();
    let output = loadtest(&args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    Run { code: output.status.code().unwrap(), report }
}

fn relay(lie: Lie) -> Run {
    let settings =
        ["--pairs", "4", "--rate", "400/s", "--warmup", "100ms", "--duration", "500ms", "--workers", "2"];
    run(&Server::start(lie), "relay", &settings)
}

#[test]
fn a_right_server_passes() {
    let run = relay(Lie::None);
    assert_eq!((run.code, run.faults()), (0, vec![]), "{}", run.findings());
    assert_eq!(run.report["passed"], true);
    assert_eq!(run.count("joined"), 8);
    // 400 a second for half a second; they come as people do, by chance.
    assert!((120..280).contains(&run.count("received")), "{}", run.count("received"));
    let relayed = run.report["latencies"]["relay"]["count"].as_u64().unwrap();
    assert!((120..280).contains(&relayed), "{relayed}");
    assert!(run.report["latencies"]["lag"]["count"].is_u64());
}

#[test]
fn a_right_server_passes_with_messages_under_way() {
    let settings =
        ["--pairs", "4", "--window", "2", "--burst", "100", "--warmup", "100ms", "--duration", "500ms"];
    let run = run(&Server::start(Lie::None), "relay", &settings);
    assert_eq!((run.code, run.faults()), (0, vec![]), "{}", run.findings());
    assert!(run.count("received") > 100);
}

#[test]
fn a_right_server_passes_each_scenario() {
    for (scenario, settings) in [
        ("idle", &["--sockets", "40", "--rest", "10ms", "--room-size", "4"][..]),
        (
            "calls",
            &[
                "--rate",
                "20/s",
                "--room-size",
                "3",
                "--hold",
                "100ms",
                "--warmup",
                "100ms",
                "--duration",
                "1500ms",
            ],
        ),
        (
            "calls",
            &[
                "--rate",
                "20/s",
                "--room-size",
                "5",
                "--join-only",
                "--warmup",
                "100ms",
                "--duration",
                "1500ms",
            ],
        ),
        ("churn", &["--rate", "40/s", "--rooms", "5", "--warmup", "100ms", "--duration", "1500ms"]),
        ("storm", &["--sockets", "40", "--before", "500ms", "--after", "1s", "--warmup", "100ms"]),
        ("soak", &["--pairs", "5", "--warmup", "100ms", "--duration", "2s"]),
    ] {
        let run = run(&Server::start(Lie::None), scenario, settings);
        assert_eq!((run.code, run.faults()), (0, vec![]), "{scenario}: {}", run.findings());
    }
}

#[test]
fn a_message_that_is_lost_is_found() {
    let run = relay(Lie::Lose);
    assert_eq!((run.code, run.faults()), (1, vec![("lost", 1)]), "{}", run.findings());
    assert_eq!(run.report["passed"], false);
    assert!(run.findings().contains("never heard"), "{}", run.findings());
}

#[test]
fn a_message_that_comes_twice_is_found() {
    let run = relay(Lie::Double);
    assert_eq!((run.code, run.faults()), (1, vec![("duplicated", 1)]), "{}", run.findings());
}

#[test]
fn a_message_that_is_overtaken_is_found() {
    let run = relay(Lie::Swap);
    assert_eq!((run.code, run.faults()), (1, vec![("misordered", 1)]), "{}", run.findings());
}

#[test]
fn a_message_that_another_gets_is_found() {
    let run = relay(Lie::Misdeliver);
    assert_eq!((run.code, run.faults()), (1, vec![("lost", 1), ("misattributed", 1)]), "{}", run.findings());
}

#[test]
fn a_sender_that_is_forged_is_found() {
    let run = relay(Lie::Forge);
    assert_eq!((run.code, run.faults()), (1, vec![("misattributed", 1)]), "{}", run.findings());
}

#[test]
fn a_message_that_is_altered_is_found() {
    let run = relay(Lie::Alter);
    assert_eq!((run.code, run.faults()), (1, vec![("lost", 1), ("corrupted", 1)]), "{}", run.findings());
}

#[test]
fn a_connection_that_is_closed_is_found_with_its_code() {
    let run = relay(Lie::Close);
    assert_eq!(run.code, 1);
    assert_eq!(run.count("disconnects"), 1);
    assert!(run.findings().contains("closed it with 4508 slow_consumer"), "{}", run.findings());
}

#[test]
fn who_has_no_session_to_come_back_to_is_missed() {
    let settings =
        ["--resumable", "--rate", "20/s", "--hold", "100ms", "--warmup", "100ms", "--duration", "1s"];
    let run = run(&Server::start(Lie::Close), "calls", &settings);
    assert_eq!((run.code, run.count("disconnects")), (1, 1), "{}", run.findings());
}

#[test]
fn a_notice_that_comes_twice_or_never_is_found() {
    for lie in [Lie::NoticeTwice, Lie::NeverGone] {
        let settings = ["--rate", "20/s", "--rooms", "3", "--warmup", "100ms", "--duration", "1500ms"];
        let run = run(&Server::start(lie), "churn", &settings);
        assert_eq!(run.code, 1, "{lie:?}");
        // Who wasn't told that somebody left still knows it: each of the others in that room.
        let wrong = if lie == Lie::NoticeTwice { 1 } else { 3 };
        assert_eq!(run.faults(), [("wrong_notices", wrong)], "{lie:?}: {}", run.findings());
    }
}

#[test]
fn a_run_that_is_interrupted_tells_what_it_has() {
    let server = Server::start(Lie::None);
    let url = server.url();
    let args =
        ["relay", "--dialect", "skyrtc", "--url", &url, "--json", "-", "--rate", "200/s", "--workers", "2"];
    let mut process = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(args)
        .args(["--pairs", "4", "--warmup", "1ms", "--duration", "1h"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let progress = BufReader::new(process.stderr.take().unwrap());
    let has_begun = progress.lines().map_while(Result::ok).any(|line| !line.contains(" 0/s sent"));
    assert!(has_begun);
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    let output = process.wait_with_output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap();
    let run = Run { code: output.status.code().unwrap(), report };
    assert_eq!((run.code, run.faults()), (1, vec![]), "{}", run.findings());
    assert!(run.count("received") > 0 && run.findings().contains("interrupted after"), "{}", run.findings());
}

#[test]
fn what_cannot_run_says_why() {
    for (args, sentence) in [
        (&["relay", "--url", "ws://127.0.0.1:1/ws", "--rate", "1/s"][..], "can't be reached"),
        (&["relay", "--url", "http://127.0.0.1:1/", "--rate", "1/s"], "begins with ws://"),
        (&["relay", "--url", "127.0.0.1:1", "--rate", "1/s"], "begins with ws://"),
        (&["relay", "--url", "ws://127.0.0.1:1/ws", "--rate", "1/s", "--pairs", "0"], "no number above 0"),
        (
            &["relay", "--url", "ws://127.0.0.1:1/ws", "--rate", "1/s", "--duration", "0s"],
            "more than no time",
        ),
        (&["relay", "--url", "ws://127.0.0.1:1/ws", "--rate", "1/s", "--json", "/"], "can't be written"),
        (&["storm", "--url", "ws://127.0.0.1:1/ws", "--sockets", "1"], "don't fill a room of 2"),
        (
            &[
                "calls",
                "--url",
                "tcp://127.0.0.1:1",
                "--dialect",
                "plain",
                "--rate",
                "1/s",
                "--room-size",
                "3",
            ],
            "plain has rooms of 2 at most",
        ),
        (&["relay", "--url", "ws://127.0.0.1:1/ws"], "--rate"),
        (&["relay", "--url", "ws://127.0.0.1:1/ws", "--rate", "many"], "written as 5000/s"),
        (&["relay", "--url", "ws://127.0.0.1:1/ws", "--rate", "1/s", "--process", "gateway"], "NAME=PID"),
    ] {
        let output = loadtest(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(sentence), "{args:?}: {said}");
    }
}
