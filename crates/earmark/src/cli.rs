//! The command line: what can be asked of the program, and what holds for every command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::client::Client;
use crate::commands::{
    allocate, bench, completions, db, demo, doctor, flow, import, log, messages, outbox, parked,
    replay, serve, stock, verify,
};
use crate::config::Settings;
use crate::error::CliError;

/// Promises stock to order lines: from the warehouse and from deliveries on their way.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = "Settings come from flags, then EARMARK_… in the environment, then a TOML file \
                  (--config, or ./earmark.toml).\n\
                  Exit codes: 0 it is so or was done, 1 it is not so or was not done, 2 wrong \
                  usage."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Args, Debug)]
pub struct Global {
    /// A TOML file of settings [env: EARMARK_CONFIG] [default: ./earmark.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The PostgreSQL that holds the log for any number of processes, as
    /// postgres://user:password@host/database; --data then holds only what is derived from it
    /// [env: EARMARK_STORE]
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// How many partitions new data get; from then on it is always so many
    /// [env: EARMARK_PARTITIONS] [default: 1]
    #[arg(long, global = true, value_name = "N")]
    pub partitions: Option<u16>,
    /// What is told on stderr: off, error, warn, info, debug, trace, or a filter as in RUST_LOG
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Tell it as JSON, a line each
    #[arg(long, global = true)]
    pub log_json: bool,
}

/// The folder that holds the log.
#[derive(Args, Clone, Debug)]
pub struct Folder {
    /// The folder that holds the data [env: EARMARK_DATA] [default: ./earmark-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// The folder that holds the log, or a server that has it.
#[derive(Args, Clone, Debug)]
pub struct Source {
    #[command(flatten)]
    pub folder: Folder,
    /// Ask the server that has the data, say http://127.0.0.1:5005, instead of opening the folder
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub server: Option<String>,
    /// The file that holds the key to show to that server [env: EARMARK_API_KEY_FILE]
    #[arg(long, value_name = "FILE", requires = "server")]
    pub api_key_file: Option<PathBuf>,
}

impl Source {
    /// The server that was named, if one was.
    pub fn client(&self, settings: &Settings) -> Result<Option<Client>, CliError> {
        let key_file = settings.api_key_file(self.api_key_file.as_ref());
        let server = self.server.as_ref();
        server.map(|address| Client::of(address, key_file.as_deref())).transpose()
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve over HTTP until it is told to stop
    Serve(serve::Serve),
    /// Replay a slice of real orders, verify, and serve: a first look
    Demo(demo::Demo),
    /// Bring in batches or orders from a CSV file
    Import(import::Import),
    /// Send real order lines in time order, with deliveries derived from a seed
    Replay(replay::Replay),
    /// Check every promise over the whole log
    Verify(verify::Verify),
    /// Show what happened
    Log(log::Log),
    /// Show the stock
    Stock(stock::Stock),
    /// Promise stock to a line of an order
    Allocate(allocate::Allocate),
    /// Put load on a server, check every answer, and tell how long they took
    Bench(bench::Bench),
    /// Show or send again the messages that were set aside
    Parked(parked::Parked),
    /// Show the letters that wait to be sent
    Outbox(outbox::Outbox),
    /// Look whether everything is as it should be
    Doctor(doctor::Doctor),
    /// Copy the log
    Db(db::Db),
    /// Draw what leads to what
    Flow(flow::Flow),
    /// Print the page of all messages
    Messages(messages::Messages),
    /// Print completions for a shell
    Completions(completions::Completions),
}
