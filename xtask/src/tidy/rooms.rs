//! The rooms of `services`: a folder each, the same file names in each, and no door between two.

use super::source;
use super::{File, Violation};
use std::collections::BTreeSet;

const SERVICES: &str = "crates/services/src/";

/// What every service has, if only to say that there is nothing.
const EVERY: [&str; 5] = ["mod", "handlers", "reactions", "views", "tests"];

pub fn check(files: &[File]) -> Vec<Violation> {
    let services: BTreeSet<&str> =
        files.iter().filter_map(|file| inside(file)).map(|(service, _)| service).collect();
    let mut violations = Vec::new();
    for service in &services {
        violations.extend(missing(files, service));
        violations.extend(undeclared(files, service));
    }
    for file in files {
        if let Some((service, within)) = inside(file).filter(|_| file.is_our_rust()) {
            let others = services.iter().filter(|other| **other != service).copied().collect();
            violations.extend(siblings(file, within, &others));
        }
    }
    violations
}

/// The service that a file belongs to, and its path in the service's folder.
fn inside(file: &File) -> Option<(&str, &str)> {
    file.path.strip_prefix(SERVICES)?.split_once('/')
}

/// A service's module by its name, as a file or as a folder with an index.
fn module<'a>(files: &'a [File], service: &str, name: &str) -> Option<&'a File> {
    let file = format!("{SERVICES}{service}/{name}.rs");
    let folder = format!("{SERVICES}{service}/{name}/mod.rs");
    files.iter().find(|one| one.path == file || one.path == folder)
}

fn missing(files: &[File], service: &str) -> Vec<Violation> {
    let lacking = EVERY.iter().filter(|name| module(files, service, name).is_none());
    let violation = |name: &&str| {
        let to_do =
            format!("every service has {name}.rs; write it, if only to say there is nothing");
        Violation::at(&format!("{SERVICES}{service}/{name}.rs"), 1, "service-files", to_do)
    };
    lacking.map(violation).collect()
}

/// Beside the files that every service has stand only modules that its table shows.
fn undeclared(files: &[File], service: &str) -> Vec<Violation> {
    let index = module(files, service, "mod").map(|file| source::code_lines(&file.text));
    let index = index.unwrap_or_default();
    let is_declared = |name: &str| {
        index.iter().any(|line| {
            let end = format!("mod {name};");
            line.trim().strip_suffix(&end).is_some_and(|before| {
                before.is_empty() || before.starts_with("pub") && before.ends_with(' ')
            })
        })
    };
    let mut violations = Vec::new();
    for file in files {
        let Some((_, within)) = inside(file).filter(|(owner, _)| *owner == service) else {
            continue;
        };
        let name = within.split('/').next().unwrap_or(within).trim_end_matches(".rs");
        if file.path.ends_with(".rs") && name != "mod" && !is_declared(name) {
            let to_do = format!("declare it in mod.rs with `mod {name};`, or take it out");
            violations.push(Violation::new(file, 1, "service-files", to_do));
        }
    }
    violations
}

/// A service that names a sibling is no service: it hears its events and sends it commands.
fn siblings(file: &File, within: &str, others: &BTreeSet<&str>) -> Vec<Violation> {
    let code = source::code_lines(&file.text).join("\n");
    let is_index = within == "mod.rs" || within.ends_with("/mod.rs");
    // How many times `super::` leads from this file's module to the crate; more from within a
    // module of its own, so more count as well.
    let steps = within.split('/').count() - usize::from(is_index) + 1;
    let mut violations = Vec::new();
    for (at, _) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let is_longer = code[..at].ends_with(|char: char| char == ':' || is_part(char));
        let after = code[at..].trim_start_matches("super::");
        let ups = (code.len() - at - after.len()) / "super::".len();
        let after = after.strip_prefix("crate::").unwrap_or(after);
        if is_longer || (1..steps).contains(&ups) {
            continue;
        }
        for other in first_names(after).iter().filter(|name| others.contains(*name)) {
            let line = code[..at].matches('\n').count() + 1;
            let to_do = format!("do not name `{other}`: hear its events, send it commands");
            violations.push(Violation::new(file, line, "siblings", to_do));
        }
    }
    violations
}

/// What stands right behind a path's `::`: one name, or the first names of a group.
fn first_names(after: &str) -> Vec<&str> {
    let Some(group) = after.strip_prefix('{') else {
        return source::words(after).take(1).filter(|(at, _)| *at == 0).map(|(_, n)| n).collect();
    };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, char) in group.char_indices() {
        let ends = depth == 0 && matches!(char, ',' | '}');
        if ends {
            names.extend(source::words(&group[start..at]).next().map(|(_, name)| name));
            start = at + 1;
        }
        match char {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}
