//! Whole nodes, spoken to as clients, browsers and operators speak to them.

mod harness;

mod addresses;
mod admin;
mod assets;
mod auth;
mod bad_input;
mod churn;
mod command;
mod documents;
mod drain;
mod events;
mod exchange;
mod failover;
mod faults;
mod handshake;
mod health;
mod layers;
mod limits;
mod links;
mod logs;
mod metrics;
mod mute;
mod nodes;
mod origins;
mod outage;
mod repair;
mod resume;
mod rooms;
mod scripts;
mod skyrtc;
mod spots;
mod startup;
mod traces;
mod turn;
