//! Instructions per allocation, counted by callgrind: they do not depend on other load.

use std::process::Command;

use super::daemon::output;
use super::environment::BenchEnv;
use crate::failure::Failure;

/// Number of lines.
const LINES: u32 = 20_000;
const LINES_QUICK: u32 = 4_000;

/// Instructions per line from the bus to the log and the views, without HTTP; `None` if valgrind is
/// not installed.
pub fn per_allocation(env: &BenchEnv) -> Result<Option<f64>, Failure> {
    if output(Command::new("valgrind").arg("--version")).is_err() {
        eprintln!("instructions are not counted: valgrind is not installed");
        return Ok(None);
    }
    let lines = if env.is_quick { LINES_QUICK } else { LINES };
    // The difference leaves out the start of the process.
    let start = counted(env, 0)?;
    let all = counted(env, lines)?;
    Ok(Some((all - start) / f64::from(lines)))
}

fn counted(env: &BenchEnv, lines: u32) -> Result<f64, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"]);
    valgrind.arg(env.programs.join("earmark-benches"));
    valgrind.args(["in-process", "allocations", "--lines", &lines.to_string(), "--scratch"]);
    let printed = output(valgrind.arg(env.scratch.path()))?;
    read(&printed).ok_or_else(|| Failure::new(format!("unexpected output of callgrind: {printed}")))
}

fn read(printed: &str) -> Option<f64> {
    let collected = printed.lines().find_map(|line| Some(line.split_once("Collected : ")?.1));
    collected?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_count_of_callgrind_is_parsed() {
        let printed = "==7== Events    : Ir\n==7== Collected : 125000\n==7==\n";
        assert_eq!(read(printed), Some(125_000.0));
    }
}
