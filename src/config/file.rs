//! The configuration file: TOML, flat, each key the name of a flag.

use clap::{Command, error::ErrorKind};
use std::{ffi::OsString, fs, path::Path};
use toml::{Table, Value};

/// One setting of the file, as the flag that says the same.
pub(super) struct Setting {
    /// Which argument it is.
    pub(super) id: String,
    /// `--name=value`.
    pub(super) flag: OsString,
}

/// Reads the file into flags of `command`.
pub(super) fn read(path: &Path, command: &Command) -> Result<Vec<Setting>, clap::Error> {
    let fail = |why: String| clap::Error::raw(ErrorKind::Io, format!("{}: {why}\n", path.display()));
    let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let table: Table = text.parse().map_err(|error| fail(place_of(&error, &text)))?;
    let mut settings = Vec::new();
    for (key, value) in table {
        let id = id(command, &key).ok_or_else(|| fail(unknown(command, &key)))?;
        for value in
            written(&value).ok_or_else(|| fail(format!("{key} takes a value or a list of values")))?
        {
            settings.push(Setting { id: id.clone(), flag: format!("--{key}={value}").into() });
        }
    }
    Ok(settings)
}

/// What is wrong, and in which line; but not the line, which may hold a secret.
fn place_of(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().map_or("", |span| &text[..span.start.min(text.len())]);
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

/// Says of an error in the flags made from a file that the file is to be mended.
pub(super) fn blame(path: &Path, error: &clap::Error, command: &mut Command) -> clap::Error {
    let message = error.to_string();
    let message =
        message.strip_prefix("error: ").unwrap_or(&message).lines().next().unwrap_or_default().to_owned();
    clap::Error::raw(error.kind(), format!("{}: {message}\n", path.display())).format(command)
}

fn id(command: &Command, key: &str) -> Option<String> {
    let flag = command.get_arguments().find(|argument| argument.get_long() == Some(key))?;
    (key != "config").then(|| flag.get_id().to_string())
}

fn unknown(command: &Command, key: &str) -> String {
    let names = command.get_arguments().filter_map(clap::Arg::get_long);
    let names: Vec<_> = names.filter(|name| !["config", "help", "version"].contains(name)).collect();
    format!("there is no setting {key:?}; the settings are {}", names.join(", "))
}

/// A value as one writes it after a flag; a list is several.
fn written(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Some(vec![value.to_string()]),
        Value::Array(values) => {
            values.iter().map(written).collect::<Option<Vec<_>>>().map(|lists| lists.concat())
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}
