//! The measurements of a point in all rounds.

use serde::{Deserialize, Serialize};

use super::measured::{Measured, by_part};
use super::statistics::{bounds, median};

/// The measurements of a point in all rounds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PointResult {
    pub name: String,
    pub unit: String,
    /// Median of `per_second`.
    pub median: f64,
    /// Maximum minus minimum of `per_second`, divided by the median.
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

    /// The median of an optional measurement; `None` if a round lacks it.
    pub fn median_of(&self, of: fn(&Measured) -> Option<f64>) -> Option<f64> {
        let values = self.rounds.iter().map(of).collect::<Option<Vec<f64>>>()?;
        (!values.is_empty()).then(|| median(values))
    }

    /// Median processor time of each part, the largest first.
    pub fn parts(&self) -> Vec<(&str, f64)> {
        let parts = by_part(&self.rounds).into_iter().map(|(name, us)| (name, median(us)));
        let mut parts: Vec<_> = parts.filter(|(_, us)| *us >= PART_US_MIN).collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        parts
    }
}

/// Parts below this number of microseconds are not shown.
const PART_US_MIN: f64 = 0.05;
