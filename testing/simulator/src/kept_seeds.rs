//! The seeds that failed once: text files in `simulations/`, replayed before all others.
//!
//! A line that begins with `#` says why; the first other line holds the arguments of the run.

use std::path::Path;

use clap::Parser;
use earmark_simulator::Plan;

use crate::arguments::Arguments;

/// Where they are kept, seen from the workspace's root.
pub fn folder() -> &'static Path {
    Path::new("simulations")
}

/// Every kept run with its file's name, in order of the names.
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
    let line = lines.next().ok_or("it names no run")?;
    let words = std::iter::once("simulate").chain(line.split_whitespace());
    let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
    let seed = arguments.seed.ok_or("it names no --seed")?;
    Ok((path.display().to_string(), arguments.plan(seed)))
}

/// Keeps a run that failed in a file of its own, and says where; one that is kept stays as it is.
pub fn keep(folder: &Path, plan: &Plan, what: &str) -> Result<String, String> {
    let path = folder.join(format!("seed-{}.txt", plan.seed));
    if path.exists() {
        return Ok(format!("it is kept in {}", path.display()));
    }
    let what: String = what.chars().take(300).collect();
    let text = format!("# {}\n{}\n", what.replace('\n', " "), plan.arguments());
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    std::fs::write(&path, text).map_err(|error| error.to_string())?;
    Ok(format!("from now on {} is run before all others: commit it", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_run_again_and_stays_as_it_was_kept_first() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Arguments::parse_from(["simulate", "--seed", "7"]).plan(7);
        keep(folder.path(), &plan, "a line\nis in two places").unwrap();
        let first = std::fs::read_to_string(folder.path().join("seed-7.txt")).unwrap();
        assert!(first.starts_with("# a line is in two places\n"), "{first}");
        keep(folder.path(), &plan, "something else").unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("seed-7.txt")).unwrap(), first);
        let kept = all(folder.path()).unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].1.arguments(), plan.arguments());
    }
}
