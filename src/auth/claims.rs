//! What a token says: for which rooms, what its bearer may do there, and until when.
//!
//! Whatever isn't of its type is refused, and so is what isn't known: a grant with a typing error would be a grant too many.

use crate::{protocol::RoomName, session::Grants};
use serde_json::{Map, Value};
use std::{num::NonZeroUsize, time::Duration};

/// The claim that all of ours are in.
const OURS: &str = "switchboard";

/// What is in it.
const GRANTS: [&str; 5] = ["room", "signal", "broadcast", "info", "capacity"];

/// The largest `exp`, the end of the year 9999. One beyond it is likely in milliseconds.
const LATEST: f64 = 253_402_300_799.0;

/// Longer than any connection, and small enough to add to a clock.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// The claims that matter here.
#[derive(Debug)]
pub(super) struct Claims<'a> {
    expires: Duration,
    rooms: Vec<&'a str>,
    signal: bool,
    broadcast: bool,
    info: bool,
    capacity: Option<NonZeroUsize>,
}

impl<'a> Claims<'a> {
    /// Reads the claims of a token that holds, or says what is wrong with them.
    pub(super) fn read(claims: &'a Map<String, Value>) -> Result<Self, String> {
        for name in ["nbf", "aud", "iss"] {
            check(name, claims.get(name))?;
        }
        let expires = expires(claims.get("exp"))?;
        let Some(Value::Object(grants)) = claims.get(OURS) else {
            return Err(format!("this token needs the claim {OURS}, {}", takes(OURS)));
        };
        if let Some(unknown) = grants.keys().find(|name| !GRANTS.contains(&name.as_str())) {
            let known = GRANTS.join(", ");
            return Err(format!("this gateway knows no {OURS}.{}: it takes {known}", excerpt(unknown)));
        }
        Ok(Self {
            expires,
            rooms: rooms(grants.get("room")).ok_or_else(|| wrong("room"))?,
            signal: flag(grants, "signal")?,
            broadcast: flag(grants, "broadcast")?,
            info: flag(grants, "info")?,
            capacity: capacity(grants.get("capacity"))?,
        })
    }

    /// Whether the token is for this room.
    pub(super) fn opens(&self, room: &RoomName) -> bool {
        self.rooms.iter().any(|pattern| matches(pattern, room.as_str()))
    }

    /// What it grants, `now` after the epoch.
    pub(super) fn grants(&self, leeway: Duration, now: Duration) -> Grants {
        Grants {
            signal: self.signal,
            broadcast: self.broadcast,
            info: self.info,
            capacity: self.capacity,
            valid_for: Some((self.expires + leeway).saturating_sub(now).min(LONGEST)),
        }
    }
}

/// What a claim has to be.
pub(super) fn takes(claim: &str) -> &'static str {
    match claim {
        "exp" => "the time of its end in seconds since 1970",
        "nbf" => "if at all, as a time in seconds since 1970",
        "aud" => "a string or a list of strings",
        "iss" => "a string",
        "room" => "the name of a room, a pattern such as team-*, or a list of them",
        "capacity" => "a whole number from 1",
        OURS => r#"an object that says for which rooms it is, such as {"room":"tea"}"#,
        _ => "true or false",
    }
}

fn check(name: &str, value: Option<&Value>) -> Result<(), String> {
    let right = match (name, value) {
        (_, None) => true,
        ("nbf", Some(value)) => value.is_number(),
        ("aud", Some(value)) => value.is_string() || strings(value).is_some(),
        (_, Some(value)) => value.is_string(),
    };
    if right { Ok(()) } else { Err(format!("this token's claim {name} takes {}", takes(name))) }
}

fn expires(exp: Option<&Value>) -> Result<Duration, String> {
    match exp.and_then(Value::as_f64) {
        Some(seconds) if (0.0..=LATEST).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Some(_) => {
            Err("this token's claim exp is no time in seconds since 1970; is it in milliseconds?".into())
        }
        None => Err(format!("this token needs the claim exp, {}", takes("exp"))),
    }
}

fn rooms(room: Option<&Value>) -> Option<Vec<&str>> {
    let rooms = match room? {
        Value::String(room) => vec![room.as_str()],
        list => strings(list)?,
    };
    (!rooms.is_empty() && rooms.iter().all(|room| !room.is_empty())).then_some(rooms)
}

fn strings(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(Value::as_str).collect()
}

fn flag(grants: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match grants.get(name) {
        None => Ok(true),
        Some(Value::Bool(granted)) => Ok(*granted),
        Some(_) => Err(wrong(name)),
    }
}

fn capacity(value: Option<&Value>) -> Result<Option<NonZeroUsize>, String> {
    let Some(value) = value else { return Ok(None) };
    let number = value.as_u64().and_then(|number| NonZeroUsize::new(usize::try_from(number).ok()?));
    number.map(Some).ok_or_else(|| wrong("capacity"))
}

fn wrong(grant: &str) -> String {
    format!("this token's claim {OURS}.{grant} takes {}", takes(grant))
}

/// The beginning of a name: enough to find it by.
fn excerpt(name: &str) -> &str {
    &name[..name.floor_char_boundary(32)]
}

/// Whether a pattern fits, in which `*` stands for anything, and for nothing.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(before) else { return false };
    let mut parts = rest.split('*');
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        // The first place is as good as any: what comes after it is longest.
        let Some((_, after)) = name.split_once(part) else { return false };
        name = after;
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(claims: &Value) -> Result<(bool, Grants), String> {
        let claims = Claims::read(claims.as_object().expect("an object"))?;
        let room = RoomName::parse("team-a").expect("a room");
        Ok((claims.opens(&room), claims.grants(Duration::from_secs(10), Duration::from_secs(100))))
    }

    #[test]
    fn a_room_is_enough() {
        let all = Grants { valid_for: Some(Duration::from_mins(1)), ..Grants::ALL };
        let claims = json!({ "exp": 150, "switchboard": { "room": "team-a" } });
        assert_eq!(read(&claims), Ok((true, all)));
    }

    #[test]
    fn everything_is_read() {
        let grants = json!({
            "room": ["x", "team-*"], "signal": false, "broadcast": false, "info": false, "capacity": 2
        });
        let (opens, grants) = read(&json!({ "exp": 150.5, "switchboard": grants })).expect("right claims");
        assert!(opens);
        let valid_for = Some(Duration::from_millis(60_500));
        let capacity = NonZeroUsize::new(2);
        assert_eq!(grants, Grants { signal: false, broadcast: false, info: false, capacity, valid_for });
    }

    #[test]
    fn an_end_that_no_clock_reaches_is_far_enough() {
        let (_, grants) =
            read(&json!({ "exp": LATEST, "switchboard": { "room": "x" } })).expect("right claims");
        assert_eq!(grants.valid_for, Some(LONGEST));
    }

    #[test]
    fn what_is_of_another_type_is_refused_by_its_name() {
        for (claims, named) in [
            (json!({}), "exp"),
            (json!({ "exp": "150" }), "exp"),
            (json!({ "exp": -1 }), "exp"),
            (json!({ "exp": 1.7e12 }), "milliseconds"),
            (json!({ "exp": 150, "nbf": "1" }), "nbf"),
            (json!({ "exp": 150, "aud": 5 }), "aud"),
            (json!({ "exp": 150, "aud": ["a", 5] }), "aud"),
            (json!({ "exp": 150, "iss": ["a"] }), "iss"),
            (json!({ "exp": 150 }), "switchboard"),
            (json!({ "exp": 150, "switchboard": null }), "switchboard"),
            (json!({ "exp": 150, "switchboard": ["team-a"] }), "switchboard"),
        ] {
            let message = read(&claims).expect_err(&claims.to_string());
            assert!(message.contains(named), "{claims}: {message}");
        }
        for (grants, named) in [
            (json!({}), "switchboard.room"),
            (json!({ "room": null }), "switchboard.room"),
            (json!({ "room": "" }), "switchboard.room"),
            (json!({ "room": [] }), "switchboard.room"),
            (json!({ "room": ["a", ""] }), "switchboard.room"),
            (json!({ "room": ["a", 5] }), "switchboard.room"),
            (json!({ "room": { "a": true } }), "switchboard.room"),
            (json!({ "room": "a", "signal": "false" }), "switchboard.signal"),
            (json!({ "room": "a", "broadcast": 0 }), "switchboard.broadcast"),
            (json!({ "room": "a", "info": null }), "switchboard.info"),
            (json!({ "room": "a", "capacity": 0 }), "switchboard.capacity"),
            (json!({ "room": "a", "capacity": -1 }), "switchboard.capacity"),
            (json!({ "room": "a", "capacity": 1.5 }), "switchboard.capacity"),
            (json!({ "room": "a", "capacity": "2" }), "switchboard.capacity"),
            (json!({ "room": "a", "brodcast": false }), "switchboard.brodcast"),
        ] {
            let message = read(&json!({ "exp": 150, "switchboard": grants })).expect_err(&grants.to_string());
            assert!(message.contains(named), "{grants}: {message}");
        }
    }

    proptest! {
        /// As the obvious way to do it says, which tries everything.
        #[test]
        fn patterns_match_what_they_should(pattern in "[ab*]{0,6}", name in "[ab]{0,8}") {
            fn obvious(pattern: &[u8], name: &[u8]) -> bool {
                match pattern {
                    [] => name.is_empty(),
                    [b'*', rest @ ..] => (0..=name.len()).any(|skipped| obvious(rest, &name[skipped..])),
                    [letter, rest @ ..] => name.first() == Some(letter) && obvious(rest, &name[1..]),
                }
            }
            prop_assert_eq!(matches(&pattern, &name), obvious(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
