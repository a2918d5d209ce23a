//! What the documents say is what the code does.

use crate::harness::{Node, get};
use std::{collections::BTreeMap, fs};
use switchboard::{
    config::Config,
    protocol::{CloseCode, ErrorCode},
};

#[test]
fn the_close_codes_of_the_protocol_page() {
    let documented = table("docs/protocol.md", "| code | name | when | reconnect |");
    let documented: Vec<_> = documented.into_iter().map(|row| (plain(&row[0]), plain(&row[1]))).collect();
    let known = CloseCode::ALL.map(|code| (code.code().to_string(), code.name().to_owned()));
    assert_eq!(documented, known);
}

#[test]
fn the_error_codes_of_the_protocol_page() {
    let documented = table("docs/protocol.md", "| code | when | retryable |");
    let documented: Vec<_> = documented.into_iter().map(|row| (plain(&row[0]), row[2].clone())).collect();
    let known = ErrorCode::ALL
        .map(|code| (code.as_str().to_owned(), if code.retryable() { "yes" } else { "no" }.to_owned()));
    assert_eq!(documented, known);
}

#[test]
fn the_settings_page_has_every_flag_with_its_default_and_its_help() {
    let documented = table("docs/configuration.md", "| flag | takes | default | meaning |");
    let plain_row = |row: Vec<String>| row.iter().map(|cell| plain(cell)).collect();
    let documented: Vec<Vec<_>> = documented.into_iter().map(plain_row).collect();
    assert_eq!(documented, settings());
}

#[test]
fn the_example_file_has_every_setting_at_its_default() {
    let text = fs::read_to_string("deploy/switchboard.toml").expect("the example");
    let lines = text.lines().map(|line| line.trim_start_matches("# "));
    let assignments = lines.filter(|line| line.contains(" = ")).collect::<Vec<_>>().join("\n");
    let example: toml::Table = assignments.parse().expect("TOML");
    let example: BTreeMap<_, _> = example
        .into_iter()
        .map(|(key, value)| (format!("--{key}"), value.as_str().map_or(value.to_string(), str::to_owned)))
        .collect();
    for setting in settings() {
        let [flag, _, default, _] = setting.as_slice() else { unreachable!("four columns") };
        match flag.as_str() {
            "--config" => {}
            _ if default.is_empty() => assert!(example.contains_key(flag), "{flag}"),
            _ => assert_eq!(example.get(flag), Some(default), "{flag}"),
        }
    }
    assert_eq!(example.len(), settings().len() - 1);
    let arguments = ["switchboard", "--config", "deploy/switchboard.toml"];
    Config::read(arguments.map(Into::into).to_vec()).expect("a right file");
}

#[tokio::test]
async fn the_metrics_page_has_every_metric_with_its_type_and_its_help() {
    let node = Node::start().await;
    let text = get(node.admin, "/metrics").await.body;
    let mut exposed = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "HELP", name, help] => {
                exposed.insert((*name).to_owned(), vec![String::new(), (*help).to_owned()]);
            }
            ["#", "TYPE", name, kind] => {
                (*kind).clone_into(&mut exposed.get_mut(*name).expect("after its help")[0]);
            }
            _ => {}
        }
    }
    let ours = exposed.into_iter().filter(|(name, _)| name.starts_with("switchboard_"));
    let documented = table("docs/metrics.md", "| metric | type | labels | meaning |");
    let documented: BTreeMap<_, _> =
        documented.into_iter().map(|row| (plain(&row[0]), vec![row[1].clone(), row[3].clone()])).collect();
    assert_eq!(documented, ours.collect());
}

/// Flag, value, default and help of every setting.
fn settings() -> Vec<Vec<String>> {
    let command = Config::settings_command();
    let described = command.get_arguments().map(|argument| {
        let takes = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let default = argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        let help = argument.get_help().expect("help").to_string();
        let flag = format!("--{}", argument.get_long().expect("a flag"));
        vec![flag, takes.unwrap_or_default(), default.unwrap_or_default(), help]
    });
    described.collect()
}

/// The rows of the table below a header line, cell by cell.
fn table(file: &str, header: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).expect(file);
    let (_, below) = text.split_once(header).unwrap_or_else(|| panic!("{file} has no table {header}"));
    let rows = below.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn plain(cell: &str) -> String {
    cell.replace('`', "")
}
