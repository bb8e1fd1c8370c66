//! What Earmark is measured against, and the run that measures all of it side by side.

mod bare_file;
mod bare_log;
mod clock;
mod compare;
mod constant;
mod durable;
mod events;
mod failure;
mod groups;
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

/// What Earmark is measured against.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a baseline over the gateway's own connections, until it is told to stop
    Serve {
        /// What is served
        baseline: Baseline,
        /// Where to listen; port 0 gives any free one
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: std::net::SocketAddr,
        /// The folder of its files
        #[arg(long, default_value = ".")]
        data: PathBuf,
    },
    /// Do a fixed amount of work in this process, and tell how long it took
    InProcess {
        /// What is done
        work: in_process::Work,
        /// Order lines
        #[arg(long, default_value_t = 500_000)]
        lines: usize,
        /// A folder for its files, on the disk that is measured
        #[arg(long)]
        scratch: Option<PathBuf>,
    },
    /// Measure everything in one run, in rounds, and tell the ratios
    Compare(compare::Compare),
    Rehearse(compare::Rehearse),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Baseline {
    /// The body is parsed, a constant answered: the limit of HTTP
    Constant,
    /// Each line is appended to a file and synced, a group at a time: the limit of durable answers
    BareFile,
    /// Each line is kept in the stock of its SKU and its event appended to the log: what comes
    /// before any decision, view or real answer
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
        Command::Compare(asked) => asked.run(),
        Command::Rehearse(asked) => asked.run(),
    }
}
