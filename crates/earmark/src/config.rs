//! Settings: from flags, then the environment, then a file, then what is usual.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use config::{Config, ConfigError, Environment, File, FileFormat};
use serde::Deserialize;

use crate::cli::Global;
use crate::error::CliError;
use crate::storage_config::StorageConfig;

/// Read where no file is named and this one is there.
const FILE: &str = "earmark.toml";
/// Where data are kept unless somebody says otherwise.
const DATA: &str = "earmark-data";
/// Where the server listens unless somebody says otherwise.
const LISTEN: &str = "127.0.0.1:5005";

/// What file and environment say; a flag comes before either.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder that holds the data.
    pub data: Option<PathBuf>,
    /// The database that holds the log.
    pub store: Option<String>,
    /// How many partitions new data get.
    pub partitions: Option<u16>,
    /// Where the server listens.
    pub listen: Option<String>,
    /// The file that holds the keys callers must show.
    pub api_key_file: Option<PathBuf>,
    /// What is told on stderr.
    pub log: Option<String>,
    /// Tell it as JSON.
    pub log_json: Option<bool>,
    /// The Redis server to speak with.
    pub redis: Option<Address>,
    /// The authorities that its certificate may be signed by, in place of the system's.
    pub redis_ca_file: Option<PathBuf>,
    /// What the names of its streams and channels of events begin with.
    pub redis_prefix: Option<String>,
    /// So many events a stream keeps; 0 keeps all.
    pub redis_stream_events: Option<u64>,
    /// What a consumer was given and has not acknowledged for so many seconds goes to another.
    pub redis_claim_s: Option<u64>,
    /// The channel of placements in bare JSON.
    pub redis_line_allocated: Option<String>,
    /// The channel and stream by which lines come in.
    pub redis_allocate: Option<String>,
    /// The channel and stream by which changes of batches come in.
    pub redis_change_batch_quantity: Option<String>,
    /// The mail server.
    pub smtp: Option<Address>,
    /// Who sends letters.
    pub mail_from: Option<String>,
    /// Who gets them.
    pub mail_to: Option<String>,
}

/// The names of the settings: in a file, and behind `EARMARK_` in the environment.
const NAMES: [&str; 18] = [
    "data",
    "store",
    "partitions",
    "listen",
    "api_key_file",
    "log",
    "log_json",
    "redis",
    "redis_ca_file",
    "redis_prefix",
    "redis_stream_events",
    "redis_claim_s",
    "redis_line_allocated",
    "redis_allocate",
    "redis_change_batch_quantity",
    "smtp",
    "mail_from",
    "mail_to",
];

/// Where a server is. A password may be in it, so it never shows by itself.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// All of it, for who goes there.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

impl Settings {
    /// Reads the file and the environment.
    pub fn read(global: &Global) -> Result<Self, CliError> {
        let named = std::env::var_os("EARMARK_CONFIG").filter(|it| !it.is_empty());
        let named = global.config.clone().or(named.map(PathBuf::from));
        let path = named.clone().unwrap_or_else(|| PathBuf::from(FILE));
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => String::new(),
            read => read.map_err(|error| unreadable(&path, &error))?,
        };
        let file = Self::of_file(&text).map_err(|error| unreadable(&path, &error))?;
        let flags =
            Self { store: global.store.clone(), partitions: global.partitions, ..Self::default() };
        Ok(flags.or(Self::of_environment()?).or(file))
    }

    /// Reads the text of a file.
    pub fn of_file(text: &str) -> Result<Self, ConfigError> {
        let file = File::from_str(text, FileFormat::Toml);
        Config::builder().add_source(file).build()?.try_deserialize()
    }

    fn of_environment() -> Result<Self, CliError> {
        // The environment may hold more that begins with EARMARK_, so each name is asked for.
        let set = |name: &str| std::env::var(format!("EARMARK_{}", name.to_uppercase())).ok();
        let found = NAMES.iter().filter_map(|name| Some((format!("EARMARK_{name}"), set(name)?)));
        let environment = Environment::with_prefix("EARMARK")
            .ignore_empty(true)
            .try_parsing(true)
            .source(Some(found.collect()));
        let read = Config::builder().add_source(environment).build();
        read.and_then(Config::try_deserialize)
            .map_err(|error| CliError::usage(format!("the environment is not understood: {error}")))
    }

    fn or(self, other: Self) -> Self {
        Self {
            data: self.data.or(other.data),
            store: self.store.or(other.store),
            partitions: self.partitions.or(other.partitions),
            listen: self.listen.or(other.listen),
            api_key_file: self.api_key_file.or(other.api_key_file),
            log: self.log.or(other.log),
            log_json: self.log_json.or(other.log_json),
            redis: self.redis.or(other.redis),
            redis_ca_file: self.redis_ca_file.or(other.redis_ca_file),
            redis_prefix: self.redis_prefix.or(other.redis_prefix),
            redis_stream_events: self.redis_stream_events.or(other.redis_stream_events),
            redis_claim_s: self.redis_claim_s.or(other.redis_claim_s),
            redis_line_allocated: self.redis_line_allocated.or(other.redis_line_allocated),
            redis_allocate: self.redis_allocate.or(other.redis_allocate),
            redis_change_batch_quantity: self
                .redis_change_batch_quantity
                .or(other.redis_change_batch_quantity),
            smtp: self.smtp.or(other.smtp),
            mail_from: self.mail_from.or(other.mail_from),
            mail_to: self.mail_to.or(other.mail_to),
        }
    }

    /// The data folder: the flag's, or the settings', or the usual one.
    pub fn data(&self, flag: Option<&PathBuf>) -> PathBuf {
        let said = flag.or(self.data.as_ref());
        said.cloned().unwrap_or_else(|| PathBuf::from(DATA))
    }

    /// Where the data are: in the flag's folder, or the settings', or the usual one, and in the
    /// database of the settings, if they name one.
    pub fn storage(&self, flag: Option<&PathBuf>) -> Result<StorageConfig, CliError> {
        let store = self.store.as_deref().map(str::parse).transpose().map_err(|error| {
            CliError::usage(error)
                .advise("Say it like postgres://user:password@host:5432/database.")
        })?;
        Ok(StorageConfig { folder: self.data(flag), store, partitions: self.partitions })
    }

    /// Where to listen: the flag's address, or the settings', or the usual one.
    pub fn listen(&self, flag: Option<&String>) -> String {
        let said = flag.or(self.listen.as_ref());
        said.cloned().unwrap_or_else(|| LISTEN.to_owned())
    }

    /// The keys: the flag's file, or the settings'.
    pub fn api_key_file(&self, flag: Option<&PathBuf>) -> Option<PathBuf> {
        flag.or(self.api_key_file.as_ref()).cloned()
    }
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> CliError {
    CliError::usage(format!("cannot read the settings in {}: {error}", path.display()))
        .advise(format!("A settings file is TOML with any of: {}.", NAMES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: Option<&str>, listen: Option<&str>) -> Settings {
        Settings {
            data: data.map(PathBuf::from),
            listen: listen.map(str::to_owned),
            ..Settings::default()
        }
    }

    #[test]
    fn a_flag_comes_before_the_environment_and_that_before_the_file() {
        let (environment, file) = (of(Some("env"), None), of(Some("file"), Some("[::1]:1")));
        let settings = environment.or(file);
        assert_eq!(settings.data(None), PathBuf::from("env"));
        assert_eq!(settings.data(Some(&"flag".into())), PathBuf::from("flag"));
        assert_eq!(settings.listen(None), "[::1]:1");
        assert_eq!(Settings::default().listen(None), "127.0.0.1:5005");
    }
}
