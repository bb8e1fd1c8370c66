//! The command line: its commands, and how one is run.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::args::Global;
use crate::commands::{
    allocate, bench, completions, config, db, demo, doctor, flow, import, log, messages, outbox,
    parked, replay, serve, stock, verify,
};
use crate::error::CliError;
use crate::settings::{Flags, Layers};
use crate::telemetry;

/// Allocates stock to order lines, from the warehouse and from incoming deliveries
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
                  earmark demo                            replay a year of real orders, then serve\n  \
                  earmark serve --listen 127.0.0.1:5005   serve the data in ./earmark-data\n\n\
                  Precedence: flags, environment (EARMARK_<SECTION>_<KEY>), config file, \
                  defaults.\n\
                  Exit codes: 0 success, 1 failure or check failed, 2 usage error."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the HTTP API
    Serve(serve::Serve),
    /// Replay a sample of real orders, verify the log, and serve it
    Demo(demo::Demo),
    /// Import batches or orders from a CSV file
    Import(import::Import),
    /// Replay order lines from a CSV file, with supply derived from a seed
    Replay(replay::Replay),
    /// Check every guarantee over the whole log
    Verify(verify::Verify),
    /// Show the events in the log
    Log(log::Log),
    /// Show stock levels
    Stock(stock::Stock),
    /// Allocate stock to an order line
    Allocate(allocate::Allocate),
    /// Generate load, check every response, and report latencies
    Bench(bench::Bench),
    /// Show or replay parked messages
    Parked(parked::Parked),
    /// Show emails that have not been sent
    Outbox(outbox::Outbox),
    /// Check the data, the disk, the clock, and the servers in use
    Doctor(doctor::Doctor),
    /// Show the settings and where each comes from
    Config(config::Config),
    /// Back up the log
    Db(db::Db),
    /// Show which commands lead to which events
    Flow(flow::Flow),
    /// Print the reference of all messages
    Messages(messages::Messages),
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// Runs the command.
pub fn run(cli: Cli) -> Result<ExitCode, CliError> {
    let mut flags = Flags::default();
    cli.global.flags(&mut flags);
    cli.command.flags(&mut flags);
    let layers = Layers::read(cli.global.config.as_deref(), flags, std::env::vars_os())?;
    let settings = &layers.settings;
    telemetry::start(&settings.server)?;
    for warning in &layers.warnings {
        tracing::warn!("{warning}");
    }
    if let Command::Demo(_) | Command::Replay(_) | Command::Bench(_) = &cli.command
        && cli.global.store.is_some()
    {
        return Err(CliError::usage("this command uses a folder of its own, not a --store")
            .advise("To load a store, use `earmark import` or `earmark bench --url`."));
    }
    match cli.command {
        Command::Serve(command) => command.run(settings),
        Command::Demo(command) => command.run(settings),
        Command::Import(command) => command.run(settings),
        Command::Replay(command) => command.run(settings),
        Command::Verify(command) => command.run(settings),
        Command::Log(command) => command.run(settings),
        Command::Stock(command) => command.run(settings),
        Command::Allocate(command) => command.run(settings),
        Command::Bench(command) => command.run(),
        Command::Parked(command) => command.run(settings),
        Command::Outbox(command) => command.run(settings),
        Command::Doctor(command) => command.run(settings),
        Command::Config(command) => command.run(&layers),
        Command::Db(command) => command.run(settings),
        Command::Flow(command) => command.run(),
        Command::Messages(command) => command.run(),
        Command::Completions(command) => command.run(Cli::command()),
    }
}

impl Command {
    /// Adds the flags that override settings.
    fn flags(&self, flags: &mut Flags) {
        match self {
            Self::Serve(command) => command.flags(flags),
            Self::Demo(command) => command.flags(flags),
            Self::Import(command) => command.flags(flags),
            Self::Replay(command) => command.flags(flags),
            Self::Verify(command) => command.flags(flags),
            Self::Log(command) => command.flags(flags),
            Self::Stock(command) => command.flags(flags),
            Self::Allocate(command) => command.flags(flags),
            Self::Parked(command) => command.flags(flags),
            Self::Outbox(command) => command.flags(flags),
            Self::Doctor(command) => command.flags(flags),
            Self::Db(command) => command.flags(flags),
            Self::Bench(_)
            | Self::Config(_)
            | Self::Flow(_)
            | Self::Messages(_)
            | Self::Completions(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use super::Cli;

    /// The example lines in the help of a command and of its subcommands, without descriptions and
    /// without what the shell does with the output.
    fn examples(command: &Command) -> Vec<String> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().map(str::trim).filter(|line| line.starts_with("earmark "));
        // Without the description, and without what the shell does with the output.
        let own = lines.map(|line| {
            let end = line.find("  ").or_else(|| line.find(" > ")).unwrap_or(line.len());
            line[..end].to_owned()
        });
        own.chain(command.get_subcommands().flat_map(examples)).collect()
    }

    #[test]
    fn every_example_in_the_help_can_be_run() {
        let examples = examples(&Cli::command());
        assert!(examples.len() > 20, "{examples:?}");
        for example in examples {
            let parsed = Cli::try_parse_from(example.split_whitespace());
            assert!(parsed.is_ok(), "{example}: {}", parsed.err().unwrap());
        }
    }
}
