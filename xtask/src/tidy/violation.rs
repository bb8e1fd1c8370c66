//! What a rule reports, and the names of all rules.

use super::File;
use std::fmt;

/// Every rule; `tests.rs` breaks each of them once.
pub const RULES: [&str; 21] = [
    "circles",
    "columns",
    "crate-names",
    "decisions",
    "decisions-index",
    "doc-paths",
    "git-dependency",
    "ignored-test",
    "kernel-words",
    "length",
    "lints",
    "machine-path",
    "module-files",
    "names",
    "opening",
    "registry-host",
    "rooms",
    "service-files",
    "siblings",
    "silenced-lint",
    "unsafe",
];

/// A broken rule: where, which, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    pub rule: &'static str,
    pub to_do: String,
}

impl Violation {
    pub fn new(file: &File, line: usize, rule: &'static str, to_do: impl Into<String>) -> Self {
        Self::at(&file.path, line, rule, to_do)
    }

    /// For a path that is not a file of the tree.
    pub fn at(path: &str, line: usize, rule: &'static str, to_do: impl Into<String>) -> Self {
        assert!(RULES.contains(&rule), "`{rule}` is not in the list of rules");
        Self { path: path.to_owned(), line, rule, to_do: to_do.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.to_do)
    }
}
