//! Runs that failed in the past: text files in `simulations/`, which are run before all other
//! seeds.
//!
//! A line that begins with `#` is a comment; the first other line has the arguments of the run.

use std::path::Path;

use clap::Parser;
use earmark_simulator::Plan;

use crate::arguments::Arguments;

/// The folder of the files, relative to the root of the workspace.
pub fn folder() -> &'static Path {
    Path::new("simulations")
}

/// All runs with the names of their files, in order of the names.
pub fn all(folder: &Path) -> Result<Vec<(String, Plan)>, String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut names: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    names.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    names.sort();
    names
        .iter()
        .map(|path| read(path).map_err(|why| format!("{}: {why}", path.display())))
        .collect()
}

fn read(path: &Path) -> Result<(String, Plan), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let line = lines.next().ok_or("the file has no arguments")?;
    let words = std::iter::once("simulate").chain(line.split_whitespace());
    let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
    let seed = arguments.seed.ok_or("--seed is missing")?;
    Ok((path.display().to_string(), arguments.plan(seed)))
}

/// Writes the arguments of a failed run to a file of its own, unless the file exists; returns a
/// message about it.
pub fn save(folder: &Path, plan: &Plan, what: &str) -> Result<String, String> {
    let path = folder.join(format!("seed-{}.txt", plan.seed));
    if path.exists() {
        return Ok(format!("already saved in {}", path.display()));
    }
    let what: String = what.chars().take(300).collect();
    let text = format!("# {}\n{}\n", what.replace('\n', " "), plan.arguments());
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    std::fs::write(&path, text).map_err(|error| error.to_string())?;
    Ok(format!("saved in {}, which is run before all other seeds: commit it", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_run_can_be_read_and_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Arguments::parse_from(["simulate", "--seed", "7"]).plan(7);
        save(folder.path(), &plan, "a line\nhas two allocations").unwrap();
        let first = std::fs::read_to_string(folder.path().join("seed-7.txt")).unwrap();
        assert!(first.starts_with("# a line has two allocations\n"), "{first}");
        save(folder.path(), &plan, "something else").unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("seed-7.txt")).unwrap(), first);
        let saved = all(folder.path()).unwrap();
        assert_eq!(saved.len(), 1);
        assert_eq!(saved[0].1.arguments(), plan.arguments());
    }
}
