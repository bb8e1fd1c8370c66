//! `cargo xtask bench`: Earmark and what it is measured against, side by side, in one run.

use crate::dist::{self, Recorded};
use crate::failure::Failure;
use crate::{ensure, workspace};
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|it| it == "--help" || it == "-h") {
        let compare = ["run", "--quiet", "-p", "earmark-benches", "--", "compare", "--help"];
        return workspace::run(&mut workspace::cargo(&compare));
    }
    ensure::bench()?;
    dist::build(recorded_for(arguments))?;
    let mut compare = Command::new(dist::program("earmark-benches"));
    compare.arg("compare").arg("--scratch").arg(workspace::target_dir());
    // It finds the results, and what is committed of them, from the root.
    workspace::run(compare.args(arguments).current_dir(workspace::root()))
}

/// What is kept as a result is built as it would be shipped; a look need not wait for that.
fn recorded_for(arguments: &[String]) -> Recorded {
    let is_look = |it: &String| it == "--quick" || it == "--only" || it.starts_with("--only=");
    if arguments.iter().any(is_look) { Recorded::Before } else { Recorded::OfThese }
}

#[cfg(test)]
mod tests {
    use super::recorded_for;
    use crate::dist::Recorded;

    #[test]
    fn only_a_run_that_is_kept_waits_for_a_new_profile() {
        let of = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            recorded_for(&words)
        };
        for look in ["--quick", "--rounds 1 --only hot", "--only=hot"] {
            assert_eq!(of(look), Recorded::Before, "{look}");
        }
        for kept in ["", "--seconds 3 --orders x.csv.gz"] {
            assert_eq!(of(kept), Recorded::OfThese, "{kept}");
        }
    }
}
