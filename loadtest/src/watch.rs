//! What watched processes use, as Linux tells it in `/proc`.

use anyhow::{Context as _, Result};
use std::fs;

/// A process to watch, from `--process NAME=PID`.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

impl std::str::FromStr for Watched {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} isn't NAME=PID, such as gateway=4711");
        let (name, pid) = text.split_once('=').ok_or_else(wrong)?;
        let pid = pid.parse().map_err(|_| wrong())?;
        Ok(Self { name: name.to_owned(), pid })
    }
}

impl Watched {
    /// User and system time since it began.
    pub(crate) fn cpu_s(&self) -> Result<f64> {
        let stat = self.read("stat")?;
        let ticks = cpu_ticks(&stat).with_context(|| format!("/proc/{}/stat makes no sense", self.pid))?;
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Resident memory.
    fn resident_kib(&self) -> Result<u64> {
        let status = self.read("status")?;
        resident_kib(&status).with_context(|| format!("/proc/{}/status makes no sense", self.pid))
    }

    fn uses(&self) -> Result<(f64, u64)> {
        Ok((self.cpu_s()?, self.resident_kib()?))
    }

    fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid))
            .with_context(|| format!("process {} ({}) isn't there", self.pid, self.name))
    }
}

/// A process that is watched, and what was last seen of it: one that ends keeps what it had used by then.
pub(crate) struct Watch {
    pub(crate) process: Watched,
    pub(crate) cpu_s: f64,
    pub(crate) resident_kib: u64,
    pub(crate) has_ended: bool,
}

impl Watch {
    /// Fails if there is no such process.
    pub(crate) fn new(process: Watched) -> Result<Self> {
        let (cpu_s, resident_kib) = process.uses()?;
        Ok(Self { process, cpu_s, resident_kib, has_ended: false })
    }

    pub(crate) fn look(&mut self) {
        match self.process.uses() {
            Ok((cpu_s, resident_kib)) => (self.cpu_s, self.resident_kib) = (cpu_s, resident_kib),
            Err(_) => self.has_ended = true,
        }
    }
}

/// Fields 14 and 15, counted behind the name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        let stat = "42 (a (strange) name) S 1 42 42 0 -1 4194560 7 0 0 0 130 20 0 0 20 0 3 0 99 1 2";
        assert_eq!(cpu_ticks(stat), Some(150));
        assert_eq!(resident_kib("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n"), Some(1234));
    }

    #[test]
    fn watches_itself() {
        let me = Watched { name: "me".into(), pid: std::process::id() };
        let mut watch = Watch::new(me).unwrap();
        watch.look();
        assert!(watch.resident_kib > 100 && watch.cpu_s >= 0.0 && !watch.has_ended);
    }

    #[test]
    fn who_ends_keeps_what_it_used() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut watch = Watch::new(Watched { name: "child".into(), pid: child.id() }).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let had = watch.resident_kib;
        watch.look();
        assert!(watch.has_ended && watch.resident_kib == had);
        assert!(Watch::new(watch.process).is_err());
    }
}
