//! `cargo xtask tidy`: the rules of the house that no compiler knows, over the tracked text.
//!
//! The check itself is a pure function from texts to violations; only [`run`] touches the disk.

mod decisions;
mod imports;
mod kernel;
mod layout;
mod leftovers;
mod machine;
mod manifest;
mod module_graph;
mod rooms;
mod source;
#[cfg(test)]
mod tests;

use crate::failure::{Failure, no_arguments};
use crate::workspace;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// Every rule there is; `tests.rs` breaks each of them once.
const RULES: [&str; 21] = [
    "business",
    "circles",
    "columns",
    "decisions",
    "decisions-index",
    "foreign-imports",
    "ignored-test",
    "imports",
    "length",
    "lints",
    "machine-path",
    "names",
    "opening",
    "registry-host",
    "rooms",
    "service-files",
    "siblings",
    "silenced-lint",
    "sleep",
    "unfinished",
    "unsafe",
];

/// A file of the tree: its path from the root, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    /// Rust that somebody wrote; what a program wrote says `@generated` in its first line.
    fn is_our_rust(&self) -> bool {
        let first = self.text.lines().next().unwrap_or_default();
        self.path.ends_with(".rs") && !first.contains("@generated")
    }
}

/// A broken rule: where, which, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    path: String,
    /// Counted from 1.
    line: usize,
    rule: &'static str,
    to_do: String,
}

impl Violation {
    fn new(file: &File, line: usize, rule: &'static str, to_do: impl Into<String>) -> Self {
        Self::at(&file.path, line, rule, to_do)
    }

    /// For a file that is not there and should be.
    fn at(path: &str, line: usize, rule: &'static str, to_do: impl Into<String>) -> Self {
        assert!(RULES.contains(&rule), "`{rule}` is not in the list of rules");
        Self { path: path.to_owned(), line, rule, to_do: to_do.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.to_do)
    }
}

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let files = tracked()?;
    // Not in the help: for the time in which circles are taken apart.
    if let [flag, crates @ ..] = arguments
        && flag == "--circles"
    {
        print!("{}", module_graph::list_circles(&files, crates));
        return Ok(());
    }
    no_arguments(arguments)?;
    let violations = check(&files);
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("tidy: {} files keep the rules", files.len());
        return Ok(());
    }
    Err(Failure::new(format!("{} violations", violations.len())))
}

/// All violations in a tree, in the order of paths and lines.
fn check(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in files {
        violations.extend(layout::check(file));
        violations.extend(leftovers::check(file));
        violations.extend(kernel::check(file));
        violations.extend(machine::check(file));
    }
    violations.extend(imports::check(files));
    violations.extend(module_graph::check_circles(files));
    violations.extend(module_graph::check_kernel_rooms(files));
    violations.extend(rooms::check(files));
    violations.extend(decisions::check(files));
    violations.sort();
    violations
}

/// What git tracks and what it would take in; a file that is not UTF-8 is no text and left out.
fn tracked() -> Result<Vec<File>, Failure> {
    let root = workspace::root();
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&root);
    let listed = workspace::output(&mut git)?;
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    Ok(paths.filter_map(|path| read(&root, path)).collect())
}

fn read(root: &Path, path: &str) -> Option<File> {
    let bytes = std::fs::read(root.join(path)).ok()?;
    Some(File { path: path.to_owned(), text: String::from_utf8(bytes).ok()? })
}
