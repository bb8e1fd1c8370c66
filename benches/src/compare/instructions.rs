//! Instructions of an allocation, counted by callgrind: the same on a busy machine.

use std::process::Command;

use super::Stage;
use super::daemon::output;
use crate::failure::Failure;

/// Lines of which the instructions are told.
const LINES: u32 = 20_000;
const LINES_QUICK: u32 = 4_000;

/// Instructions from the bus to the log and the views for one line, without HTTP; none where there
/// is no valgrind.
pub fn per_allocation(stage: &Stage) -> Result<Option<f64>, Failure> {
    if output(Command::new("valgrind").arg("--version")).is_err() {
        eprintln!("instructions are not counted: there is no valgrind");
        return Ok(None);
    }
    let lines = if stage.is_quick { LINES_QUICK } else { LINES };
    // What comes before the first line is in both counts.
    let less = counted(stage, 0)?;
    let more = counted(stage, lines)?;
    Ok(Some((more - less) / f64::from(lines)))
}

fn counted(stage: &Stage, lines: u32) -> Result<f64, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--log-fd=1"]);
    valgrind.arg(stage.programs.join("earmark-benches"));
    valgrind.args(["in-process", "allocations", "--lines", &lines.to_string(), "--scratch"]);
    let told = output(valgrind.arg(stage.scratch.path()))?;
    read(&told).ok_or_else(|| Failure::new(format!("callgrind said: {told}")))
}

fn read(told: &str) -> Option<f64> {
    let collected = told.lines().find_map(|line| Some(line.split_once("Collected : ")?.1));
    collected?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_callgrind_counted_is_read() {
        let told = "==7== Events    : Ir\n==7== Collected : 125000\n==7==\n";
        assert_eq!(read(told), Some(125_000.0));
    }
}
