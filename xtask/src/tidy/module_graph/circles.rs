//! Rule `circles`: files of a crate do not import each other in a circle.
//!
//! Two files may: a type and the code that uses it are sometimes apart. Three or more files in a
//! circle cannot be read one at a time.

use super::graph::{Graph, Import};
use crate::tidy::Violation;
use std::collections::{BTreeMap, BTreeSet};

/// A circle of at most this many files is accepted.
const FILES_MAX: usize = 2;

pub fn check(graphs: &[Graph]) -> Vec<Violation> {
    graphs.iter().flat_map(of).collect()
}

fn of(graph: &Graph) -> Vec<Violation> {
    let circles = circles(&graph.imports);
    let too_large = circles.iter().filter(|circle| circle.len() > FILES_MAX);
    let violation = |circle: &BTreeSet<&str>| {
        let first = inside(&graph.imports, circle).next().expect("a circle has imports");
        let names: Vec<&str> = circle.iter().map(|path| within(graph, path)).collect();
        let to_do = format!(
            "{} files import each other in a circle ({}): move what they share to a file of its own; \
             `cargo xtask tidy --circles {}` lists the imports",
            names.len(),
            names.join(", "),
            graph.folder,
        );
        Violation::at(&first.from, first.line(), "circles", to_do)
    };
    too_large.map(violation).collect()
}

/// All circles of two or more files, with the imports that make them: of all crates, or of those
/// that are named (`crates/kernel` or `kernel`).
pub fn list(graphs: &[Graph], crates: &[String]) -> String {
    let is_wanted = |graph: &Graph| {
        let name = graph.folder.rsplit('/').next();
        crates.is_empty() || crates.iter().any(|it| *it == graph.folder || name == Some(it))
    };
    let mut text = String::new();
    for graph in graphs.iter().filter(|graph| is_wanted(graph)) {
        for circle in circles(&graph.imports) {
            text.push_str(&format!("{}: a circle of {} files\n", graph.folder, circle.len()));
            for path in &circle {
                text.push_str(&format!("  {}\n", within(graph, path)));
            }
            for import in inside(&graph.imports, &circle) {
                let (from, to) = (within(graph, &import.from), within(graph, &import.to));
                let paths = import.paths.iter().map(|(line, path)| format!("{line} {path}"));
                let paths = paths.collect::<Vec<_>>().join(", ");
                text.push_str(&format!("    {from} -> {to}: {paths}\n"));
            }
        }
    }
    if text.is_empty() { "no circles\n".to_owned() } else { text }
}

/// A path from the `src` folder of its crate.
fn within<'a>(graph: &Graph, path: &'a str) -> &'a str {
    let below = path.strip_prefix(graph.folder.as_str()).unwrap_or(path);
    below.strip_prefix("/src/").unwrap_or(below)
}

fn inside<'a>(
    imports: &'a [Import],
    circle: &'a BTreeSet<&str>,
) -> impl Iterator<Item = &'a Import> {
    imports.iter().filter(|it| circle.contains(&*it.from) && circle.contains(&*it.to))
}

/// The sets of two or more files in which each file reaches every other: the strongly connected
/// components of the graph.
fn circles(imports: &[Import]) -> Vec<BTreeSet<&str>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().push(&import.to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|from| (*from, reached(&next, from))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (from, reach) in &reached {
        let is_back = |to: &&str| reached.get(*to).is_some_and(|back| back.contains(from));
        let circle: BTreeSet<&str> = reach.iter().copied().filter(is_back).collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

fn reached<'a>(next: &BTreeMap<&str, Vec<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for to in next.get(at).map(Vec::as_slice).unwrap_or_default() {
            if reached.insert(*to) {
                open.push(to);
            }
        }
    }
    reached
}
