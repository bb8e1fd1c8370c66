//! The command itself: reads the files that git tracks, and prints what is wrong with them.

use super::File;
use super::check::check;
use super::module_graph::{graphs, list_circles};
use crate::error::{CliError, no_arguments};
use crate::workspace;
use std::path::Path;
use std::process::Command;

/// `--circles [CRATE…]` is not in the help: it lists circles of imports while they are removed.
pub fn run(arguments: &[String]) -> Result<(), CliError> {
    if let [flag, crates @ ..] = arguments
        && flag == "--circles"
    {
        print!("{}", list_circles(&graphs(&tracked()?), crates));
        return Ok(());
    }
    no_arguments(arguments)?;
    let files = tracked()?;
    let violations = check(&files);
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("tidy: {} files, no violations", files.len());
        return Ok(());
    }
    Err(CliError::new(format!("{} violations", violations.len())))
}

/// The files that git tracks or would add. What is not UTF-8 counts as a file without text.
pub fn tracked() -> Result<Vec<File>, CliError> {
    let root = workspace::root();
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&root);
    let listed = workspace::output(&mut git)?;
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    Ok(paths.filter_map(|path| read(&root, path)).collect())
}

fn read(root: &Path, path: &str) -> Option<File> {
    let bytes = std::fs::read(root.join(path)).ok()?;
    Some(File { path: path.to_owned(), text: String::from_utf8(bytes).unwrap_or_default() })
}
