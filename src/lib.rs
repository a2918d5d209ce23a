//! Switchboard: a WebRTC signaling gateway.
//!
//! The layers, from the top; each may name only those below it (`tests/system/layers.rs` keeps it so):
//!
//! | layer | what it does |
//! | --- | --- |
//! | `main` | the command: logs and signals |
//! | [`config`] | flags, environment and file, made into each layer's settings |
//! | [`server`] | one node: built, served, stopped |
//! | [`gateway`] | clients' requests and connections; one task a connection |
//! | [`websocket`] | WebSockets: the handshake, frames, and ends that are told |
//! | [`exchange`] | what a gateway asks of the rooms, and the rooms, in memory or in Redis |
//! | [`session`] | pure: one connection's life, input to effects |
//! | [`room`] | pure: the words between a session and the exchange |
//! | [`metrics`] | what a node counts |
//! | [`protocol`] | pure: the wire |

pub mod config;
pub mod exchange;
pub mod gateway;
pub mod metrics;
pub mod protocol;
pub mod room;
pub mod server;
pub mod session;
pub mod websocket;
