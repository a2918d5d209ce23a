//! The scripts of the Redis exchange, each against a real Redis, put together as the gateway does it.
//!
//! What holds of them: a change is told to exactly those whom it concerns, with versions that rise by one; a script that is
//! done again after a lost answer does no harm; and nothing is left of who is gone.

mod acks;
mod events;
mod headers;
mod leases;
mod membership;
mod messages;
mod operators;
mod partition;
mod permissions;
mod races;
mod resume;
mod terms;
mod versions;
