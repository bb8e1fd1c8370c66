//! CPU time and memory of a process, from /proc.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A process of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub id: u32,
}

impl Process {
    /// This process.
    pub fn own() -> Self {
        Self { id: std::process::id() }
    }

    /// CPU time in user and system mode; none if there is no such process.
    pub fn cpu_time(self) -> Option<Duration> {
        cpu_time(&Path::new("/proc").join(self.id.to_string()))
    }

    /// CPU time of each of its running threads.
    pub fn threads(self) -> Threads {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id));
        let threads = tasks.into_iter().flatten().flatten().filter_map(|task| {
            // It may have ended.
            let id = task.file_name().to_str()?.parse().ok()?;
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            Some((id, (kind(&name).to_owned(), cpu_time(&task.path())?)))
        });
        Threads(threads.collect())
    }

    /// Peak memory, in MiB.
    pub fn rss_peak_mib(self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u32 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(f64::from(kib) / 1_024.0)
    }
}

/// The threads of a process by id, with the first part of their name and their CPU time.
#[derive(Clone, Debug, Default)]
pub struct Threads(BTreeMap<u32, (String, Duration)>);

impl Threads {
    /// CPU time since an earlier reading, by the first part of the name.
    pub fn since(&self, before: &Self) -> BTreeMap<String, Duration> {
        let mut by_kind = BTreeMap::new();
        for (id, (kind, time)) in &self.0 {
            let before = before.0.get(id).map(|(_, time)| *time).unwrap_or_default();
            let sum: &mut Duration = by_kind.entry(kind.clone()).or_default();
            *sum += time.saturating_sub(before);
        }
        by_kind
    }
}

/// The first part of a thread name: `write` of `write-allocation-0`.
fn kind(name: &str) -> &str {
    name.trim().split('-').next().unwrap_or_default()
}

/// CPU time of the process or thread in whose folder `stat` is.
fn cpu_time(folder: &Path) -> Option<Duration> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    Some(ticks_time(cpu_ticks(&stat)?, rustix::param::clock_ticks_per_second()))
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

    use super::{Process, Threads, cpu_ticks, kind, ticks_time};

    #[test]
    fn ticks_are_found_for_any_program_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 123 45 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_ticks(stat), Some(168));
        assert_eq!(ticks_time(168, 100), Duration::from_millis(1_680));
    }

    #[test]
    fn threads_of_a_kind_are_summed() {
        let threads = |all: &[(u32, &str, u64)]| {
            let thread =
                |&(id, kind, s): &(u32, &str, u64)| (id, (kind.to_owned(), Duration::from_secs(s)));
            Threads(all.iter().map(thread).collect())
        };
        let before = threads(&[(1, "write", 3), (2, "connections", 5), (3, "connections", 4)]);
        // One ended, one started.
        let after = threads(&[(1, "write", 5), (3, "connections", 6), (4, "connections", 1)]);
        let taken = [("connections", 3), ("write", 2)];
        let taken = taken.map(|(kind, s)| (kind.to_owned(), Duration::from_secs(s)));
        assert_eq!(after.since(&before), taken.into());
        assert_eq!([kind("write-allocatio\n"), kind("checkpoint\n")], ["write", "checkpoint"]);
    }

    #[test]
    fn this_process_has_cpu_time_and_memory() {
        assert!(Process::own().cpu_time().is_some());
        assert!(Process::own().rss_peak_mib().unwrap() > 1.0);
        assert!(Process { id: u32::MAX }.cpu_time().is_none());
        assert!(!Process::own().threads().0.is_empty());
    }
}
