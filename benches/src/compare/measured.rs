//! The measurements of a point in one round.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::statistics::{mean, median};

/// The measurements of a point in one round.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Measured {
    /// Lines or transactions per second.
    pub per_second: f64,
    /// Median latency, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 99th percentile of the latency, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Processor time of the server per request, microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<f64>,
    /// Processor time by part, microseconds: per request and kind of thread (the start of its
    /// name), or per line and step of the work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cpu_us_by_part: BTreeMap<String, f64>,
    /// Peak resident memory of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_mib: Option<f64>,
    /// Largest lag of the views in events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_events: Option<f64>,
    /// How many times views delayed the writer by more than 5 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_over_5_ms: Option<f64>,
}

impl Measured {
    /// Combines turns of the same length on the same server: the mean of rates and processor time,
    /// the median of the median latency, and the maximum of the rest.
    pub fn of_turns(turns: &[Self]) -> Self {
        let all = |of: fn(&Self) -> Option<f64>| turns.iter().map(of).collect::<Option<Vec<f64>>>();
        let max = |of: fn(&Self) -> Option<f64>| all(of)?.into_iter().max_by(f64::total_cmp);
        let parts = by_part(turns).into_iter().map(|(name, us)| (name.to_owned(), mean(&us)));
        Self {
            per_second: mean(&turns.iter().map(|turn| turn.per_second).collect::<Vec<_>>()),
            p50_ms: all(|turn| turn.p50_ms).map(median),
            p99_ms: max(|turn| turn.p99_ms),
            cpu_us: all(|turn| turn.cpu_us).map(|it| mean(&it)),
            cpu_us_by_part: parts.collect(),
            rss_mib: max(|turn| turn.rss_mib),
            lag_events: max(|turn| turn.lag_events),
            held_over_5_ms: max(|turn| turn.held_over_5_ms),
        }
    }
}

/// The time of each part in each measurement; 0 if the part is missing.
pub fn by_part(all: &[Measured]) -> BTreeMap<&str, Vec<f64>> {
    let names = all.iter().flat_map(|it| it.cpu_us_by_part.keys());
    let names: BTreeSet<&str> = names.map(String::as_str).collect();
    let of = |it: &Measured, name| it.cpu_us_by_part.get(name).copied().unwrap_or_default();
    names.into_iter().map(|name| (name, all.iter().map(|it| of(it, name)).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_combined() {
        let turn = |rate: f64, parts: &[(&str, f64)]| Measured {
            per_second: rate,
            p50_ms: Some(rate / 20.0),
            p99_ms: Some(rate / 10.0),
            rss_mib: Some(rate),
            cpu_us_by_part: parts.iter().map(|(name, us)| ((*name).to_owned(), *us)).collect(),
            ..Measured::default()
        };
        let turns =
            [turn(10.0, &[("a", 2.0)]), turn(90.0, &[("a", 1.0), ("b", 3.0)]), turn(20.0, &[])];
        let together = Measured::of_turns(&turns);
        assert_eq!((together.per_second, together.p99_ms), (40.0, Some(9.0)));
        assert_eq!((together.rss_mib, together.p50_ms), (Some(90.0), Some(1.0)));
        assert_eq!(together.lag_events, None);
        assert_eq!(together.cpu_us_by_part, turn(0.0, &[("a", 1.0), ("b", 1.0)]).cpu_us_by_part);
    }
}
