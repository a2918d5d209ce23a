//! The layers that `src/lib.rs` draws: each may name only those below it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the top.
const LAYERS: [&str; 15] = [
    "config",
    "server",
    "gateway",
    "websocket",
    "auth",
    "ice",
    "events",
    "exchange",
    "session",
    "room",
    "traces",
    "metrics",
    "outbound",
    "protocol",
    "secret",
];

/// What neither waits nor asks the time nor knows a socket.
const PURE: [&str; 4] = ["session", "room", "protocol", "secret"];

/// Nor do these, of another layer.
const PURE_FILES: [&str; 2] = ["src/websocket/frame.rs", "src/websocket/reader.rs"];

#[test]
fn imports_point_down() {
    for (layer, file, text) in sources() {
        let height =
            LAYERS.iter().position(|name| *name == layer).unwrap_or_else(|| panic!("where is {layer}?"));
        for named in named_after(&text, "crate::") {
            let Some(other) = LAYERS.iter().position(|name| *name == named) else { continue };
            assert!(other >= height, "{} is in {layer} and names {named} above it", file.display());
        }
    }
}

#[test]
fn pure_layers_know_no_runtime_and_no_clock() {
    for (layer, file, text) in sources() {
        let is_pure = PURE.contains(&layer.as_str()) && !file.ends_with("session/tests.rs");
        if is_pure || PURE_FILES.iter().any(|pure| file.ends_with(pure)) {
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for name in ["tokio", "axum", "hyper", "redis", "getrandom", "Instant::now", "SystemTime"] {
                assert!(!text.contains(name), "{} names {name}", file.display());
            }
        }
    }
}

#[test]
fn the_map_in_the_library_shows_every_layer_in_its_order() {
    let map = fs::read_to_string("src/lib.rs").expect("the library");
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), LAYERS);
}

/// Each source file below the library's root, and the layer that it belongs to.
fn sources() -> Vec<(String, PathBuf, String)> {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    let outside = ["src/lib.rs", "src/main.rs", "src/health.rs", "src/telemetry.rs"].map(Path::new);
    let inside = files.into_iter().filter(|file| !outside.contains(&file.as_path()));
    let described = inside.map(|file| {
        let layer = file.components().nth(1).expect("below src").as_os_str().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a source file");
        (layer.trim_end_matches(".rs").to_owned(), file, text)
    });
    described.collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The names that follow a prefix, also inside of `use crate::{…}`.
fn named_after(text: &str, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in text.split(prefix).skip(1) {
        match rest.strip_prefix('{') {
            None => names.push(identifier(rest)),
            Some(group) => names.extend(heads(group)),
        }
    }
    names
}

/// The first name of each entry of a `use` group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let (mut names, mut depth, mut entry) = (Vec::new(), 0, String::new());
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(identifier(std::mem::take(&mut entry).trim())),
            _ => {}
        }
        if depth == 0 && character != ',' && character != '}' {
            entry.push(character);
        }
    }
    names.push(identifier(entry.trim()));
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
