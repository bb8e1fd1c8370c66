//! `cargo xtask bench`: measures Earmark and its baselines side by side, in one run.

use super::dist::{self, Recording};
use crate::error::CliError;
use crate::{install, workspace};
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    if arguments.iter().any(|it| it == "--help" || it == "-h") {
        let compare = ["run", "--quiet", "-p", "earmark-benches", "--", "compare", "--help"];
        return workspace::run(&mut workspace::cargo(&compare));
    }
    install::for_bench()?;
    dist::build(recording_for(arguments))?;
    let mut compare = Command::new(dist::program("earmark-benches"));
    compare.arg("compare").arg("--scratch").arg(workspace::target_dir());
    // It reads and writes results below the root.
    workspace::run(compare.args(arguments).current_dir(workspace::root()))
}

/// A run whose result is kept measures what would be shipped; a quick look need not wait for that.
fn recording_for(arguments: &[String]) -> Recording {
    let is_look = |it: &String| it == "--quick" || it == "--only" || it.starts_with("--only=");
    if arguments.iter().any(is_look) { Recording::Latest } else { Recording::Current }
}

#[cfg(test)]
mod tests {
    use super::recording_for;
    use crate::build::dist::Recording;

    #[test]
    fn only_a_run_that_is_kept_waits_for_a_new_recording() {
        let of = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            recording_for(&words)
        };
        for look in ["--quick", "--rounds 1 --only hot", "--only=hot"] {
            assert_eq!(of(look), Recording::Latest, "{look}");
        }
        for kept in ["", "--seconds 3 --orders x.csv.gz"] {
            assert_eq!(of(kept), Recording::Current, "{kept}");
        }
    }
}
