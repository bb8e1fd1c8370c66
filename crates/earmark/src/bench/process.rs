//! What a process has taken from the machine, as the system counts it.

use std::fs;
use std::time::Duration;

/// A process of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub id: u32,
}

impl Process {
    /// This one.
    pub fn own() -> Self {
        Self { id: std::process::id() }
    }

    /// Time on processors, its own and the system's for it; none if there is no such process.
    pub fn cpu_time(self) -> Option<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id)).ok()?;
        Some(ticks_time(cpu_ticks(&stat)?, rustix::param::clock_ticks_per_second()))
    }

    /// The most memory it ever had, in MiB.
    pub fn rss_peak_mib(self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u32 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(f64::from(kib) / 1_024.0)
    }
}

/// The 14th and 15th field of `/proc/PID/stat` (proc(5)); the second may hold blanks.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn ticks_time(ticks: u64, per_second: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second.max(1)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Process, cpu_ticks, ticks_time};

    #[test]
    fn ticks_are_found_whatever_the_name_of_the_program() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 123 45 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_ticks(stat), Some(168));
        assert_eq!(ticks_time(168, 100), Duration::from_millis(1_680));
    }

    #[test]
    fn this_process_has_taken_memory() {
        assert!(Process::own().cpu_time().is_some());
        assert!(Process::own().rss_peak_mib().unwrap() > 1.0);
        assert!(Process { id: u32::MAX }.cpu_time().is_none());
    }
}
