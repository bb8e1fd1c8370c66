//! The parameters of a run: the program, the servers that it uses, and the seed.

use std::path::PathBuf;

use indicatif::ProgressBar;

/// The parameters of a run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program under test.
    pub program: PathBuf,
    /// URL of the PostgreSQL database with the log; `None` for SQLite files.
    pub store: Option<String>,
    /// URL of the Redis server that events are published to, if any.
    pub redis: Option<String>,
    /// Requests and the moments of faults are derived from it; their effect depends on the machine.
    pub seed: u64,
    /// Shows the progress of the run.
    pub bar: ProgressBar,
}
