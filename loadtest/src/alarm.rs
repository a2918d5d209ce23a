//! Wakes at a moment, to some fifty microseconds.

use anyhow::Result;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::{io::ErrorKind, os::fd::OwnedFd, time::Duration};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel's. Tokio's own has whole milliseconds, and a message would be a millisecond late.
pub(crate) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    pub(crate) fn new() -> Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    pub(crate) async fn sleep(&self, time: Duration) -> Result<()> {
        let nanos = i64::from(time.subsec_nanos()).max(1);
        let it_value = Timespec { tv_sec: i64::try_from(time.as_secs())?, tv_nsec: nanos };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        // What an earlier time left behind isn't for this one.
        let forget = |ready: &mut tokio::io::unix::AsyncFdReadyGuard<'_, OwnedFd>| ready.clear_ready();
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        loop {
            let mut ready = self.0.readable().await?;
            let mut expirations = [0; 8];
            match rustix::io::read(self.0.get_ref(), &mut expirations) {
                Ok(_) => {
                    forget(&mut ready);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => forget(&mut ready),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
