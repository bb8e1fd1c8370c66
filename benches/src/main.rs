//! Baselines for Earmark, and the comparison that measures all of them in one run.

mod bare_file;
mod bare_log;
mod clock;
mod compare;
mod constant;
mod durable;
mod events;
mod failure;
mod group_commit;
mod in_process;
mod lines;
mod parts;
mod preallocated;
mod serve;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use failure::Failure;

/// Baselines for Earmark, and comparisons with them
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a baseline over the gateway's own connections until SIGTERM or SIGINT
    Serve {
        /// The baseline
        baseline: Baseline,
        /// Address to listen on; port 0 selects a free port
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: std::net::SocketAddr,
        /// Folder for its files
        #[arg(long, default_value = ".")]
        data: PathBuf,
    },
    /// Do a fixed amount of work in this process, and print the time as JSON
    InProcess {
        /// The work
        work: in_process::Work,
        /// Number of order lines
        #[arg(long, default_value_t = 500_000)]
        lines: usize,
        /// Folder for its files, on the disk to measure
        #[arg(long)]
        scratch: Option<PathBuf>,
    },
    Compare(compare::Compare),
    Rehearse(compare::Rehearse),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Baseline {
    /// Parses the body and returns a constant: the limit of HTTP
    Constant,
    /// Appends each line to a file and syncs it in groups: the limit of durable responses
    BareFile,
    /// Adds each line to the stock of its SKU and its event to the log, without decisions, views
    /// and real responses
    BareLog,
}

fn main() -> ExitCode {
    earmark_allocator::set_up();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("earmark-benches: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve { baseline, listen, data } => {
            let routes = match baseline {
                Baseline::Constant => constant::routes(),
                Baseline::BareFile => bare_file::routes(&data, preallocated::FILE_BYTES)?,
                Baseline::BareLog => bare_log::routes(&data)?,
            };
            serve::serve(routes, listen)
        }
        Command::InProcess { work, lines, scratch } => {
            let scratch = scratch.unwrap_or_else(std::env::temp_dir);
            in_process::run(work, lines, &scratch)
        }
        Command::Compare(compare) => compare.run(),
        Command::Rehearse(rehearse) => rehearse.run(),
    }
}
