//! Rules `service-files` and `siblings`: each service is a folder with the same files, and imports
//! no other service.

use super::module_graph::{Target, Tests, read_modules, resolve};
use super::{File, Violation};
use std::collections::BTreeSet;

const SOURCES: &str = "crates/services/src/";

/// The modules that every service has, even if one of them only says that there is nothing.
const EVERY: [&str; 5] = ["mod", "handlers", "reactions", "views", "tests"];

pub fn check(files: &[File]) -> Vec<Violation> {
    let services: BTreeSet<&str> = files.iter().filter_map(|file| service_of(&file.path)).collect();
    let mut violations: Vec<Violation> =
        services.iter().flat_map(|service| missing(files, service)).collect();
    let root = files.iter().position(|file| file.path == format!("{SOURCES}lib.rs"));
    if let Some(root) = root {
        violations.extend(siblings(files, root));
    }
    violations
}

/// The service that a file belongs to.
fn service_of(path: &str) -> Option<&str> {
    path.strip_prefix(SOURCES)?.split_once('/').map(|(service, _)| service)
}

fn missing(files: &[File], service: &str) -> Vec<Violation> {
    let folder = format!("{SOURCES}{service}");
    let is_there = |name: &str| {
        let (file, index) = (format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs"));
        files.iter().any(|one| one.path == file || one.path == index)
    };
    let violation = |name: &&str| {
        let to_do =
            format!("every service has {name}.rs: add it, even if it only says why it is empty");
        Violation::at(&format!("{folder}/{name}.rs"), 1, "service-files", to_do)
    };
    EVERY.iter().filter(|name| !is_there(name)).map(violation).collect()
}

/// Imports between two services, and files that no module declares.
fn siblings(files: &[File], root: usize) -> Vec<Violation> {
    let modules = read_modules(files, root, Tests::Read);
    let mut violations = Vec::new();
    for (at, module) in modules.iter().enumerate() {
        let file = &files[module.file];
        let Some(own) = service_of(&file.path) else { continue };
        for used in &module.used {
            let to = match resolve(&modules, at, &used.path) {
                Some(Target::Item(to)) => to,
                Some(Target::Module(to)) => modules[to].file,
                None => continue,
            };
            if let Some(other) = service_of(&files[to].path).filter(|other| *other != own) {
                let to_do =
                    format!("do not import {other}: subscribe to its events or send it commands");
                violations.push(Violation::new(file, used.line, "siblings", to_do));
            }
        }
    }
    let declared: BTreeSet<usize> = modules.iter().map(|module| module.file).collect();
    for (at, file) in files.iter().enumerate() {
        let is_service = service_of(&file.path).is_some() && file.path.ends_with(".rs");
        if is_service && !declared.contains(&at) {
            let to_do = "no module declares this file, so it is not compiled: declare or delete it";
            violations.push(Violation::new(file, 1, "service-files", to_do));
        }
    }
    violations
}
