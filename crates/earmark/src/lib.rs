//! Earmark promises stock to order lines; this is the program but for its first line, one file a
//! subcommand in `commands`. It is a library so that fuzz targets reach what reads outside bytes.

mod bench;
mod catalogue;
mod cli;
mod client;
mod commands;
mod config;
mod csv_file;
mod descriptors;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod house;
mod import;
mod outside;
mod problem;
mod progress;
mod replay;
mod screen;
mod server;
mod side_by_side;
mod site;
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
