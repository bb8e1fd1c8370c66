//! Rules `lints` and `crate-names`: what every `Cargo.toml` of a crate message.
//!
//! What a crate may import is checked by cargo-deny: `deny.toml` has the table.

use super::{File, Violation};
use toml::Table;

pub fn check(files: &[File]) -> Vec<Violation> {
    let manifests = files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    manifests.flat_map(|file| of(file, &file.text.parse().unwrap_or_default())).collect()
}

fn of(file: &File, manifest: &Table) -> Vec<Violation> {
    let mut violations = Vec::new();
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        let to_do = "add `[lints]` with `workspace = true`";
        violations.push(Violation::new(file, 1, "lints", to_do));
    }
    let name = manifest.get("package").and_then(|package| package.get("name"));
    if let Some(expected) = name_of(&file.path)
        && name.and_then(toml::Value::as_str) != Some(&expected)
    {
        let to_do = format!("call the package `{expected}`, after its folder");
        violations.push(Violation::new(file, 1, "crate-names", to_do));
    }
    violations
}

/// The name of the crate in a folder of `crates/` or `testing/`.
fn name_of(path: &str) -> Option<String> {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["crates", "earmark", _] => Some("earmark".to_owned()),
        ["crates" | "testing", folder, _] => Some(format!("earmark-{folder}")),
        _ => None,
    }
}
