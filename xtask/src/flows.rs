//! `cargo xtask flows`: the map of all flows, drawn from the services' tables.

use crate::failure::Failure;
use crate::page::{Build, Page};

const PAGE: Page = Page {
    path: "docs/FLOWS.md",
    task: "flows",
    earmark_arguments: &["flow", "--format", "markdown"],
};

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    PAGE.run(arguments)
}

/// Fails if the page differs from the code, as the release build has it.
pub fn check() -> Result<(), Failure> {
    PAGE.check(Build::Release)
}
