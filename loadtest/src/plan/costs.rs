//! What things cost: measured figures, from `costs.toml` or a file like it.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::{fs, path::Path};

/// What the program was built with.
const SHIPPED: &str = include_str!("costs.toml");

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Costs {
    pub(super) node_cpu: NodeCpu,
    pub(super) node_memory: NodeMemory,
    pub(super) redis_cpu: RedisCpu,
    pub(super) redis_memory: RedisMemory,
    pub(super) bytes: Bytes,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeCpu {
    pub(super) handshake: Seconds,
    pub(super) join: Seconds,
    pub(super) leave: Seconds,
    pub(super) resume: Seconds,
    pub(super) relay: Seconds,
    pub(super) notice: Seconds,
    pub(super) frame: Seconds,
    pub(super) beat: Seconds,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeMemory {
    pub(super) base: Size,
    pub(super) socket: Size,
    pub(super) member: Size,
    pub(super) kernel: Size,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedisCpu {
    pub(super) join: Seconds,
    pub(super) leave: Seconds,
    pub(super) resume: Seconds,
    pub(super) detach: Seconds,
    pub(super) restore: Seconds,
    pub(super) sync: Seconds,
    pub(super) relay: Seconds,
    pub(super) info: Seconds,
    pub(super) notice: Seconds,
    pub(super) beat: Seconds,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedisMemory {
    pub(super) base: Size,
    pub(super) session: Size,
    pub(super) room_name: Size,
    pub(super) message: Size,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bytes {
    pub(super) packet: Size,
    pub(super) handshake_in: Size,
    pub(super) handshake_out: Size,
    pub(super) small_frame: Size,
    pub(super) notice: Size,
    pub(super) relay_to_redis: Size,
    pub(super) relay_from_redis: Size,
    pub(super) join_to_redis: Size,
    pub(super) join_from_redis: Size,
    pub(super) leave_to_redis: Size,
    pub(super) leave_from_redis: Size,
    pub(super) beat_to_redis: Size,
    pub(super) beat_from_redis: Size,
}

/// Seconds of a core.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Figure")]
pub(super) struct Seconds(pub(super) f64);

/// Bytes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Figure")]
pub(super) struct Size(pub(super) f64);

/// A line of the file. Where it comes from is for people, but it has to be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    value: f64,
    unit: String,
    #[serde(rename = "by")]
    _by: String,
    #[serde(rename = "on")]
    _on: String,
}

impl Costs {
    pub(super) fn shipped() -> Self {
        toml::from_str(SHIPPED).expect("the costs that are built in can be read")
    }

    /// Reads a file like `costs.toml`: all of it, as figures of two machines don't mix.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("can't read costs from {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} isn't a file of costs", file.display()))
    }
}

impl Figure {
    fn in_units(&self, units: &[(&str, f64)]) -> Result<f64, String> {
        let known = units.iter().find(|(name, _)| *name == self.unit);
        let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let (_, size) = known.ok_or_else(|| format!("the unit `{}` isn't one of {}", self.unit, names()))?;
        let is_cost = self.value.is_finite() && self.value >= 0.0;
        is_cost.then_some(self.value * size).ok_or_else(|| format!("{} is no cost", self.value))
    }
}

impl TryFrom<Figure> for Seconds {
    type Error = String;

    fn try_from(figure: Figure) -> Result<Self, String> {
        figure.in_units(&[("us", 1e-6), ("ms", 1e-3), ("s", 1.0)]).map(Self)
    }
}

impl TryFrom<Figure> for Size {
    type Error = String;

    fn try_from(figure: Figure) -> Result<Self, String> {
        figure.in_units(&[("B", 1.0), ("KiB", 1024.0), ("MiB", 1024.0 * 1024.0)]).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        let costs = Costs::shipped();
        assert!(costs.node_cpu.handshake.0 > 1e-6 && costs.node_cpu.handshake.0 < 0.1);
        assert!(costs.node_memory.socket.0 > 1024.0 && costs.node_memory.socket.0 < 1e6);
    }

    #[test]
    fn each_cost_is_one_line_and_says_where_it_comes_from() {
        for line in SHIPPED.lines().filter(|line| line.contains(" = {")) {
            assert!(line.contains("by = \"") && line.contains("on = \"2"), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let wrong = |from: &str, to: &str| {
            let text = SHIPPED.replacen(from, to, 1);
            assert_ne!(text, SHIPPED, "{from}");
            toml::from_str::<Costs>(&text).unwrap_err().to_string()
        };
        assert!(wrong("unit = \"us\"", "unit = \"KiB\"").contains("isn't one of us, ms, s"));
        assert!(wrong("handshake =", "handshakes =").contains("handshakes"));
        assert!(wrong("value = ", "value = -").contains("is no cost"));
    }
}
