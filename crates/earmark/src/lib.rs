//! Earmark promises stock to order lines; this is the program but for its first line, one file a
//! subcommand in `commands`. It is a library so that fuzz targets reach what reads outside bytes.

mod args;
mod bench;
mod cli;
mod client;
mod commands;
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
mod runtime;
mod server;
mod settings;
mod storage_config;
mod telemetry;
mod verification;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

/// Runs the program with the arguments of this process; returns its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli::run(cli) {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}
