//! What a process has taken from the machine, as the system counts it.

use std::collections::BTreeMap;
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

    /// Its time on processors until now; none if there is no such process.
    pub fn cpu_time(self) -> Option<CpuTime> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id)).ok()?;
        let all = ticks_time(cpu_ticks(&stat)?, rustix::param::clock_ticks_per_second());
        Some(CpuTime { all, by_thread: self.cpu_by_thread() })
    }

    fn cpu_by_thread(self) -> BTreeMap<String, Duration> {
        let mut by_thread = BTreeMap::new();
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id));
        for task in tasks.into_iter().flatten().flatten() {
            // It may have ended meanwhile.
            let read = |name| fs::read_to_string(task.path().join(name)).ok();
            let (name, stat) = (read("comm"), read("schedstat"));
            if let Some((name, time)) = name.zip(stat.as_deref().and_then(thread_time)) {
                *by_thread.entry(kind(&name)).or_insert(Duration::ZERO) += time;
            }
        }
        by_thread
    }

    /// The most memory it ever had, in MiB.
    pub fn rss_peak_mib(self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u32 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(f64::from(kib) / 1_024.0)
    }
}

/// Time on processors, a process's own and the system's for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    pub all: Duration,
    /// Of its threads, by what their names begin with: `write` for `write-allocation-0`. Empty
    /// where the system does not count it.
    pub by_thread: BTreeMap<String, Duration>,
}

impl CpuTime {
    /// What has come since; of a thread that has ended, nothing.
    pub fn since(&self, before: &Self) -> Self {
        let more = |(name, time): (&String, &Duration)| {
            let before = before.by_thread.get(name).copied().unwrap_or_default();
            (name.clone(), time.saturating_sub(before))
        };
        let by_thread = self.by_thread.iter().map(more).collect();
        Self { all: self.all.saturating_sub(before.all), by_thread }
    }

    pub fn add(&mut self, more: &Self) {
        self.all += more.all;
        for (name, time) in &more.by_thread {
            *self.by_thread.entry(name.clone()).or_default() += *time;
        }
    }
}

/// What the name of a thread begins with.
fn kind(name: &str) -> String {
    name.trim().split('-').next().unwrap_or_default().to_owned()
}

/// The first field of `/proc/PID/task/TID/schedstat` (proc(5)): nanoseconds on a processor.
fn thread_time(schedstat: &str) -> Option<Duration> {
    let (first, _) = schedstat.split_once(' ')?;
    first.parse().ok().map(Duration::from_nanos)
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

    use super::{CpuTime, Process, cpu_ticks, kind, thread_time, ticks_time};

    #[test]
    fn ticks_are_found_whatever_the_name_of_the_program() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 123 45 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_ticks(stat), Some(168));
        assert_eq!(ticks_time(168, 100), Duration::from_millis(1_680));
    }

    #[test]
    fn times_of_threads_of_a_kind_are_one() {
        assert_eq!(kind("write-allocatio\n"), "write");
        assert_eq!(kind("checkpoint\n"), "checkpoint");
        assert_eq!(thread_time("1500 7 3\n"), Some(Duration::from_nanos(1_500)));
        let time = |all, threads: &[(&str, u64)]| CpuTime {
            all: Duration::from_secs(all),
            by_thread: (threads.iter())
                .map(|(name, time)| ((*name).to_owned(), Duration::from_secs(*time)))
                .collect(),
        };
        let after = time(9, &[("write", 5), ("settle", 2)]);
        let mut sum = after.since(&time(4, &[("write", 3), ("ended", 1)]));
        assert_eq!(sum, time(5, &[("write", 2), ("settle", 2)]));
        sum.add(&time(1, &[("write", 1), ("tokio", 1)]));
        assert_eq!(sum, time(6, &[("write", 3), ("settle", 2), ("tokio", 1)]));
    }

    #[test]
    fn this_process_has_taken_memory() {
        let taken = Process::own().cpu_time().unwrap();
        assert!(taken.by_thread.values().sum::<Duration>() > Duration::ZERO, "{taken:?}");
        assert!(Process::own().rss_peak_mib().unwrap() > 1.0);
        assert!(Process { id: u32::MAX }.cpu_time().is_none());
    }
}
