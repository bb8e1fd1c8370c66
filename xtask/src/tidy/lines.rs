//! Rules that look for a pattern in single lines.

use super::{File, Violation};
use regex::Regex;

struct LineRule {
    name: &'static str,
    pattern: &'static str,
    applies_to: fn(&File) -> bool,
    to_do: &'static str,
}

const RULES: [LineRule; 6] = [
    LineRule {
        name: "ignored-test",
        pattern: r"^\s*#\[(cfg_attr\(.*, *)?ignore\b",
        applies_to: File::is_our_rust,
        to_do: "make the test pass, or delete it and say why in the commit",
    },
    // The other form, `#[allow]`, is found by clippy.
    LineRule {
        name: "silenced-lint",
        pattern: r"^\s*#!\[(cfg_attr\(.*, *)?allow\(",
        applies_to: File::is_our_rust,
        to_do: "use `#![expect(lint, reason = \"…\")]`, or fix what the lint reports",
    },
    LineRule {
        name: "unsafe",
        pattern: r"^\s*#!?\[.*\bunsafe_code\b",
        applies_to: |file| file.is_our_rust() && !UNSAFE_FILES.contains(&file.path.as_str()),
        to_do: "use safe code, or list the file in UNSAFE_FILES of xtask/src/tidy/lines.rs",
    },
    LineRule {
        name: "machine-path",
        pattern: r"(^|[^\w.\-}*~])/(work|root|home)/",
        applies_to: is_our_text,
        to_do: "this folder exists on one machine only: give the path from the root of the project",
    },
    // The address of a registry is a setting of its client.
    LineRule {
        name: "registry-host",
        pattern: r"crates\.io|npmjs\.(org|com)|pypi\.org|pythonhosted\.org|(deb|security)\.debian\.org",
        applies_to: is_our_text,
        to_do: "name the registry, not its host",
    },
    // Cargo-deny looks at what is shipped only; this line covers the tests.
    LineRule {
        name: "git-dependency",
        pattern: r#"^source = "(git|sparse)\+"#,
        applies_to: |file| file.path.ends_with("Cargo.lock"),
        to_do: "take the crate from the registry",
    },
];

/// Files that may lift `unsafe_code`: mimalloc is configured through a C function, and SQLite takes
/// a file system as a table of C functions.
const UNSAFE_FILES: [&str; 2] = ["crates/allocator/src/lib.rs", "crates/stores/src/faults/vfs.rs"];

pub fn check(files: &[File]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for rule in RULES {
        let pattern = Regex::new(rule.pattern).expect("the patterns are constants");
        for file in files.iter().filter(|file| (rule.applies_to)(file)) {
            let lines = file.text.lines().enumerate();
            let found = lines.filter(|(_, line)| pattern.is_match(line));
            violations
                .extend(found.map(|(at, _)| Violation::new(file, at + 1, rule.name, rule.to_do)));
        }
    }
    violations
}

/// True unless a program wrote the file or it was copied from elsewhere.
fn is_our_text(file: &File) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let generated = [".lock", "-lock.json", "-lock.yaml", ".min.js", ".min.css"];
    !generated.iter().any(|end| name.ends_with(end))
        && !file.path.split('/').any(|part| part == "vendor")
}
