//! What a back end hears of rooms: webhooks and streams.

mod delivery;
mod faults;
mod kinds;
mod receiver;
mod story;
mod streams;

use self::receiver::Receiver;
use crate::harness::Endpoints;

/// So that what depends on a lease doesn't take long.
const SHORT_LEASE: [&str; 2] = ["--lease=1s", "--redis-timeout=300ms"];

/// The flags of a node that sends its events to a receiver, and these.
fn flags(receiver: &Receiver, others: &[&str]) -> Vec<String> {
    let own =
        [format!("--webhook-url={}", receiver.url()), format!("--webhook-secret={}", receiver::secret())];
    own.into_iter().chain(others.iter().map(ToString::to_string)).collect()
}

fn as_refs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// So often, a client comes to the room and goes properly.
async fn visit(node: &Endpoints, room: &str, times: usize) {
    for _ in 0..times {
        let mut client = node.client().await;
        client.join(room).await;
        client.close().await;
    }
}
