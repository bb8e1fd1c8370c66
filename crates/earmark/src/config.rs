//! Settings: from flags, then the environment, then a file, then what is usual.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Environment, File, FileFormat};
use serde::Deserialize;

use crate::cli::Global;
use crate::problem::Problem;
use crate::site::Site;

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
}

impl Settings {
    /// Reads the file and the environment.
    pub fn read(global: &Global) -> Result<Self, Problem> {
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

    fn of_environment() -> Result<Self, Problem> {
        // The environment may hold more that begins with EARMARK_, so each name is asked for.
        let names = ["data", "store", "partitions", "listen", "api_key_file", "log", "log_json"];
        let set = |name: &str| std::env::var(format!("EARMARK_{}", name.to_uppercase())).ok();
        let found = names.iter().filter_map(|name| Some((format!("EARMARK_{name}"), set(name)?)));
        let environment = Environment::with_prefix("EARMARK")
            .ignore_empty(true)
            .try_parsing(true)
            .source(Some(found.collect()));
        let read = Config::builder().add_source(environment).build();
        read.and_then(Config::try_deserialize)
            .map_err(|error| Problem::usage(format!("the environment is not understood: {error}")))
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
        }
    }

    /// The data folder: the flag's, or the settings', or the usual one.
    pub fn data(&self, flag: Option<&PathBuf>) -> PathBuf {
        let said = flag.or(self.data.as_ref());
        said.cloned().unwrap_or_else(|| PathBuf::from(DATA))
    }

    /// Where the data are: in the flag's folder, or the settings', or the usual one, and in the
    /// database of the settings, if they name one.
    pub fn site(&self, flag: Option<&PathBuf>) -> Result<Site, Problem> {
        let store = self.store.as_deref().map(str::parse).transpose().map_err(|error| {
            Problem::usage(error).advise("Say it like postgres://user:password@host:5432/database.")
        })?;
        Ok(Site { folder: self.data(flag), store, partitions: self.partitions })
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

fn unreadable(path: &Path, error: &dyn std::error::Error) -> Problem {
    Problem::usage(format!("cannot read the settings in {}: {error}", path.display()))
        .advise("A settings file is TOML with any of: data, store, partitions, listen, api_key_file, log, log_json.")
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
