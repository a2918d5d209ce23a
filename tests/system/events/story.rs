//! What a back end makes of the events that it hears.

use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Events, in the order in which they came.
#[derive(Debug)]
pub(super) struct Story(pub(super) Vec<Value>);

impl Story {
    /// How many there are of a kind.
    pub(super) fn count(&self, kind: &str) -> usize {
        self.of(kind).count()
    }

    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |event| event["type"] == kind)
    }

    /// Why somebody left, each time.
    pub(super) fn reasons(&self, id: &str) -> Vec<&str> {
        let left = self.of("peer.left").filter(|event| event["data"]["socketId"] == id);
        left.map(|event| event["data"]["reason"].as_str().expect("a reason")).collect()
    }

    /// Kind and id of what happened in a room.
    pub(super) fn in_room(&self, room: &str) -> Vec<(&str, &str)> {
        let inside = self.0.iter().filter(|event| event["data"]["room"] == room);
        inside
            .map(|event| {
                (
                    event["type"].as_str().expect("a kind"),
                    event["data"]["socketId"].as_str().unwrap_or_default(),
                )
            })
            .collect()
    }

    /// Who it says is in which room, if each room's events are in their order and none is missing: a room opens and
    /// closes, who joins wasn't there, and who leaves was; and the versions rise.
    pub(super) fn members(&self) -> HashMap<String, HashSet<String>> {
        let mut rooms: HashMap<String, HashSet<String>> = HashMap::new();
        let mut versions: HashMap<String, u64> = HashMap::new();
        for event in self.0.iter().filter(|event| event["type"] != "socket.connected") {
            let data = &event["data"];
            let room = data["room"].as_str().expect("a room").to_owned();
            let id = || data["socketId"].as_str().expect("an id").to_owned();
            if let Some(version) = data["version"].as_u64() {
                let before = versions.insert(room.clone(), version).unwrap_or_default();
                // The first to join makes the version with which its room opens. In memory, a room begins anew.
                let is_first = rooms.get(&room).is_none_or(HashSet::is_empty);
                assert!(
                    version > before || is_first && version == before || event["type"] == "room.opened",
                    "{before}, then {event}"
                );
            }
            match event["type"].as_str().expect("a kind") {
                "room.opened" => assert!(rooms.insert(room, HashSet::new()).is_none(), "{event}"),
                "room.closed" => assert!(rooms.remove(&room).is_some_and(|room| room.is_empty()), "{event}"),
                "peer.joined" => assert!(rooms.get_mut(&room).expect("open").insert(id()), "{event}"),
                "peer.left" => assert!(rooms.get_mut(&room).expect("open").remove(&id()), "{event}"),
                other => panic!("what is {other}?"),
            }
        }
        rooms
    }
}
