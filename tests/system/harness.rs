//! Nodes and clients that read as prose.

pub(crate) mod caller;
mod client;
mod contract;
mod coturn;
mod endpoints;
mod gateway;
mod haproxy;
mod http;
mod node;
mod operator;
mod ports;
pub(crate) mod posts;
mod process;
mod proxy;
pub(crate) mod raw;
mod redis;
mod resuming;
mod site;
mod turn;
mod wait;

pub(crate) use self::{
    client::{Client, Ended},
    coturn::Coturn,
    endpoints::Endpoints,
    gateway::gateway,
    haproxy::HaProxy,
    http::{get, request},
    node::Node,
    operator::{Operator, TOKEN, WITH_TOKEN, document},
    process::{Process, command},
    proxy::{Proxy, Way},
    raw::RawClient,
    redis::{Cluster, RedisServer, Sentinel, documented_user, free_port, patient},
    resuming::Resumable,
    site::{Site, on_each_site},
    turn::{Refused, TurnClient},
    wait::until,
};
