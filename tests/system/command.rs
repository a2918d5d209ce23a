//! The command, as a person types it.

use crate::harness::{Process, command};
use std::{fs, path::PathBuf};
use tokio::process::Command;

#[tokio::test]
async fn a_wrong_value_names_the_setting_and_what_it_takes() {
    for (flag, value, takes) in [
        ("--listen", "8080", "takes IP:PORT"),
        ("--room-capacity", "0", "takes a whole number from 1"),
        ("--max-frame", "lots", "takes a size"),
        ("--join-timeout", "10", "takes a time"),
        ("--join-timeout", "0s", "takes a time"),
        ("--drain", "30", "takes a time up to a year"),
        (
            "--allow-origin",
            "https://example.org/",
            "takes an origin as browsers write it, scheme://host[:port]",
        ),
        ("--trusted-proxy", "haproxy", "takes an address or a network"),
        ("--client-address", "guess", "possible values: x-forwarded-for, forwarded, proxy-protocol"),
        ("--messages-per-socket", "0", "takes a whole number from 1"),
        ("--max-room-name", "1025", "takes a whole number from 1 to 1024"),
        ("--max-info", "65KiB", "takes a size from 1KiB to 64KiB"),
        ("--ice-server", "stun:turn.example?transport=udp", "takes a STUN URL, such as"),
        ("--ice-server", "turn:turn.example", "takes a STUN URL; name a TURN server with --turn-server"),
        ("--turn-server", "turn:turn.example:port", "takes a TURN URL, such as"),
        ("--log", "lo=ud=er", "takes error, warn"),
        ("--log-format", "xml", "possible values: text, json"),
    ] {
        let refusal = refused(&[flag, value]).await;
        for part in [flag, value, takes] {
            assert!(refusal.contains(part), "{flag} {value}: {refusal}");
        }
    }
}

#[tokio::test]
async fn a_wrong_secret_is_not_repeated() {
    for (flag, secret, takes) in [
        ("--admin-token", "a token with spaces", "takes letters, digits and signs of ASCII, without spaces"),
        ("--admin-token", "hunter2", "at least 16 bytes"),
        ("--auth-key", "hunter2", "at least 32 bytes"),
    ] {
        let refusal = refused(&[flag, secret]).await;
        assert!(refusal.contains(flag) && refusal.contains(takes) && !refusal.contains(secret), "{refusal}");
    }
}

#[tokio::test]
async fn a_wrong_flag_is_named_with_the_one_that_was_meant() {
    let refusal = refused(&["--room-capacty", "2"]).await;
    assert!(refusal.contains("--room-capacty") && refusal.contains("'--room-capacity'"), "{refusal}");
}

#[tokio::test]
async fn a_wrong_environment_variable_is_a_wrong_setting() {
    let output = command(&[]).env("SWITCHBOARD_ROOM_CAPACITY", "many").output().await.expect("the binary");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("'many' for '--room-capacity"));
}

#[tokio::test]
async fn a_mistake_in_the_file_names_the_file_and_the_setting() {
    for (text, parts) in [
        ("room-capacity = 0", ["--room-capacity", "takes a whole number from 1"]),
        ("room_capacity = 1", ["room_capacity", "room-capacity, resume-window"]),
        ("[listen]\nport = 1", ["listen takes a value", ""]),
        ("listen = ", ["line 1", ""]),
        ("log-format = [\"text\", \"json\"]", ["--log-format", "cannot be used multiple times"]),
    ] {
        let file = File::with("wrong", text);
        let refusal = refused(&["--config", file.path()]).await;
        for part in parts.iter().chain(&[file.path()]) {
            assert!(refusal.contains(part), "{part:?} for {text:?}: {refusal}");
        }
    }
    let refusal = refused(&["--config", "/nowhere/switchboard.toml"]).await;
    assert!(refusal.contains("/nowhere/switchboard.toml"), "{refusal}");
}

#[tokio::test]
async fn limits_that_contradict_each_other_are_refused() {
    for (flags, told) in [
        (
            ["--max-frame", "2MiB"],
            "--outbox-bytes 1.0 MiB is too small for --max-frame: it takes at least 4194304",
        ),
        (
            ["--room-capacity", "1000"],
            "--outbox-bytes 1.0 MiB is too small for --room-capacity and --max-info: it takes at least 4224000",
        ),
        (["--max-info", "64KiB"], "too small for --room-capacity and --max-info: it takes at least 4202496"),
        (
            ["--mailbox-bytes", "1MiB"],
            "--outbox-bytes 1.0 MiB is too small for --mailbox-bytes and --mailbox-messages",
        ),
        (["--mailbox-messages", "10000"], "is too small for --mailbox-bytes and --mailbox-messages"),
        (["--mailbox-bytes", "64KiB"], "--mailbox-bytes 64.0 KiB is too small for --max-frame"),
    ] {
        let refusal = refused(&flags).await;
        assert!(refusal.contains(told), "{refusal}");
    }
}

#[tokio::test]
async fn too_few_files_are_told() {
    let node = Process::start(&[]).await;
    let script =
        format!("ulimit -n 300; exec {} --listen {}", env!("CARGO_BIN_EXE_switchboard"), node.address);
    let output = Command::new("sh").args(["-c", &script]).output().await.expect("a shell");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("may not open enough files for --max-sockets") && told.contains("allowed=300"),
        "{told}"
    );
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let node = Process::start(&[]).await;
    let address = node.address.to_string();
    let output = command(&["--listen", &address]).output().await.expect("the binary");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(&format!("can't listen on {address} (--listen)")), "{told}");
}

#[tokio::test]
async fn it_logs_little_and_stops_when_asked() {
    let node = Process::start(&[]).await;
    let [ann, ben] = node.room("room").await;
    drop((ann, ben));
    let (status, log) = node.stop().await;
    assert_eq!(status, Some(0));
    let messages: Vec<_> = log.iter().map(|line| line["message"].as_str().expect("a message")).collect();
    assert_eq!(messages, ["draining; a second signal stops at once", "stopping", "stopped"]);
}

/// Runs the binary until it refuses, and returns what it said.
async fn refused(flags: &[&str]) -> String {
    let output = command(flags).output().await.expect("the binary");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{flags:?}: {told}");
    assert_eq!(output.stdout, b"", "{flags:?}");
    told
}

/// A file that is there for one test.
struct File(PathBuf);

impl File {
    fn with(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("switchboard-{name}-{}.toml", std::process::id()));
        fs::write(&path, text).expect("a writable folder");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
