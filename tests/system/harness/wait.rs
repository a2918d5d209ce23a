//! Waiting by asking, with a deadline.

use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Asks every few milliseconds until the answer is yes.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async {
        while !holds().await {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), held).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
