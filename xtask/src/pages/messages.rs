//! `cargo xtask messages`: the page of all messages, generated from the contracts.

use super::page::{Build, Page};
use crate::error::CliError;

const PAGE: Page =
    Page { path: "docs/MESSAGES.md", task: "messages", earmark_arguments: &["messages"] };

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    PAGE.run(arguments)
}

/// Fails if the page differs from what the release build generates.
pub fn check() -> Result<(), CliError> {
    PAGE.check(Build::Release)
}
