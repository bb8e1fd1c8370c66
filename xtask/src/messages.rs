//! `cargo xtask messages`: the page of all messages, drawn from the contracts.

use crate::failure::Failure;
use crate::page::{Build, Page};

const PAGE: Page =
    Page { path: "docs/MESSAGES.md", task: "messages", earmark_arguments: &["messages"] };

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    PAGE.run(arguments)
}

/// Fails if the page differs from the code, as the release build has it.
pub fn check() -> Result<(), Failure> {
    PAGE.check(Build::Release)
}
