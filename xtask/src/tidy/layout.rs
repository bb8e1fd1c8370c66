//! How a file looks from outside: its name, its length, its opening sentence, its columns.

use super::source::{self, Kind};
use super::{File, Violation};

const LINES_MAX: usize = 400;
const COLUMNS_MAX: usize = 100;

/// Names that say nothing: a shared thing gets a noun.
const EMPTY_NAMES: [&str; 10] = [
    "util", "utils", "common", "commons", "helper", "helpers", "types", "manager", "managers",
    "misc",
];

pub fn check(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(name(file));
    if file.is_our_rust() {
        violations.extend(length(file));
        violations.extend(opening(file));
        violations.extend(columns(file));
    }
    violations
}

fn name(file: &File) -> Option<Violation> {
    let is_code = [".rs", ".ts", ".js", ".svelte"].iter().any(|end| file.path.ends_with(end));
    let stems = file.path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    let empty = stems.into_iter().find(|stem| EMPTY_NAMES.contains(stem)).filter(|_| is_code)?;
    let to_do = format!("`{empty}` says nothing; name it for the one idea that is in it");
    Some(Violation::new(file, 1, "names", to_do))
}

fn length(file: &File) -> Option<Violation> {
    let lines = file.text.lines().count();
    let to_do =
        format!("{lines} lines, at most {LINES_MAX}: one of its ideas gets a file of its own");
    (lines > LINES_MAX).then(|| Violation::new(file, LINES_MAX + 1, "length", to_do))
}

fn opening(file: &File) -> Option<Violation> {
    let first = file.text.lines().next().unwrap_or_default();
    let sentence = first.strip_prefix("//! ").unwrap_or_default();
    let to_do = "open the file with one `//!` sentence: what it is for";
    sentence.trim().is_empty().then(|| Violation::new(file, 1, "opening", to_do))
}

/// Rustfmt breaks code; a comment it leaves. A quoted text or an address may stick out.
fn columns(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (at, line) in source::lines(&file.text).iter().enumerate() {
        let Some(beyond) = line.get(COLUMNS_MAX..).filter(|beyond| !beyond.is_empty()) else {
            continue;
        };
        let is_quoted = beyond.iter().any(|(_, kind)| *kind == Kind::Quoted);
        let text: String = line.iter().map(|(char, _)| char).collect();
        if !is_quoted && !text.contains("://") {
            let to_do = format!("{} columns, at most {COLUMNS_MAX}: break the line", line.len());
            violations.push(Violation::new(file, at + 1, "columns", to_do));
        }
    }
    violations
}
