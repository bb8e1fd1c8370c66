//! The ratios that are looked at: two points of the same round, so that the machine cancels out.

use serde::{Deserialize, Serialize};

use super::result::{PointResult, bounds, median};

/// What is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Throughput,
    P99,
}

/// A ratio to be looked at: its two points, and what the goal is, if there is one.
struct Wanted {
    of: Of,
    point: &'static str,
    to: &'static str,
    goal: Option<f64>,
}

const fn more(point: &'static str, to: &'static str, goal: Option<f64>) -> Wanted {
    Wanted { of: Of::Throughput, point, to, goal }
}

const fn later(point: &'static str, to: &'static str, goal: f64) -> Wanted {
    Wanted { of: Of::P99, point, to, goal: Some(goal) }
}

const WANTED: [Wanted; 40] = [
    more("earmark/single-64", "bare-file/single-64", Some(0.85)),
    later("earmark/single-64", "bare-file/single-64", 3.0),
    more("earmark/single-64", "constant/single-64", None),
    more("bare-log/single-64", "bare-file/single-64", None),
    more("earmark/single-64", "bare-log/single-64", None),
    more("bare-file/single-64", "constant/single-64", None),
    more("earmark/hot-64", "bare-file/single-64", Some(0.85)),
    later("earmark/hot-64", "bare-file/single-64", 3.0),
    more("earmark/hot-64", "earmark/single-64", Some(0.95)),
    more("earmark/single-256", "bare-file/single-256", Some(0.85)),
    later("earmark/single-256", "bare-file/single-256", 3.0),
    more("earmark/single-256", "constant/single-256", None),
    more("bare-log/single-256", "bare-file/single-256", None),
    more("earmark/single-256", "bare-log/single-256", None),
    more("earmark/hot-256", "bare-file/single-256", Some(0.85)),
    more("earmark/bulk-100", "bare-file/bulk-100", Some(0.30)),
    more("earmark/bulk-100", "constant/bulk-100", None),
    more("bare-log/bulk-100", "bare-file/bulk-100", None),
    more("earmark/bulk-100", "bare-log/bulk-100", None),
    more("earmark/zipf-64", "earmark/single-64", None),
    more("earmark/time-ids-64", "earmark/single-64", None),
    more("earmark/single-64", "row-locks/uniform-8", Some(8.0)),
    more("earmark/single-64", "row-locks/uniform-64", Some(8.0)),
    more("earmark/hot-64", "row-locks/hot-8", Some(25.0)),
    more("earmark/hot-64", "row-locks/hot-64", Some(25.0)),
    more("two-nodes/uniform-64", "one-node/uniform-64", Some(0.9)),
    more("two-nodes/hot-64", "one-node/hot-64", Some(0.9)),
    more("two-nodes/uniform-256", "one-node/uniform-256", Some(0.9)),
    more("two-nodes/hot-256", "one-node/hot-256", Some(0.9)),
    more("two-alone/uniform-64", "one-node/uniform-64", None),
    more("two-nodes/uniform-64", "two-alone/uniform-64", None),
    more("two-alone/uniform-256", "one-node/uniform-256", None),
    more("two-nodes/uniform-256", "two-alone/uniform-256", None),
    more("one-node/hot-64", "row-locks/hot-64", Some(10.0)),
    more("two-nodes/hot-64", "row-locks/hot-64", Some(10.0)),
    more("earmark/single-64", "redis-lua/always", Some(1.0)),
    more("earmark/bulk-100", "redis-lua/always-by-16", Some(1.0)),
    more("in-process/parts", "in-process/bare-file", None),
    more("in-process/bus", "in-process/bare-file", Some(0.4)),
    more("earmark/replay", "in-process/bare-file", Some(0.4)),
];

/// A ratio as it came out.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Ratio {
    pub name: String,
    pub median: f64,
    /// Of all rounds.
    pub least: f64,
    pub most: f64,
    pub goal: Option<f64>,
    /// The smaller, the better: latencies.
    pub less_is_better: bool,
}

impl Ratio {
    /// Whether the goal is reached, if there is one.
    pub fn is_reached(&self) -> Option<bool> {
        let goal = self.goal?;
        Some(if self.less_is_better { self.median <= goal } else { self.median >= goal })
    }
}

/// All that the points give.
pub fn ratios(points: &[PointResult]) -> Vec<Ratio> {
    WANTED.iter().filter_map(|wanted| ratio(wanted, points)).collect()
}

fn ratio(wanted: &Wanted, points: &[PointResult]) -> Option<Ratio> {
    let of = |name: &str| points.iter().find(|point| point.name == name);
    let (point, to) = (of(wanted.point)?, of(wanted.to)?);
    let rounds = point.rounds.iter().zip(&to.rounds);
    let each = rounds.map(|(point, to)| match wanted.of {
        Of::Throughput => Some(point.per_second / to.per_second),
        Of::P99 => Some(point.p99_ms? / to.p99_ms?),
    });
    let each = each.collect::<Option<Vec<f64>>>()?;
    let (least, most) = bounds(&each);
    let what = if wanted.of == Of::P99 { ", p99" } else { "" };
    Some(Ratio {
        name: format!("{} to {}{what}", wanted.point, wanted.to),
        median: median(each),
        least,
        most,
        goal: wanted.goal,
        less_is_better: wanted.of == Of::P99,
    })
}
