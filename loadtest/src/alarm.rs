//! Wakes at a moment, to some fifty microseconds.

use anyhow::Result;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::{fs::File, io::ErrorKind, time::Duration};
use tokio::net::unix::pipe::Receiver;

/// A timer of the kernel's. Tokio's own has whole milliseconds, and a message would be a millisecond late.
pub(crate) struct Alarm(Receiver);

impl Alarm {
    pub(crate) fn new() -> Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // No pipe, but read like one: it is the one way to wait for a file that takes any, and needs no `unsafe`.
        Ok(Self(Receiver::from_file_unchecked(File::from(timer))?))
    }

    pub(crate) async fn sleep(&self, time: Duration) -> Result<()> {
        let it_value = Timespec {
            tv_sec: i64::try_from(time.as_secs())?,
            tv_nsec: i64::from(time.subsec_nanos()).max(1), // all zero would be "never"
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        loop {
            self.0.readable().await?;
            match self.0.try_read(&mut [0; 8]) {
                Ok(_) => return Ok(()),
                // An earlier time had woken it.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn wakes_in_time_and_not_before() {
        let alarm = Alarm::new().unwrap();
        for micros in [100, 1500, 300] {
            let start = Instant::now();
            alarm.sleep(Duration::from_micros(micros)).await.unwrap();
            assert!(start.elapsed() >= Duration::from_micros(micros));
        }
    }
}
