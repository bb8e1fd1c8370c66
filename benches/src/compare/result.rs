//! The result of a run: as a table for people, and in a dated file for those who come after.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::measured::{Measured, by_part};
use super::ratios::{Ratio, ratios};
use crate::failure::Failure;

/// A point in all rounds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PointResult {
    pub name: String,
    pub unit: String,
    /// Of `per_second`.
    pub median: f64,
    /// From the least to the most, as a part of the median.
    pub spread: f64,
    pub rounds: Vec<Measured>,
}

impl PointResult {
    pub fn of(name: &str, unit: &str, rounds: Vec<Measured>) -> Self {
        let rates: Vec<f64> = rounds.iter().map(|it| it.per_second).collect();
        let (least, most) = bounds(&rates);
        let median = median(rates);
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, unit, median, spread: (most - least) / median, rounds }
    }

    /// The median of something that not every point has.
    fn middle(&self, of: fn(&Measured) -> Option<f64>) -> Option<f64> {
        let values = self.rounds.iter().map(of).collect::<Option<Vec<f64>>>()?;
        (!values.is_empty()).then(|| median(values))
    }

    /// What each part takes of the processors, the most first.
    fn parts(&self) -> Vec<(&str, f64)> {
        let parts = by_part(&self.rounds).into_iter().map(|(name, us)| (name, median(us)));
        let mut parts: Vec<_> = parts.filter(|(_, us)| *us >= PART_US_MIN).collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        parts
    }
}

/// Parts that take less than this many microseconds are not shown.
const PART_US_MIN: f64 = 0.05;

/// The middle one; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// The least and the most; zeros of none.
pub fn bounds(values: &[f64]) -> (f64, f64) {
    let picked = |pick: fn(f64, f64) -> f64| values.iter().copied().reduce(pick);
    (picked(f64::min).unwrap_or_default(), picked(f64::max).unwrap_or_default())
}

/// The result of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outcome {
    pub machine: Machine,
    /// Of fewer and shorter points.
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

    /// Writes it down, as JSON and for people; a second one of the day has a number.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Failure> {
        fs::create_dir_all(folder)?;
        let date = &self.machine.date;
        let names = (1..).map(|number| match number {
            1 => date.clone(),
            _ => format!("{date}-{number}"),
        });
        let mut paths = names.map(|name| folder.join(name + ".json"));
        let path = paths.find(|path| !path.exists()).expect("numbers do not end");
        let json = serde_json::to_string_pretty(self).map_err(Failure::new)?;
        fs::write(&path, json + "\n")?;
        fs::write(path.with_extension("md"), self.markdown())?;
        Ok(path)
    }

    /// For people.
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
                (point.middle(|it| it.p50_ms), 2),
                (point.middle(|it| it.p99_ms), 2),
                (point.middle(|it| it.cpu_us), 1),
                (point.middle(|it| it.rss_mib), 0),
                (point.middle(|it| it.lag_events), 0),
                (point.middle(|it| it.held_over_5_ms), 0),
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

    /// What takes the processors, of points that tell it.
    fn push_parts(&self, page: &mut String) {
        let told: Vec<_> = self.points.iter().map(|it| (&it.name, it.parts())).collect();
        if told.iter().all(|(_, parts)| parts.is_empty()) {
            return;
        }
        page.push_str(
            "\n| point | CPU us of a request (in a process: of a line), by part |\n|---|---|\n",
        );
        for (name, parts) in told.iter().filter(|(_, parts)| !parts.is_empty()) {
            let shown = parts.iter().map(|(part, us)| format!("{part} {us:.2}"));
            line(page, format_args!("| {name} | {} |", shown.collect::<Vec<_>>().join(", ")));
        }
    }
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |value| format!("{value:.digits$}"))
}

fn line(page: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(page, "{line}").expect("a text takes everything");
}

/// A run of two points, with these rates.
#[cfg(test)]
pub fn outcome_for_tests(ours: &[f64], theirs: &[f64]) -> Outcome {
    let point = |name: &str, rates: &[f64]| {
        let measured = |rate: &f64| Measured { per_second: *rate, ..Measured::default() };
        PointResult::of(name, "lines/s", rates.iter().map(measured).collect())
    };
    let points = vec![point("earmark/single-64", ours), point("bare-file/single-64", theirs)];
    Outcome::of(points, Some(30_000.0), Machine::default(), true, ours.len())
}

#[cfg(test)]
mod tests {
    use super::{median, outcome_for_tests as outcome};

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!([median(vec![9.0, 1.0, 2.0]), median(vec![2.0, 1.0])], [2.0, 1.5]);
    }

    #[test]
    fn what_takes_the_processors_is_told_the_most_first() {
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
    fn ratios_are_of_the_same_round() {
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
