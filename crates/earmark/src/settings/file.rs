//! The settings file: TOML with a table a section.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Value, ValueKind};

use super::names::{moved, nearest};
use super::sections::Settings;
use crate::error::CliError;

/// Reads a file that must be there.
///
/// # Errors
/// If it is not there or no TOML, and if it has unknown settings or former names.
pub fn read(path: &Path) -> Result<Config, CliError> {
    let named = path.display();
    let file = File::from(path).format(FileFormat::Toml).required(true);
    let file = Config::builder().add_source(file).build().map_err(|error| match error {
        ConfigError::FileParse { cause, .. } => CliError::usage(format!(
            "{named} is not valid TOML: {}",
            without_source(&cause.to_string())
        )),
        error => CliError::usage(format!("cannot read the settings file {named}: {error}")),
    })?;
    check(&file.cache)
        .map_err(|(what, advice)| CliError::usage(format!("{named}: {what}")).advise(advice))?;
    Ok(file)
}

/// Reads the text of a file.
#[cfg(any(test, feature = "fuzzing"))]
pub fn parse(text: &str) -> Option<Settings> {
    let file = File::from_str(text, FileFormat::Toml);
    let file = Config::builder().add_source(file).build().ok()?;
    check(&file.cache).ok()?;
    file.try_deserialize().ok()
}

/// The message without the lines that quote the file: there may be a password in them.
fn without_source(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains(" |")).map(str::trim);
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(": ")
}

/// Looks for names that are no settings; the second text says what to write instead.
fn check(root: &Value) -> Result<(), (String, String)> {
    let ValueKind::Table(root) = &root.kind else { return Ok(()) };
    let root: BTreeMap<_, _> = root.iter().collect();
    let known = Settings::default().values();
    let mut old = Vec::new();
    let mut unknown = Vec::new();
    for (name, value) in root {
        let is_section = known.iter().any(|(section, ..)| section == name);
        match &value.kind {
            ValueKind::Table(keys) if is_section => {
                let is_known = |key: &str| known.iter().any(|it| it.0 == name && it.1 == key);
                unknown.extend(
                    keys.keys().filter(|it| !is_known(it)).map(|key| format!("{name}.{key}")),
                );
            }
            _ => match moved(name) {
                Some((section, key)) => old.push(format!("{name} is now {key} in [{section}]")),
                None => unknown.push(name.clone()),
            },
        }
    }
    unknown.sort();
    if !old.is_empty() {
        let advice = "Settings are in the sections [server], [stores], [redis] and [mail].";
        return Err((old.join("; "), advice.to_owned()));
    }
    let Some(first) = unknown.first() else { return Ok(()) };
    let names: Vec<String> =
        known.iter().map(|(section, key, _)| format!("{section}.{key}")).collect();
    let nearest = nearest(first, names.iter().map(String::as_str));
    let section = nearest.split('.').next().unwrap_or_default();
    let keys = known.iter().filter(|it| it.0 == section).map(|it| it.1.as_str());
    let keys = keys.collect::<Vec<_>>().join(", ");
    let advice = format!("The nearest is {nearest}. The section [{section}] has: {keys}.");
    Err((format!("{first} is not a setting"), advice))
}
