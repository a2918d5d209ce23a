//! Nodes and clients that read as prose.

pub(crate) mod caller;
mod client;
mod contract;
mod endpoints;
mod gateway;
mod haproxy;
mod http;
mod node;
mod ports;
mod process;
mod proxy;
pub(crate) mod raw;
mod redis;
mod resuming;
mod site;
mod wait;

pub(crate) use self::{
    client::{Client, Ended},
    endpoints::Endpoints,
    gateway::gateway,
    haproxy::HaProxy,
    http::{get, request},
    node::Node,
    process::{Process, command},
    proxy::{Proxy, Way},
    raw::RawClient,
    redis::{Cluster, RedisServer, Sentinel, documented_user, free_port, patient},
    resuming::Resumable,
    site::{Site, on_each_site},
    wait::until,
};
