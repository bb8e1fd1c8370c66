//! The layers of settings: defaults, a file, the environment, and flags, the later ones first.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Value};
use serde::Serialize;

use super::given::{Flags, Given};
use super::sections::Settings;
use super::{environment, file};
use crate::error::CliError;

/// Read when no file is named and this one is there.
const FILE: &str = "earmark.toml";

/// Settings, with the origin of each.
#[derive(Debug)]
pub struct Layers {
    pub settings: Settings,
    /// What to warn of once logging has started.
    pub warnings: Vec<String>,
    /// By section and key; what is not here has its default.
    origins: BTreeMap<String, String>,
}

/// A setting as it is shown.
#[derive(Debug, Serialize)]
pub struct Setting {
    pub section: &'static str,
    pub key: String,
    pub value: serde_json::Value,
    /// `default`, `file PATH`, `environment NAME` or `flag --NAME`.
    pub origin: String,
}

impl Layers {
    /// Reads the file named by a flag or by `EARMARK_CONFIG` (else `./earmark.toml`, if it is
    /// there) and the variables, and puts the flags above them.
    pub fn read(
        config: Option<&Path>,
        flags: Flags,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, CliError> {
        let variables: Vec<(OsString, OsString)> = variables.into_iter().collect();
        let path = file_path(config, &variables);
        let read = environment::read(variables)?;
        let file = path.as_deref().map(file::read).transpose()?;
        let from_file = file.as_ref().map(|it| origins(&it.cache, path.as_deref()));
        let mut origins = BTreeMap::new();
        let below = Given(read.rust_log.into_iter().collect());
        let above = Given(read.entries.into_iter().chain(flags.entries).collect());
        origins.extend(below.origins());
        origins.extend(from_file.into_iter().flatten());
        origins.extend(above.origins());
        let mut builder = Config::builder().add_source(below);
        if let Some(file) = file {
            builder = builder.add_source(file);
        }
        let settings = builder.add_source(above).build().and_then(Config::try_deserialize);
        let settings = settings.map_err(|error| wrong(&error, &origins))?;
        Ok(Self { settings, warnings: read.warnings, origins })
    }

    /// Every setting, as it is shown; secrets are masked.
    pub fn shown(&self) -> Vec<Setting> {
        let shown = self.settings.values().into_iter().map(|(section, key, value)| {
            let origin = self.origins.get(&format!("{section}.{key}"));
            let origin = origin.map_or("default", String::as_str).to_owned();
            Setting { section, key, value, origin }
        });
        shown.collect()
    }
}

fn file_path(config: Option<&Path>, variables: &[(OsString, OsString)]) -> Option<PathBuf> {
    let set = |(name, value): &&(OsString, OsString)| name == "EARMARK_CONFIG" && !value.is_empty();
    let from_environment = || variables.iter().find(set).map(|(_, value)| PathBuf::from(value));
    let named = config.map(Path::to_owned).or_else(from_environment);
    named.or_else(|| Path::new(FILE).exists().then(|| FILE.into()))
}

/// Section and key of everything in a file, with the file as its origin.
fn origins(root: &Value, path: Option<&Path>) -> Vec<(String, String)> {
    let path = path.unwrap_or(Path::new(FILE)).display();
    let table = |value: Value| value.into_table().unwrap_or_default().into_iter();
    let keys = |(section, keys)| table(keys).map(move |(key, _)| format!("{section}.{key}"));
    let keys = table(root.clone()).flat_map(keys);
    keys.map(|key| (key, format!("file {path}"))).collect()
}

/// A value that cannot be used, named with its origin.
fn wrong(error: &ConfigError, origins: &BTreeMap<String, String>) -> CliError {
    let (key, what) = match error {
        ConfigError::Type { key: Some(key), unexpected, expected, .. } => {
            let unexpected = unexpected.to_string();
            (Some(key), format!("expected {}, found {}", plain(expected), found(&unexpected)))
        }
        ConfigError::At { key: Some(key), error, .. } => (Some(key), error.to_string()),
        error => (None, error.to_string()),
    };
    CliError::usage(match key {
        Some(key) => {
            let origin = origins.get(key).map(|it| format!(" ({it})")).unwrap_or_default();
            format!("{key}{origin}: {what}")
        }
        None => what,
    })
}

/// What was expected, in the words of this program.
fn plain(expected: &'static str) -> &'static str {
    match expected {
        "a boolean" => "true or false",
        "an integer" | "an unsigned u64 bit integer" => "a whole number",
        "an unsigned 16 bit integer" => "a whole number from 0 to 65535",
        other => other,
    }
}

/// What was found: the value itself, where it stands between backticks.
fn found(unexpected: &str) -> &str {
    let value = unexpected.split('`').nth(1);
    value.unwrap_or_else(|| match unexpected {
        "sequence" => "a list",
        "map" => "a table",
        other => other.strip_prefix("string ").unwrap_or(other),
    })
}
