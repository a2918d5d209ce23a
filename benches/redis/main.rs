//! What the Redis exchange costs, measured against a `redis-server` of its own.
//!
//! ```text
//! cargo bench --bench redis -- relay [ROUNDS]   messages between two nodes, beside a bare PUBLISH and SPUBLISH
//! cargo bench --bench redis -- resubscribe      50,000 members, and all connections cut
//! cargo bench --bench redis -- join             into rooms of 2, 16 and 64
//! cargo bench --bench redis -- resume           the memory of sessions that can be resumed, and of such that can't
//! ```
//!
//! It goes through the library's public API. Each node of `relay` is a process of its own: this program again, as
//! `node …`. Everything that arrives is checked (who, order, once); the first thing that is wrong ends it with a panic.

mod bare;
mod frame;
mod join;
mod node;
mod partner;
mod process;
mod relay;
mod resubscribe;
mod resume;
mod server;
mod table;

use std::{env, process::exit};

#[tokio::main]
async fn main() {
    // A check that fails in a task has to end the process.
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        exit(1);
    }));
    // `cargo bench` adds a flag of its own.
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["relay"] => relay::run(None).await,
        ["relay", rounds] => relay::run(Some(rounds)).await,
        ["resubscribe"] => resubscribe::run().await,
        ["join"] => join::run().await,
        ["resume"] => resume::run().await,
        ["node", ref rest @ ..] => partner::run(rest).await,
        ["crowd", url, size] => join::crowd(url, size).await,
        ["crowd-of", kind] => resume::crowd(kind).await,
        _ => {
            eprintln!("cargo bench --bench redis -- relay [ROUNDS] | resubscribe | join | resume");
            exit(2);
        }
    }
}
