//! Callers who talk while everything that can fail does, and a checker that judges all that they did and heard.
//!
//! ```text
//! Deployment: nodes (processes), Redis, a proxy before each node and on each link ◀── Fault
//! Crowd:      callers, who talk, lose their connections and come back             ◀── pace
//!                │ logs
//!                ▼
//! checker ──▶ Verdict, with the shortest history of what is wrong; report
//! ```
//!
//! The tests here are small. `scripts/faults.sh` runs the same ones on a larger scale, as `Scale` reads it from the
//! environment.

mod announcer;
mod checker;
mod crowd;
mod deployment;
mod exodus;
mod fault;
mod report;
mod rolling;
mod rounds;
mod scale;

use self::{deployment::Store, scale::Scale};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_whatever_fails_around_a_redis() {
    rounds::run(Scale::of("standalone", Scale::SMALL), Store::standalone().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_whatever_fails_under_sentinels() {
    rounds::run(Scale::of("sentinel", Scale::SMALL), Store::sentinel().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_all_nodes_are_restarted_in_turn() {
    rolling::run(Scale::of("rolling", Scale::SMALL)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_a_node_is_back_on_the_others_soon() {
    exodus::run(Scale::of("exodus", Scale { sockets: 100, rate: 1.0, ..Scale::SMALL })).await;
}
