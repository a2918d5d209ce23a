//! Where a setting's value comes from.

use super::*;
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
    assert_eq!(settings.rules.ice_servers.len(), 2);
    assert_eq!(settings.limits.sockets, 10_000);
    let settings = read(&["--config", &path, "--ice-server", "stun:c"]).server();
    assert_eq!(settings.rules.ice_servers, [IceServer { urls: vec!["stun:c".into()] }], "a list is replaced");
    fs::remove_file(path).unwrap();
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
