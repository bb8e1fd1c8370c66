//! The result of a run: as Markdown tables, and as JSON in a dated file for later comparisons.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::point_result::PointResult;
use super::ratios::{Ratio, ratios};
use crate::failure::Failure;

/// The result of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outcome {
    pub machine: Machine,
    /// Fewer and shorter points were measured.
    pub quick: bool,
    pub rounds: usize,
    pub points: Vec<PointResult>,
    pub ratios: Vec<Ratio>,
    pub instructions_per_allocation: Option<f64>,
}

impl Outcome {
    pub fn of(
        points: Vec<PointResult>,
        instructions_per_allocation: Option<f64>,
        machine: Machine,
        quick: bool,
        rounds: usize,
    ) -> Self {
        let ratios = ratios(&points);
        Self { machine, quick, rounds, points, ratios, instructions_per_allocation }
    }

    /// Writes the result as JSON and Markdown; a second result of a day gets a number.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Failure> {
        fs::create_dir_all(folder)?;
        let date = &self.machine.date;
        let names = (1..).map(|number| match number {
            1 => date.clone(),
            _ => format!("{date}-{number}"),
        });
        let mut paths = names.map(|name| folder.join(name + ".json"));
        let path = paths.find(|path| !path.exists()).expect("there is always a next number");
        let json = serde_json::to_string_pretty(self).map_err(Failure::new)?;
        fs::write(&path, json + "\n")?;
        fs::write(path.with_extension("md"), self.markdown())?;
        Ok(path)
    }

    /// The result as Markdown.
    pub fn markdown(&self) -> String {
        let Machine { date, commit, cores, processor, memory_gib, kernel, load_before } =
            &self.machine;
        let mut page = format!(
            "# {date}, {commit}\n\n{cores} cores ({processor}), {memory_gib} GiB, Linux {kernel}, \
             load before {load_before:.2}; medians of {} rounds\n\n",
            self.rounds
        );
        page.push_str(
            "| point | lines/s | spread | p50 ms | p99 ms | CPU us | peak MiB | lag | > 5 ms |\n",
        );
        page.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        for point in &self.points {
            let cells = [
                (point.median_of(|it| it.p50_ms), 2),
                (point.median_of(|it| it.p99_ms), 2),
                (point.median_of(|it| it.cpu_us), 1),
                (point.median_of(|it| it.rss_mib), 0),
                (point.median_of(|it| it.lag_events), 0),
                (point.median_of(|it| it.held_over_5_ms), 0),
            ];
            let cells = cells.map(|(value, digits)| shown(value, digits)).join(" | ");
            let (rate, spread) = (point.median, point.spread * 100.0);
            line(
                &mut page,
                format_args!("| {} | {rate:.0} | {spread:.0} % | {cells} |", point.name),
            );
        }
        self.push_parts(&mut page);
        page.push_str("\n| ratio | median | of all rounds | goal | |\n|---|--:|--:|--:|---|\n");
        for ratio in &self.ratios {
            let Ratio { name, median, least, most, .. } = ratio;
            let bound = if ratio.less_is_better { "<=" } else { ">=" };
            let goal = ratio.goal.map_or(String::new(), |goal| format!("{bound} {goal}"));
            let reached = match ratio.is_reached() {
                Some(true) => "reached",
                Some(false) => "not reached",
                None => "",
            };
            let all = format_args!("{least:.2} to {most:.2}");
            line(&mut page, format_args!("| {name} | {median:.2} | {all} | {goal} | {reached} |"));
        }
        if let Some(count) = self.instructions_per_allocation {
            line(&mut page, format_args!("\nInstructions per allocation: {count:.0}"));
        }
        page
    }

    /// The table of processor time by part.
    fn push_parts(&self, page: &mut String) {
        let parts: Vec<_> = self.points.iter().map(|it| (&it.name, it.parts())).collect();
        if parts.iter().all(|(_, parts)| parts.is_empty()) {
            return;
        }
        page.push_str(
            "\n| point | CPU us per request (in process: per line), by part |\n|---|---|\n",
        );
        for (name, parts) in parts.iter().filter(|(_, parts)| !parts.is_empty()) {
            let shown = parts.iter().map(|(part, us)| format!("{part} {us:.2}"));
            line(page, format_args!("| {name} | {} |", shown.collect::<Vec<_>>().join(", ")));
        }
    }
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |value| format!("{value:.digits$}"))
}

fn line(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("writing to a string cannot fail");
}

/// A result of two points with these rates.
#[cfg(test)]
pub fn outcome_for_tests(ours: &[f64], theirs: &[f64]) -> Outcome {
    use super::measured::Measured;

    let point = |name: &str, rates: &[f64]| {
        let measured = |rate: &f64| Measured { per_second: *rate, ..Measured::default() };
        PointResult::of(name, "lines/s", rates.iter().map(measured).collect())
    };
    let points = vec![point("earmark/single-64", ours), point("bare-file/single-64", theirs)];
    Outcome::of(points, Some(30_000.0), Machine::default(), true, ours.len())
}

#[cfg(test)]
mod tests {
    use super::outcome_for_tests as outcome;

    #[test]
    fn parts_are_sorted_by_processor_time() {
        let mut outcome = outcome(&[90.0, 45.0], &[100.0, 50.0]);
        assert!(!outcome.markdown().contains("by part"));
        for (round, us) in outcome.points[0].rounds.iter_mut().zip([4.0, 6.0]) {
            let parts = [("idle", 0.01), ("flush", 3.0), ("write", us)];
            round.cpu_us_by_part = parts.map(|(name, us)| (name.to_owned(), us)).into();
        }
        let page = outcome.markdown();
        assert!(page.contains("| earmark/single-64 | write 5.00, flush 3.00 |"), "{page}");
    }

    #[test]
    fn ratios_are_computed_per_round() {
        let outcome = outcome(&[90.0, 45.0, 100.0], &[100.0, 50.0, 200.0]);
        let ratio = &outcome.ratios[0];
        assert_eq!(ratio.name, "earmark/single-64 to bare-file/single-64");
        assert_eq!((ratio.median, ratio.least, ratio.most), (0.9, 0.5, 0.9));
        assert_eq!(ratio.is_reached(), Some(true));
        let page = outcome.markdown();
        assert!(page.contains("| earmark/single-64 | 90 | 61 % |"), "{page}");
        assert!(page.contains("| 0.90 | 0.50 to 0.90 | >= 0.85 | reached |"), "{page}");
    }
}
