//! Earmark promises stock to order lines; this is the program, one file a subcommand in `commands`.

mod bench;
mod catalogue;
mod cli;
mod client;
mod commands;
mod config;
mod csv_file;
mod house;
mod import;
mod problem;
mod progress;
mod replay;
mod screen;
mod server;
mod side_by_side;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(problem) => problem.report(),
    }
}
