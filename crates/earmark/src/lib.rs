//! Earmark promises stock to order lines; this is the program but for its first line, one file a
//! subcommand in `commands`. It is a library so that fuzz targets reach what reads outside bytes.

mod bench;
mod cli;
mod client;
mod commands;
mod config;
mod csv_file;
mod error;
mod fd_limit;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod import;
mod integrations;
mod message_schemas;
mod node;
mod output;
mod progress;
mod replay;
mod server;
mod side_by_side;
mod storage_config;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

/// Does what the command line asks; gives the code to end with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(problem) => problem.report(),
    }
}
