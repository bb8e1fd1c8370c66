//! Settings in the environment: `EARMARK_<SECTION>_<KEY>`, with warnings of names that are none.

use std::ffi::OsString;

use super::given::Entry;
use super::names::{PREFIX, moved, nearest, variable};
use super::sections::Settings;
use crate::error::CliError;

/// Variables that are no settings: their own purposes, and what tests set.
const OTHERS: [&str; 2] = ["EARMARK_CONFIG", "EARMARK_FAILPOINT"];
const TESTS: &str = "EARMARK_TEST";

/// What the environment says.
pub struct Read {
    /// `RUST_LOG`, which stands below the file.
    pub rust_log: Option<Entry>,
    /// The settings.
    pub entries: Vec<Entry>,
    /// One warning for each unknown name.
    pub warnings: Vec<String>,
}

/// Reads variables. Empty ones count as unset.
///
/// # Errors
/// If a variable has a name that was in use before.
pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Read, CliError> {
    let known: Vec<(String, String)> = Settings::default()
        .values()
        .into_iter()
        .map(|(section, key, _)| (variable(section, &key), format!("{section}.{key}")))
        .collect();
    let mut read = Read { rust_log: None, entries: Vec::new(), warnings: Vec::new() };
    let mut old = Vec::new();
    let mut variables: Vec<_> = variables.into_iter().filter(|(_, it)| !it.is_empty()).collect();
    variables.sort();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let origin = format!("environment {name}");
        if name == "RUST_LOG" {
            read.rust_log = Some(Entry { key: "server.log".to_owned(), origin, value });
        } else if let Some((_, key)) = known.iter().find(|(it, _)| it == name) {
            read.entries.push(Entry { key: key.clone(), origin, value });
        } else if let Some((section, key)) = old_name(name) {
            old.push(format!("{name} is now {}", variable(section, key)));
        } else if name.starts_with(PREFIX) && !is_other(name) {
            let nearest = nearest(name, known.iter().map(|(it, _)| it.as_str()));
            read.warnings.push(format!("{name} is not a setting; the nearest is {nearest}"));
        }
    }
    match old.is_empty() {
        true => Ok(read),
        false => Err(CliError::usage(old.join("; "))
            .advise("Environment variables are named EARMARK_<SECTION>_<KEY>.")),
    }
}

fn old_name(variable: &str) -> Option<(&'static str, &'static str)> {
    moved(&variable.strip_prefix(PREFIX)?.to_lowercase())
}

/// Whether a variable has a purpose of its own, or is one of those that Kubernetes sets for a
/// service named `earmark` or `earmark-…` (`EARMARK_SERVICE_HOST`, `EARMARK_PORT_5005_TCP`).
fn is_other(name: &str) -> bool {
    let service_link = |part: &str| name.ends_with(part) || name.contains(&format!("{part}_"));
    OTHERS.contains(&name)
        || name.starts_with(TESTS)
        || service_link("_SERVICE_HOST")
        || service_link("_SERVICE_PORT")
        || service_link("_PORT")
}
