//! `docs/asyncapi.yaml`, held against real frames.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// Who says a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Client,
    Gateway,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Native,
    SkyRtc,
}

struct Described {
    direction: String,
    dialect: String,
    schema: Validator,
}

static MESSAGES: LazyLock<BTreeMap<String, Described>> = LazyLock::new(|| {
    let text = include_str!("../../../docs/asyncapi.yaml");
    let document: Value = serde_saphyr::from_str(text).expect("YAML");
    let messages = document["components"]["messages"].as_object().expect("messages");
    let described = |(name, message): (&String, &Value)| {
        let schema = json!({
            "$ref": format!("#/components/messages/{name}/payload"),
            "components": document["components"],
        });
        let text = |key: &str| message[key].as_str().unwrap_or_else(|| panic!("{name} has {key}")).to_owned();
        let schema = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name.clone(), Described { direction: text("x-direction"), dialect: text("x-dialect"), schema })
    };
    messages.iter().map(described).collect()
});

/// The frame is one message of the contract, and only one.
pub(crate) fn check(direction: Direction, dialect: Dialect, frame: &Value) {
    let direction = match direction {
        Direction::Client => "client",
        Direction::Gateway => "gateway",
    };
    let dialect = match dialect {
        Dialect::Native => "native",
        Dialect::SkyRtc => "skyrtc",
    };
    let spoken =
        MESSAGES.iter().filter(|(_, message)| message.direction == direction && message.dialect == dialect);
    let matching: Vec<_> =
        spoken.filter(|(_, message)| message.schema.is_valid(frame)).map(|(name, _)| name).collect();
    assert_eq!(matching.len(), 1, "docs/asyncapi.yaml has {matching:?} for this {dialect} frame: {frame}");
}
