//! Where a setting's value comes from.

use super::*;
use crate::protocol::{IceServer, SocketId};
use std::fs;

fn read(flags: &[&str]) -> Config {
    let arguments = ["switchboard"].iter().chain(flags).map(Into::into).collect();
    Config::read(arguments).expect("right settings")
}

fn file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("switchboard-config-{name}-{}.toml", std::process::id()));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let path = file("order", "room-capacity = 3\njoin-timeout = '1m'\nice-server = ['stun:a', 'stun:b']\n");
    let settings = read(&["--config", &path, "--room-capacity", "2"]).server();
    assert_eq!(settings.limits.room_capacity.get(), 2);
    assert_eq!(settings.rules.join_timeout, Duration::from_mins(1));
    assert_eq!(ice_servers(&settings), ["stun:a", "stun:b"]);
    assert_eq!(settings.limits.sockets, 10_000);
    let settings = read(&["--config", &path, "--ice-server", "stun:c"]).server();
    assert_eq!(ice_servers(&settings), ["stun:c"], "a list is replaced");
    fs::remove_file(path).unwrap();
}

fn ice_servers(settings: &Settings) -> Vec<String> {
    let told = settings.rules.ice.ice_servers(SocketId::from_random([0; SocketId::LEN]));
    let urls = told.servers.iter().flat_map(|server| match server {
        IceServer::Stun { urls } | IceServer::Turn { urls, .. } => urls,
    });
    urls.cloned().collect()
}

#[test]
fn a_file_that_is_no_toml_is_told_by_its_line_and_without_it() {
    for text in ["room-capacity = 3\nadmin-token = \"hunter2", "room-capacity = 3\nadmin-token = hunter2"] {
        let path = file("broken", text);
        let arguments = ["switchboard", "--config", &path].map(Into::into).to_vec();
        let told = Config::read(arguments).expect_err("no TOML").to_string();
        assert!(told.contains("line 2: ") && !told.contains("hunter2"), "{told}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn the_environment_separates_by_spaces() {
    let several = ["ice-server", "turn-server", "allow-origin", "trusted-proxy", "redis", "auth-key"];
    for argument in
        Config::settings_command().get_arguments().filter(|argument| argument.get_action().takes_values())
    {
        let is_list = matches!(argument.get_action(), clap::ArgAction::Append);
        let flag = argument.get_long().expect("a flag");
        assert_eq!(is_list, several.contains(&flag), "{flag}");
        assert_eq!(argument.get_value_delimiter(), is_list.then_some(' '), "{flag}");
    }
}

#[test]
fn every_flag_has_its_environment_variable_and_its_help() {
    for argument in Config::settings_command().get_arguments() {
        let flag = argument.get_long().expect("no positional arguments").to_owned();
        let variable = format!("SWITCHBOARD_{}", flag.to_uppercase().replace('-', "_"));
        assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(variable.as_str()));
        assert!(argument.get_help().is_some(), "{flag}");
    }
}

#[test]
fn the_command_is_sound() {
    Config::settings_command().debug_assert();
}

#[test]
fn events_are_off_unless_somebody_wants_them() {
    let good = format!("--webhook-secret=whsec_{}", "c2VjcmV0".repeat(4));
    let url = "--webhook-url=https://user:word@example.org/hook";
    assert_eq!(read(&[]).server().spool_length, 0);
    let settings = read(&[url, &good, "--redis=redis://a", "--event-stream-length=7"]).server();
    assert_eq!((settings.spool_length, settings.redis.map(|redis| redis.events)), (7, Some(7)));
    for flag in ["--event-stream", "--event-stream=true"] {
        let settings = read(&[flag, "--redis=redis://a"]).server();
        assert!(settings.redis.is_some_and(|redis| redis.events == 10_000) && settings.webhooks.is_none());
    }
    for flags in [
        &[url][..],
        &[&good],
        &["--event-stream"],
        &[url, "--webhook-secret=whsec_c2VjcmV0"],
        &[url, "--webhook-secret=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"],
        &[url, "--webhook-secret=file:/nowhere"],
        &["--webhook-url=ftp://user:word@example.org", &good],
        &["--webhook-url=user:word@example.org", &good],
    ] {
        let arguments = ["switchboard"].iter().chain(flags).map(Into::into).collect();
        let why = Config::read(arguments).expect_err("wrong").to_string();
        assert!(why.contains("--webhook") || why.contains("--event-stream"), "{why}");
        assert!(!why.contains("word") && !why.contains("c2VjcmV0"), "{why}");
    }
}

#[test]
fn nothing_is_traced_unless_there_is_a_collector() {
    assert!(read(&["--trace-ratio=1"]).server().traces.is_none());
    for (flags, ratio, system) in [
        (&["--otlp-endpoint=http://collector:4318"][..], 0.01, "memory"),
        (&["--otlp-endpoint=https://collector/", "--trace-ratio=0.5", "--redis=redis://a"], 0.5, "redis"),
    ] {
        let traces = read(flags).server().traces.expect("traces");
        assert_eq!((traces.ratio, traces.system), (ratio, system));
        assert_eq!(traces.target.uri().path(), "/v1/traces");
    }
    for (flag, takes) in [
        ("--otlp-endpoint=user:word@collector:4318", "http://collector:4318"),
        ("--otlp-endpoint=grpc://user:word@collector:4317", "http://collector:4318"),
        ("--otlp-endpoint=http://user:word@collector:4318/v1/traces", "without /v1/traces"),
        ("--otlp-endpoint=", "http://collector:4318"),
        ("--trace-ratio=1.1", "from 0 to 1"),
        ("--trace-ratio=-0.1", "from 0 to 1"),
        ("--trace-ratio=1%", "from 0 to 1"),
        ("--trace-ratio=NaN", "from 0 to 1"),
    ] {
        let arguments = ["switchboard", flag].map(Into::into).to_vec();
        let why = Config::read(arguments).expect_err(flag).to_string();
        let name = flag.split('=').next().unwrap();
        assert!(why.contains(name) && why.contains(takes) && !why.contains("word"), "{why}");
    }
}
