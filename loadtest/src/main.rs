//! `loadtest`: loads a signaling server, checks every message and says what it cost.

mod dialect;
mod plan;
mod report;

fn main() {}
