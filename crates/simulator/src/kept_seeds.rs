//! The seeds that failed once: text files in `simulations/`, replayed before all others.
//!
//! A line that begins with `#` says why; the first other line holds the arguments of the run.

use std::path::Path;

use clap::Parser;
use earmark_simulator::Plan;

use crate::arguments::Arguments;

/// Where they are kept, seen from the workspace's root.
pub const FOLDER: &str = "simulations";

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

/// The file to keep a run in, and what stands in it.
pub fn file(plan: &Plan, what: &str) -> (String, String) {
    let what: String = what.chars().take(300).collect();
    let name = format!("{FOLDER}/seed-{}.txt", plan.seed);
    (name, format!("# {}\n{}\n", what.replace('\n', " "), plan.arguments()))
}
