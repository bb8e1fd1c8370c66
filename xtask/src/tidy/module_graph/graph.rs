//! The files of a crate and the imports between them.

use super::modules::{self, Tests};
use super::resolve::{Target, resolve};
use crate::tidy::File;
use std::collections::{BTreeMap, BTreeSet};

/// An import: the file that needs something and the file that defines it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub to: String,
    /// The paths that make the import, each with its line, in the order of lines.
    pub paths: BTreeSet<(usize, String)>,
}

impl Import {
    /// The first line that makes the import.
    pub fn line(&self) -> usize {
        self.paths.first().map_or(1, |(line, _)| *line)
    }
}

/// All imports of one crate, each pair of files once.
pub struct Graph {
    /// The folder of the crate, as `crates/kernel`.
    pub folder: String,
    pub imports: Vec<Import>,
    /// Every file that is compiled outside tests.
    pub files: BTreeSet<String>,
}

/// A graph for each crate in `crates/` and `testing/`, of its library and its program.
pub fn all(files: &[File]) -> Vec<Graph> {
    let mut graphs: BTreeMap<String, Graph> = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        let parts: Vec<&str> = file.path.split('/').collect();
        let ["crates" | "testing", _, "src", "lib.rs" | "main.rs"] = parts.as_slice() else {
            continue;
        };
        let folder = parts[..2].join("/");
        let graph = graphs.entry(folder.clone()).or_insert_with(|| Graph {
            folder,
            imports: Vec::new(),
            files: BTreeSet::new(),
        });
        read(files, at, graph);
    }
    graphs.into_values().collect()
}

fn read(files: &[File], root: usize, graph: &mut Graph) {
    let modules = modules::read(files, root, Tests::LeftOut);
    let mut imports: BTreeMap<(usize, usize), BTreeSet<(usize, String)>> = BTreeMap::new();
    for (at, module) in modules.iter().enumerate() {
        graph.files.insert(files[module.file].path.clone());
        for used in &module.used {
            // Code that imports a module uses its items by longer paths.
            let Some(Target::Item(to)) = resolve(&modules, at, &used.path) else { continue };
            if to != module.file {
                let paths = imports.entry((module.file, to)).or_default();
                paths.insert((used.line, used.path.join("::")));
            }
        }
    }
    let named = |at: usize| files[at].path.clone();
    graph.imports.extend(imports.into_iter().map(|((from, to), paths)| Import {
        from: named(from),
        to: named(to),
        paths,
    }));
    graph.imports.sort();
}
