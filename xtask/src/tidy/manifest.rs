//! Reads from a Cargo manifest what `tidy` asks about: its name, its dependencies, its lints.

/// Which table a dependency stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Normal,
    Dev,
    Build,
    /// `[workspace.dependencies]`: what members may inherit.
    Workspace,
}

/// One dependency, by the name that its own authors gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// As the manifest calls it.
    pub alias: String,
    /// As it is called where it comes from; differs from the alias where `package = "…"` says so.
    pub name: String,
    pub section: Section,
    /// Counted from 1.
    pub line: usize,
}

/// A Cargo manifest, as far as `tidy` is concerned.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub package: String,
    pub dependencies: Vec<Dependency>,
    pub has_workspace_lints: bool,
}

/// Reads a manifest line by line; cargo itself refuses what is not TOML.
pub fn read(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    let mut header = Vec::new();
    // Above zero inside an array that goes on over several lines.
    let mut depth = 0;
    for (at, raw) in text.lines().enumerate() {
        let line = without_comment(raw).trim();
        let is_inside = depth > 0;
        if !is_inside && line.starts_with('[') {
            header = keys(line.trim_matches(['[', ']']));
            manifest.open(&header, at + 1);
            continue;
        }
        depth += depth_change(line);
        if !is_inside && let Some((key, value)) = line.split_once('=') {
            manifest.line(&header, &keys(key), value.trim(), at + 1);
        } else if is_inside && let Some(name) = package_of(line) {
            manifest.rename(name);
        }
    }
    manifest
}

impl Manifest {
    /// `[dependencies.rusqlite]` names a dependency by itself.
    fn open(&mut self, header: &[String], line: usize) {
        if let Some((section, [alias])) = section(header) {
            self.add(alias, section, line);
        }
    }

    fn line(&mut self, header: &[String], key: &[String], value: &str, line: usize) {
        let full: Vec<String> = header.iter().chain(key).cloned().collect();
        match full.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["package", "name"] => unquoted(value).clone_into(&mut self.package),
            ["lints", "workspace"] => self.has_workspace_lints = value == "true",
            ["lints"] => self.has_workspace_lints = value.contains("workspace = true"),
            _ => self.dependency(&full, header, value, line),
        }
    }

    fn dependency(&mut self, full: &[String], header: &[String], value: &str, line: usize) {
        let Some((section, [alias, rest @ ..])) = section(full) else {
            return;
        };
        // Under `[dependencies.x]` the header has added x already.
        if !matches!(self::section(header), Some((_, [_, ..]))) {
            self.add(alias, section, line);
        }
        let name = match rest {
            [] => package_of(value),
            [key] if key == "package" => Some(unquoted(value)),
            _ => None,
        };
        if let Some(name) = name {
            self.rename(name);
        }
    }

    fn add(&mut self, alias: &str, section: Section, line: usize) {
        let known = self.dependencies.last();
        // `serde.version = …` and `serde.features = …` are one dependency.
        if known.is_some_and(|last| last.alias == alias && last.section == section) {
            return;
        }
        let (alias, name) = (alias.to_owned(), alias.to_owned());
        self.dependencies.push(Dependency { alias, name, section, line });
    }

    fn rename(&mut self, name: &str) {
        if let Some(last) = self.dependencies.last_mut() {
            name.clone_into(&mut last.name);
        }
    }
}

/// The table of dependencies that a path of keys is in, and what of the path is left below it.
fn section(path: &[String]) -> Option<(Section, &[String])> {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    let (section, above) = match words.as_slice() {
        ["workspace", "dependencies", ..] => (Section::Workspace, 2),
        ["target", _, table, ..] => (table_of(table)?, 3),
        [table, ..] => (table_of(table)?, 1),
        [] => return None,
    };
    Some((section, &path[above..]))
}

fn table_of(name: &str) -> Option<Section> {
    match name {
        "dependencies" => Some(Section::Normal),
        "dev-dependencies" => Some(Section::Dev),
        "build-dependencies" => Some(Section::Build),
        _ => None,
    }
}

/// The keys of a dotted path; a quoted one, as in `target.'cfg(unix)'`, keeps its dots.
fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut quote = None;
    for char in path.trim().chars() {
        match (quote, char) {
            (None, '\'' | '"') => quote = Some(char),
            (Some(open), _) if open == char => quote = None,
            (None, '.') => keys.push(String::new()),
            (None, ' ') => {}
            _ => keys.last_mut().expect("starts with one key").push(char),
        }
    }
    keys
}

/// The name in `{ package = "name", … }`.
fn package_of(value: &str) -> Option<&str> {
    let (_, after) = value.split_once("package")?;
    let quoted = after.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
    quoted.split('"').next()
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

fn without_comment(line: &str) -> &str {
    let comment = outside_quotes(line).find(|(_, char)| *char == '#');
    comment.map_or(line, |(at, _)| &line[..at])
}

fn depth_change(line: &str) -> i32 {
    let change = |char| match char {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    };
    outside_quotes(line).map(|(_, char)| change(char)).sum()
}

fn outside_quotes(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    line.char_indices().filter(move |(_, char)| match (quote, *char) {
        (None, '"' | '\'') => {
            quote = Some(*char);
            false
        }
        (Some(open), char) => {
            quote = if open == char { None } else { quote };
            false
        }
        (None, _) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::{Section, read};

    #[test]
    fn every_way_to_write_a_dependency_is_read() {
        let manifest = read(
            r#"
[package]
name = "earmark-stores" # not a dependency
[dependencies]
serde = "1"
tokio = { workspace = true, features = [
    "sync", # a
    "time",
] }
earmark-kernel.workspace = true
sql = { version = "0.40", package = "rusqlite" }
bytes.version = "1"
bytes.features = ["serde"]
[dependencies.refinery]
version = "0.9"
features = ["rusqlite"]
[dependencies.pool]
package = "deadpool"
[target.'cfg(target_os = "linux")'.dependencies]
libc = "0.2"
[dev-dependencies]
proptest = "1"
[build-dependencies]
cc = "1"
[features]
default = ["serde"]
[workspace.dependencies]
axum = "0.8"
[lints]
workspace = true
"#,
        );
        assert_eq!(manifest.package, "earmark-stores");
        assert!(manifest.has_workspace_lints);
        let found = manifest.dependencies.iter();
        let found: Vec<_> = found.map(|d| (d.name.as_str(), d.section, d.line)).collect();
        let expected = [
            ("serde", Section::Normal, 5),
            ("tokio", Section::Normal, 6),
            ("earmark-kernel", Section::Normal, 10),
            ("rusqlite", Section::Normal, 11),
            ("bytes", Section::Normal, 12),
            ("refinery", Section::Normal, 14),
            ("deadpool", Section::Normal, 17),
            ("libc", Section::Normal, 20),
            ("proptest", Section::Dev, 22),
            ("cc", Section::Build, 24),
            ("axum", Section::Workspace, 28),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn lints_may_stand_in_one_line() {
        assert!(read("lints.workspace = true\n[package]\nname = \"x\"").has_workspace_lints);
        assert!(!read("[package]\nname = \"x\"").has_workspace_lints);
    }
}
