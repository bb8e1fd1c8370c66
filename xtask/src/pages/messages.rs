//! `cargo xtask messages`: the page of all messages, generated from the contracts.

use super::page::{Build, Page};
use crate::failure::Failure;

const PAGE: Page =
    Page { path: "docs/MESSAGES.md", task: "messages", earmark_arguments: &["messages"] };

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    PAGE.run(arguments)
}

/// Fails if the page differs from what the release build generates.
pub fn check() -> Result<(), Failure> {
    PAGE.check(Build::Release)
}
