//! The import table of the house: which crate may import which of ours, and name which of theirs.

use super::manifest::{self, Dependency, Manifest, Section};
use super::{File, Violation};
use std::collections::BTreeMap;

/// A crate of ours and what it may import of ours, by folder.
struct Room {
    folder: &'static str,
    may_import: &'static [&'static str],
    /// In its tests, beyond that.
    tests_may_import: &'static [&'static str],
}

/// The table of docs/ARCHITECTURE.md. A crate exists only to keep a heavy dependency out of a
/// build, to make an import impossible, or to be the binary.
const ROOMS: [Room; 12] = [
    // The server, and what it is measured against, get memory in one way.
    Room { folder: "allocator", may_import: &[], tests_may_import: &[] },
    Room { folder: "kernel", may_import: &[], tests_may_import: &["stores"] },
    Room { folder: "contracts", may_import: &["kernel"], tests_may_import: &[] },
    Room { folder: "stores", may_import: &["kernel"], tests_may_import: &["servers"] },
    Room { folder: "brokers", may_import: &["kernel"], tests_may_import: &["servers", "stores"] },
    Room {
        folder: "services",
        may_import: &["kernel", "contracts"],
        tests_may_import: &["stores"],
    },
    Room {
        folder: "gateway",
        may_import: &["kernel", "contracts"],
        tests_may_import: &["services", "stores"],
    },
    Room {
        folder: "simulator",
        may_import: &["kernel", "contracts", "stores", "brokers", "services", "gateway"],
        tests_may_import: &[],
    },
    Room {
        folder: "earmark",
        may_import: &[
            "allocator",
            "kernel",
            "contracts",
            "stores",
            "brokers",
            "services",
            "gateway",
        ],
        tests_may_import: &["servers", "simulator", "torture"],
    },
    // It starts programs of others, and knows nothing of ours.
    Room { folder: "servers", may_import: &[], tests_may_import: &[] },
    // It sees what every other program sees: the command line and the socket.
    Room { folder: "torture", may_import: &["servers"], tests_may_import: &[] },
    Room {
        folder: BENCHES,
        may_import: &[
            "allocator",
            "kernel",
            "contracts",
            "stores",
            "services",
            "gateway",
            "servers",
        ],
        tests_may_import: &[],
    },
];

/// What is measured and never shipped stands beside the crates.
const BENCHES: &str = "benches";

/// Crates of others that stay in their rooms: heavy, or the one way to the world that they guard.
const GUARDED: [(&[&str], &[&str]); 14] = [
    (&["allocator"], &["mimalloc", "libmimalloc-sys"]),
    // The baselines' routes are served by the gateway, and drawn as it draws its own.
    (&["gateway", "benches"], &["axum"]),
    (&["gateway"], &["hyper", "hyper-util", "tower", "tower-http", "utoipa"]),
    (&["stores"], &["rusqlite", "libsqlite3-sys", "sqlx", "diesel"]),
    (&["stores"], &["tokio-postgres", "postgres", "deadpool", "deadpool-postgres", "tokio-rustls"]),
    (&["stores"], &["refinery", "refinery-core"]),
    (&["brokers"], &["redis", "deadpool-redis", "lapin", "amqprs", "async-nats", "rdkafka"]),
    (&["brokers"], &["lettre"]),
    // What is a program reads arguments and shows how far it is.
    (&["earmark", "simulator", "torture", "benches"], &["clap"]),
    (&["earmark", "simulator", "torture"], &["indicatif"]),
    (&["earmark", "torture"], &["comfy-table"]),
    (&["earmark"], &["clap_complete", "config", "figment"]),
    (&["earmark"], &["miette", "anyhow", "eyre", "color-eyre"]),
    (&["simulator"], &["proptest"]),
];

/// Any room's tests may name these.
const FREE_IN_TESTS: [&str; 1] = ["proptest"];

pub fn check(files: &[File]) -> Vec<Violation> {
    let root = files.iter().find(|file| file.path == "Cargo.toml");
    let aliases = root.map(|file| renamed(&manifest::read(&file.text))).unwrap_or_default();
    let mut violations = Vec::new();
    for file in files {
        let parts: Vec<&str> = file.path.split('/').collect();
        let manifest = manifest::read(&file.text);
        match parts.as_slice() {
            ["crates", folder, "Cargo.toml"] => {
                violations.extend(room(file, folder, &manifest, &aliases));
            }
            [BENCHES, "Cargo.toml"] => {
                violations.extend(room(file, BENCHES, &manifest, &aliases));
            }
            [.., "Cargo.toml"] if parts.len() > 1 => {}
            _ => continue,
        }
        if parts.len() > 1 && !manifest.has_workspace_lints {
            let to_do = "add `[lints]` with `workspace = true`";
            violations.push(Violation::new(file, 1, "lints", to_do));
        }
    }
    violations
}

/// What the workspace calls by another name than its authors do.
fn renamed(root: &Manifest) -> BTreeMap<String, String> {
    let inherited = root.dependencies.iter().filter(|one| one.section == Section::Workspace);
    inherited.map(|one| (one.alias.clone(), one.name.clone())).collect()
}

fn room(
    file: &File,
    folder: &str,
    manifest: &Manifest,
    aliases: &BTreeMap<String, String>,
) -> Vec<Violation> {
    let Some(room) = ROOMS.iter().find(|room| room.folder == folder) else {
        let to_do =
            format!("`{folder}` is not in the table: a new crate is a decision, then a row");
        return vec![Violation::new(file, 1, "rooms", to_do)];
    };
    let mut violations = Vec::new();
    if manifest.package != package(folder) {
        let to_do = format!("call the package `{}`, after its folder", package(folder));
        violations.push(Violation::new(file, 1, "rooms", to_do));
    }
    for one in &manifest.dependencies {
        let inherited = aliases.get(&one.alias).filter(|_| one.name == one.alias);
        let name = inherited.unwrap_or(&one.name);
        violations.extend(import(file, room, one, name));
        violations.extend(guarded(file, room, one, name));
    }
    violations
}

fn package(folder: &str) -> String {
    if folder == "earmark" { folder.to_owned() } else { format!("earmark-{folder}") }
}

fn import(file: &File, room: &Room, one: &Dependency, name: &str) -> Option<Violation> {
    let other = ROOMS.iter().find(|other| package(other.folder) == name)?.folder;
    let is_in_tests = one.section == Section::Dev;
    let is_allowed =
        room.may_import.contains(&other) || (is_in_tests && room.tests_may_import.contains(&other));
    let to_do = format!("{} may not import {name}: move what needs it", room.folder);
    (!is_allowed).then(|| Violation::new(file, one.line, "imports", to_do))
}

fn guarded(file: &File, room: &Room, one: &Dependency, name: &str) -> Option<Violation> {
    let (homes, _) = GUARDED.iter().find(|(_, names)| names.contains(&name))?;
    let home = homes.join(" and ");
    let is_free = one.section == Section::Dev && FREE_IN_TESTS.contains(&name);
    let to_do = format!("only {home} may name {name}: reach it through {home}'s port");
    (!homes.contains(&room.folder) && !is_free)
        .then(|| Violation::new(file, one.line, "foreign-imports", to_do))
}
