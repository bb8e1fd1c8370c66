//! Rules `names`, `length`, `opening` and `columns`: how a file looks from outside.

use super::{File, Violation};

const LINES_MAX: usize = 400;
const COLUMNS_MAX: usize = 100;

/// File and folder names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 10] = [
    "util", "utils", "common", "commons", "helper", "helpers", "types", "manager", "managers",
    "misc",
];

pub fn check(files: &[File]) -> Vec<Violation> {
    let mut violations: Vec<Violation> = files.iter().filter_map(name).collect();
    for file in files.iter().filter(|file| file.is_our_rust()) {
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
    let to_do = format!("`{empty}` says nothing about the content; name the one idea in it");
    Some(Violation::new(file, 1, "names", to_do))
}

fn length(file: &File) -> Option<Violation> {
    let lines = file.text.lines().count();
    let to_do = format!("{lines} lines, at most {LINES_MAX}: move one idea to a file of its own");
    (lines > LINES_MAX).then(|| Violation::new(file, LINES_MAX + 1, "length", to_do))
}

fn opening(file: &File) -> Option<Violation> {
    let first = file.text.lines().next().unwrap_or_default();
    let sentence = first.strip_prefix("//! ").unwrap_or_default();
    let to_do = "start the file with one `//!` sentence that says what it is for";
    sentence.trim().is_empty().then(|| Violation::new(file, 1, "opening", to_do))
}

/// Comments only: rustfmt breaks code, and a string or an address may be longer.
fn columns(file: &File) -> Vec<Violation> {
    let too_long = |line: &str| {
        let is_comment = line.split_once("//").is_some_and(|(code, _)| !code.contains('"'));
        is_comment && !line.contains("://") && line.chars().count() > COLUMNS_MAX
    };
    let lines = file.text.lines().enumerate().filter(|(_, line)| too_long(line));
    let to_do = format!("more than {COLUMNS_MAX} columns: break the line");
    lines.map(|(at, _)| Violation::new(file, at + 1, "columns", to_do.clone())).collect()
}
