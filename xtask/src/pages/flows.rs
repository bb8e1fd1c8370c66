//! `cargo xtask flows`: the map of all flows, generated from the tables of the services.

use super::page::{Build, Page};
use crate::error::CliError;

const PAGE: Page = Page {
    path: "docs/FLOWS.md",
    task: "flows",
    earmark_arguments: &["flow", "--format", "markdown"],
};

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    PAGE.run(arguments)
}

/// Fails if the page differs from what the release build generates.
pub fn check() -> Result<(), CliError> {
    PAGE.check(Build::Release)
}
