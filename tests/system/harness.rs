//! Nodes and clients that read as prose.

mod client;
mod contract;
mod endpoints;
mod http;
mod node;
mod process;
pub(crate) mod raw;
mod redis;

pub(crate) use self::{
    client::{Client, Ended},
    endpoints::Endpoints,
    http::{get, request},
    node::Node,
    process::{Process, command},
    raw::RawClient,
    redis::RedisServer,
};
