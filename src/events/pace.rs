//! How long to wait before a failed webhook is tried again.

use std::time::Duration;

/// Before the first repeat, at most; twice as long each time.
const FIRST: Duration = Duration::from_millis(500);

const LONGEST: Duration = Duration::from_mins(1);

/// After so many failures in a row: anything up to a time that doubles with each ("full jitter"), so that those who failed
/// together don't come back together; but not before the server wants it. Never longer than `patience`, for which an event is
/// tried at all. `random` is from 0 to 1.
pub(super) fn pause(failures: u32, random: f64, asked: Option<Duration>, patience: Duration) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let most = FIRST.saturating_mul(doubled).min(LONGEST).min(patience);
    most.mul_f64(random).max(asked.unwrap_or_default().min(patience))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_minute() {
        let longest = |failures| pause(failures, 1.0, None, Duration::MAX).as_millis();
        assert_eq!([1, 2, 3, 7, 8, 9, 500].map(longest), [500, 1000, 2000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(pause(9, 1.0, None, Duration::from_millis(300)).as_millis(), 300);
        assert_eq!(pause(3, 0.25, None, Duration::MAX).as_millis(), 500);
    }

    #[test]
    fn the_server_may_ask_for_more_within_reason() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(1, 1.0, Some(seconds(90)), seconds(3600)), seconds(90));
        assert_eq!(pause(1, 1.0, Some(seconds(9000)), seconds(3600)), seconds(3600));
        assert_eq!(pause(4, 1.0, Some(seconds(1)), seconds(3600)), seconds(4));
    }
}
