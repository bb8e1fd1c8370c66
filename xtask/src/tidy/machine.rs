//! What is true on one machine alone does not belong into the tree.

use super::{File, Violation};

/// Folders of the machine that somebody happened to work on.
const FOLDERS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Where packages are fetched from is the client's setting, not the project's text.
const HOSTS: [&str; 7] = [
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
];

pub fn check(file: &File) -> Vec<Violation> {
    let mut violations = Vec::new();
    if is_foreign(&file.path) {
        return violations;
    }
    for (at, line) in file.text.lines().enumerate() {
        if let Some(folder) = FOLDERS.iter().find(|folder| starts_a_path(line, folder)) {
            let to_do = format!("`{folder}` is a folder of one machine; name it from the root");
            violations.push(Violation::new(file, at + 1, "machine-path", to_do));
        }
        if let Some(host) = HOSTS.iter().find(|host| line.contains(*host)) {
            let to_do = format!("leave `{host}` out: say which registry, not where it is");
            violations.push(Violation::new(file, at + 1, "registry-host", to_do));
        }
    }
    violations
}

/// Lock files and what others wrote and we only carry.
fn is_foreign(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(name, "Cargo.lock" | "package-lock.json")
        || name.ends_with(".min.js")
        || name.ends_with(".min.css")
        || path.split('/').any(|part| part == "vendor")
}

/// True where the folder is the start of a path, not the middle of a longer one.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|char| char.is_alphanumeric() || ".-_}*~".contains(char))
    })
}
