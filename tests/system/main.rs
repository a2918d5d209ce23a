//! Whole nodes, spoken to as clients, browsers and operators speak to them.

mod harness;

mod assets;
mod bad_input;
mod churn;
mod command;
mod documents;
mod drain;
mod exchange;
mod failover;
mod faults;
mod handshake;
mod layers;
mod limits;
mod links;
mod metrics;
mod mute;
mod nodes;
mod outage;
mod repair;
mod resume;
mod rooms;
mod scripts;
mod skyrtc;
mod spots;
mod startup;
