//! Tokio runtimes: one thread for a command, several for a server.

use tokio::runtime::{Builder, Runtime};

use crate::error::CliError;

/// More threads than this do not help: one writer decides for each partition.
const WORKERS_MAX: usize = 4;

/// Runs work on a single thread, for commands that wait for answers and do nothing else.
pub fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// The threads of a server.
pub fn of_server() -> Result<Runtime, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = Builder::new_multi_thread();
    builder.thread_name("connections");
    Ok(builder.worker_threads(cores.clamp(2, WORKERS_MAX)).enable_all().build()?)
}
