//! The machine and the date of a result.

use std::fs;
use std::process::Command;

use earmark_kernel::clock::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

use super::daemon::output;

/// The machine and the date of a result.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Machine {
    /// UTC date of the start of the run.
    pub date: String,
    /// Commit of the project.
    pub commit: String,
    pub cores: usize,
    pub processor: String,
    pub memory_gib: u64,
    pub kernel: String,
    /// Load average at the start of the run: above 1, other processes were running.
    pub load_before: f64,
}

impl Machine {
    pub fn seen() -> Self {
        let now = jiff::Timestamp::from_millisecond(SystemClock.now().0).unwrap_or_default();
        let commit = output(Command::new("git").args(["describe", "--always", "--dirty"]));
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(|it: char| it == ':' || it.is_whitespace()).to_owned()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let memory: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        let load = read("/proc/loadavg");
        Self {
            date: now.strftime("%Y-%m-%d").to_string(),
            commit: commit.unwrap_or_default().trim().to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: field(&read("/proc/cpuinfo"), "model name"),
            memory_gib: memory.div_ceil(1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: load.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or_default(),
        }
    }
}
