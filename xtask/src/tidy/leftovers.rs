//! What must not stay in the code: unfinished work, silenced lints, skipped tests, sleeps.

use super::source;
use super::{File, Violation};

/// What the code must not hold, by rule, and what to do instead.
const LEFTOVERS: [(&str, &str, &str); 5] = [
    ("unfinished", "todo!(", "finish it, or refuse the case by name"),
    ("unfinished", "unimplemented!(", "finish it, or refuse the case by name"),
    ("ignored-test", "#[ignore", "make the test pass, or take it out and say why in the commit"),
    ("silenced-lint", "#[allow(", "use `#[expect(lint, reason = \"…\")]`, or mend it"),
    ("silenced-lint", "#![allow(", "use `#![expect(lint, reason = \"…\")]`, or mend it"),
];

/// Files that may say `unsafe`: mimalloc is told what to do through a function of C, SQLite takes a
/// file system that fails as a table of them.
const UNSAFE_FILES: [&str; 2] = ["crates/allocator/src/lib.rs", "crates/stores/src/faults/vfs.rs"];

/// A test that must sleep says why on the same line, behind this.
const REASON: &str = "// tidy: ";

pub fn check(file: &File) -> Vec<Violation> {
    if !file.is_our_rust() {
        return Vec::new();
    }
    let mut violations = Vec::new();
    let mut is_test = is_test_file(&file.path);
    for (at, (code, raw)) in
        source::code_lines(&file.text).iter().zip(file.text.lines()).enumerate()
    {
        is_test |= code.contains("#[cfg(test)]");
        let mut found = |rule, to_do: &str| {
            violations.push(Violation::new(file, at + 1, rule, to_do));
        };
        for (rule, _, to_do) in LEFTOVERS.iter().filter(|(_, text, _)| code.contains(text)) {
            found(rule, to_do);
        }
        if is_test && sleeps(code) && !is_excused(raw) {
            found("sleep", "await readiness or inject time; else give the reason: `// tidy: …`");
        }
        let is_unsafe =
            source::words(code).any(|(_, word)| matches!(word, "unsafe" | "unsafe_code"));
        if is_unsafe && !UNSAFE_FILES.contains(&file.path.as_str()) {
            found("unsafe", "do it safely, or list the file in tidy's UNSAFE_FILES with a review");
        }
    }
    violations
}

fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.starts_with("tests/") || path.ends_with("/tests.rs")
}

fn sleeps(code: &str) -> bool {
    code.contains("thread::sleep") || code.contains("time::sleep")
}

fn is_excused(line: &str) -> bool {
    line.split_once(REASON).is_some_and(|(_, reason)| !reason.trim().is_empty())
}
