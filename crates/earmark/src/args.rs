//! Arguments that several commands share, and the settings that they override.

use std::path::PathBuf;

use clap::Args;

use crate::client::Client;
use crate::error::CliError;
use crate::settings::{Flags, Settings};

/// Options of every command.
#[derive(Args, Debug)]
pub struct Global {
    /// TOML file with settings [env: EARMARK_CONFIG] [default: ./earmark.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// PostgreSQL database that holds the log, as postgres://user:password@host/database; any
    /// number of processes can share it, and --data then holds only derived data
    /// [env: EARMARK_STORES_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// Partitions of new data; existing data keep their number
    /// [env: EARMARK_STORES_PARTITIONS] [default: 1]
    #[arg(long, global = true, value_name = "N")]
    pub partitions: Option<u16>,
    /// What to log to stderr: off, error, warn, info, debug, trace, or a filter as in RUST_LOG
    /// [env: EARMARK_SERVER_LOG] [default: warn]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Log as JSON, one object per line [env: EARMARK_SERVER_LOG_JSON]
    #[arg(long, global = true)]
    pub log_json: bool,
}

impl Global {
    /// Adds the flags that were given.
    pub fn flags(&self, flags: &mut Flags) {
        let partitions = self.partitions.map(|it| it.to_string());
        flags.set("stores.url", "--store", self.store.as_ref());
        flags.set("stores.partitions", "--partitions", partitions.as_ref());
        flags.set("server.log", "--log", self.log.as_ref());
        flags.set("server.log_json", "--log-json", self.log_json.then_some("true"));
    }
}

/// The data folder.
#[derive(Args, Clone, Debug)]
pub struct Folder {
    /// Data folder [env: EARMARK_SERVER_DATA] [default: ./earmark-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl Folder {
    /// Adds the flag, if it was given.
    pub fn flags(&self, flags: &mut Flags) {
        flags.set("server.data", "--data", self.data.as_ref());
    }
}

/// The data folder, or a running server to ask instead.
#[derive(Args, Clone, Debug)]
pub struct Source {
    #[command(flatten)]
    pub folder: Folder,
    /// Send requests to a running server, such as http://127.0.0.1:5005, instead of opening the
    /// data folder
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub server: Option<String>,
    /// File with the API key for that server, on its first line [env: EARMARK_SERVER_API_KEY_FILE]
    #[arg(long, value_name = "FILE", requires = "server")]
    pub api_key_file: Option<PathBuf>,
}

impl Source {
    /// Adds the flags that were given.
    pub fn flags(&self, flags: &mut Flags) {
        self.folder.flags(flags);
        flags.set("server.api_key_file", "--api-key-file", self.api_key_file.as_ref());
    }

    /// A client of the server that was named, if one was.
    pub fn client(&self, settings: &Settings) -> Result<Option<Client>, CliError> {
        let key_file = settings.server.api_key_file.as_deref();
        self.server.as_ref().map(|address| Client::of(address, key_file)).transpose()
    }
}
