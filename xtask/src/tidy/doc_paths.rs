//! Rule `doc-paths`: every path and every link in the documentation leads to something.
//!
//! Decisions are left out: they are history and name the files of their day.

use super::{File, Violation};
use regex::{Captures, Regex};
use std::collections::BTreeSet;

/// A path from the root, as `crates/kernel/src/{log,bus}.rs` or `docs/decisions/`.
const PATH: &str =
    r#"(?:^|[\s`"])((?:crates|testing|xtask|docs|benches|console)/[\w./{},\-]*[\w/}])(.?)"#;

/// Parts of paths that stand for something that varies.
const PLACEHOLDERS: [&str; 2] = ["/DATE", "/NNNN"];

/// Paths of other projects, which the style guide refers to.
const OTHER_PROJECTS: [&str; 2] = ["docs/TIGER_STYLE.md", "docs/internals/vopr.md"];

/// The target of a link, without the part behind `#`.
const LINK: &str = r"\]\(([^)#\s]+)";

pub fn check(files: &[File]) -> Vec<Violation> {
    let known = known(files);
    let path = Regex::new(PATH).expect("the pattern is a constant");
    let link = Regex::new(LINK).expect("the pattern is a constant");
    let is_missing = |path: &str| {
        let is_meant =
            !OTHER_PROJECTS.contains(&path) && !PLACEHOLDERS.iter().any(|it| path.contains(it));
        is_meant && !known.contains(path)
    };
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| is_documentation(&file.path)) {
        for (at, line) in file.text.lines().enumerate() {
            // A `*`, `<` or `…` behind a path stands for something that varies.
            let is_pattern = |it: &Captures| !it[2].is_empty() && "*<…".contains(&it[2]);
            let paths = path.captures_iter(line).filter(|it| !is_pattern(it));
            let paths = paths.flat_map(|it| expanded(&it[1]));
            let links = link.captures_iter(line).filter_map(|it| target(&file.path, &it[1]));
            for missing in paths.chain(links).filter(|it| is_missing(it)) {
                let to_do = format!("`{missing}` does not exist");
                violations.push(Violation::new(file, at + 1, "doc-paths", to_do));
            }
        }
    }
    violations
}

fn is_documentation(path: &str) -> bool {
    let is_page = path == "README.md" || path.starts_with("docs/") && path.ends_with(".md");
    is_page && !path.starts_with("docs/decisions/")
}

/// All files, and all folders with and without a `/` at the end.
fn known(files: &[File]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for file in files {
        known.insert(file.path.clone());
        for (end, _) in file.path.match_indices('/') {
            known.insert(file.path[..end].to_owned());
            known.insert(file.path[..=end].to_owned());
        }
    }
    known
}

/// One path for each choice of the groups: `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn expanded(path: &str) -> Vec<String> {
    let Some(start) = path.find('{') else { return vec![path.to_owned()] };
    let (mut depth, mut from, mut choices) = (0, start + 1, Vec::new());
    for (at, char) in path[start..].char_indices().map(|(at, char)| (start + at, char)) {
        depth += match char {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if char == ',' && depth == 1 || char == '}' && depth == 0 {
            choices.push(&path[from..at]);
            from = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    let (before, after) = (&path[..start], &path[from.max(start + 1)..]);
    choices.iter().flat_map(|choice| expanded(&format!("{before}{choice}{after}"))).collect()
}

/// Where a link leads to, from the root; nothing for an address or for what git does not track.
fn target(page: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
