//! The comparison with the last committed result.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use super::daemon::output;
use super::result::Outcome;
use crate::failure::Failure;

/// A change for the worse by more than this is marked.
const WORSE: f64 = 0.15;

/// The changes since the last committed result, as a text.
pub fn comparison(results: &Path, now: &Outcome) -> Result<String, Failure> {
    let listed = output(Command::new("git").arg("ls-files").arg(results))?;
    let last = listed
        .lines()
        .filter(|path| path.ends_with(".json"))
        .max_by_key(|path| date_and_number(path));
    let Some(path) = last else {
        return Ok("\nNo result is committed yet.\n".to_owned());
    };
    let text = output(Command::new("git").args(["show", &format!("HEAD:{path}")]))?;
    let past: Outcome = serde_json::from_str(&text).map_err(Failure::new)?;
    Ok(describe(path, &past, now))
}

/// The date of a result, and its number on that day.
fn date_and_number(path: &str) -> (&str, u32) {
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".json");
    let (date, number) = name.split_at(name.len().min("2026-01-01".len()));
    (date, number.trim_start_matches('-').parse().unwrap_or(1))
}

fn describe(path: &str, past: &Outcome, now: &Outcome) -> String {
    let mut changes: Vec<(&str, f64, f64, bool)> = Vec::new();
    for ratio in &now.ratios {
        if let Some(was) = past.ratios.iter().find(|was| was.name == ratio.name) {
            changes.push((&ratio.name, was.median, ratio.median, ratio.less_is_better));
        }
    }
    let counts = past.instructions_per_allocation.zip(now.instructions_per_allocation);
    changes.extend(counts.map(|(was, is)| ("instructions per allocation", was, is, true)));
    let mut text = format!("\nSince {path} ({}):\n", past.machine.commit);
    let mut worse = 0;
    for (name, was, is, less_is_better) in changes {
        let change = if less_is_better { was / is - 1.0 } else { is / was - 1.0 };
        let is_worse = change < -WORSE;
        worse += u32::from(is_worse);
        let mark = if is_worse { "WORSE " } else { "" };
        writeln!(text, "  {mark}{name}: {was:.2} then, {is:.2} now")
            .expect("writing to a string cannot fail");
    }
    match worse {
        0 => text.push_str("Nothing is worse by more than 15 %.\n"),
        worse => {
            writeln!(text, "{worse} worse by more than 15 %.")
                .expect("writing to a string cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{date_and_number, describe};
    use crate::compare::result::outcome_for_tests as outcome;

    #[test]
    fn results_are_ordered_by_date_and_number() {
        let day = "benches/results/2026-11-22.json";
        assert!(date_and_number(day) < date_and_number("benches/results/2026-11-22-2.json"));
        let (second, tenth) = ("r/2026-11-22-2.json", "r/2026-11-22-10.json");
        assert!(
            date_and_number(second) < date_and_number(tenth)
                && date_and_number(tenth) < date_and_number("r/2026-11-23.json")
        );
    }

    #[test]
    fn a_change_for_the_worse_is_marked() {
        let past = outcome(&[90.0], &[100.0]);
        let same = describe("x", &past, &outcome(&[80.0], &[100.0]));
        assert!(same.ends_with("Nothing is worse by more than 15 %.\n"), "{same}");
        let worse = describe("x", &past, &outcome(&[70.0], &[100.0]));
        let line = "WORSE earmark/single-64 to bare-file/single-64: 0.90 then, 0.70 now";
        assert!(worse.contains(line), "{worse}");
        assert!(worse.ends_with("1 worse by more than 15 %.\n"), "{worse}");
    }
}
