//! The program `earmark` without its `main`; each command is a file in `commands`. It is a library
//! so that fuzz targets can call the parsers of outside input.

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
