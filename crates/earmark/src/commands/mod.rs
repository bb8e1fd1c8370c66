//! What the program can be asked to do: one file a subcommand.

pub mod allocate;
pub mod bench;
pub mod completions;
pub mod db;
pub mod demo;
pub mod doctor;
pub mod flow;
pub mod import;
pub mod log;
pub mod messages;
pub mod outbox;
pub mod parked;
pub mod replay;
pub mod serve;
pub mod stock;
pub mod verify;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::config::Settings;
use crate::error::CliError;
use crate::telemetry;

/// Does what was asked.
pub fn run(cli: Cli) -> Result<ExitCode, CliError> {
    let settings = Settings::read(&cli.global)?;
    let filter = cli.global.log.as_deref().or(settings.log.as_deref());
    let as_json = cli.global.log_json || settings.log_json.unwrap_or_default();
    telemetry::start(filter, as_json)?;
    if let Command::Demo(_) | Command::Replay(_) | Command::Bench(_) = &cli.command
        && cli.global.store.is_some()
    {
        return Err(CliError::usage("that works on a folder of its own, not on a --store").advise(
            "`earmark import` and `earmark bench --target` bring a store something to do.",
        ));
    }
    match cli.command {
        Command::Serve(asked) => asked.run(&settings),
        Command::Demo(asked) => asked.run(&settings),
        Command::Import(asked) => asked.run(&settings),
        Command::Replay(asked) => asked.run(&settings),
        Command::Verify(asked) => asked.run(&settings),
        Command::Log(asked) => asked.run(&settings),
        Command::Stock(asked) => asked.run(&settings),
        Command::Allocate(asked) => asked.run(&settings),
        Command::Bench(asked) => asked.run(&settings),
        Command::Parked(asked) => asked.run(&settings),
        Command::Outbox(asked) => asked.run(&settings),
        Command::Doctor(asked) => asked.run(&settings),
        Command::Db(asked) => asked.run(&settings),
        Command::Flow(asked) => asked.run(),
        Command::Messages(asked) => asked.run(),
        Command::Completions(asked) => asked.run(),
    }
}

/// A runtime of one thread: for commands that wait for answers and do nothing beside.
fn block_on<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime?.block_on(work)
}
