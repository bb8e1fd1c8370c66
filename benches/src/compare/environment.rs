//! What points are measured with: programs, files, and the length of the load.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::daemon;
use crate::failure::Failure;

/// How long a load lasts, in seconds.
#[derive(Clone, Copy)]
pub struct LoadDuration {
    /// The measured time.
    pub seconds: f64,
    /// The time before that, which is not measured.
    pub warmup: f64,
}

pub const REHEARSAL: LoadDuration = LoadDuration { seconds: 3.0, warmup: 0.5 };
/// Least warm-up before a turn, in seconds.
const TURN_WARMUP_MIN: f64 = 0.3;

/// What points are measured with.
pub struct BenchEnv {
    /// Folder of the programs that were built together with this one.
    pub programs: PathBuf,
    pub scratch: TempDir,
    pub duration: LoadDuration,
    /// Turns per round of points that are compared.
    pub turns: usize,
    pub orders: Option<PathBuf>,
    pub is_quick: bool,
}

impl BenchEnv {
    pub fn open(scratch: &Path, duration: LoadDuration) -> Result<Self, Failure> {
        let own = std::env::current_exe()?;
        let programs = own.parent().map(PathBuf::from).unwrap_or_default();
        let scratch = tempfile::Builder::new().prefix("compare-").tempdir_in(scratch)?;
        daemon::open_to_others(scratch.path())?;
        Ok(Self { programs, scratch, duration, turns: 1, orders: None, is_quick: false })
    }

    /// The duration of a point that is not measured in turns.
    pub fn whole(&self) -> LoadDuration {
        self.duration
    }

    /// The duration of a turn.
    pub fn turn(&self) -> LoadDuration {
        let turns = f64::from(u32::try_from(self.turns).expect("there are few turns"));
        let LoadDuration { seconds, warmup } = self.duration;
        let warmup_min = TURN_WARMUP_MIN.min(warmup);
        LoadDuration { seconds: seconds / turns, warmup: (warmup / turns).max(warmup_min) }
    }

    #[cfg(test)]
    pub fn for_tests(turns: usize) -> Self {
        let scratch = std::env::temp_dir();
        Self { turns, ..Self::open(&scratch, REHEARSAL).expect("the temporary folder is writable") }
    }
}
