//! Switchboard: a WebRTC signaling gateway.
//!
//! The layers, from the top; each may name only those below it (`tests/system/layers.rs` keeps it so):
//!
//! | layer | what it does |
//! | --- | --- |
//! | `main` | the command: logs and signals; `health`, which asks a node how it is |
//! | [`config`] | flags, environment and file, made into each layer's settings |
//! | [`server`] | one node: built, served, stopped |
//! | [`gateway`] | clients' requests and connections; one task a connection |
//! | [`websocket`] | WebSockets: the handshake, frames, and ends that are told |
//! | [`auth`] | who comes in: tokens, made into grants |
//! | [`ice`] | STUN servers, and TURN servers with credentials |
//! | [`events`] | webhooks: what happens is told to a server of the operator's |
//! | [`exchange`] | what a gateway asks of the rooms, and the rooms, in memory or in Redis |
//! | [`session`] | pure: one connection's life, input to effects |
//! | [`room`] | pure: the words between a session and the exchange |
//! | [`traces`] | how long sampled messages take, and where |
//! | [`metrics`] | what a node counts |
//! | [`outbound`] | requests of the node to servers of the operator's |
//! | [`protocol`] | pure: the wire |
//! | [`secret`] | pure: what doesn't print |

pub mod auth;
pub mod config;
pub mod events;
pub mod exchange;
pub mod gateway;
pub mod ice;
pub mod metrics;
pub mod outbound;
pub mod protocol;
pub mod room;
pub mod secret;
pub mod server;
pub mod session;
pub mod traces;
pub mod websocket;
