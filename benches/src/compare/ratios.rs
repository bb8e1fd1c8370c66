//! Ratios of two points in the same round, so that the speed of the machine cancels out.

use serde::{Deserialize, Serialize};

use super::point_result::PointResult;
use super::statistics::{bounds, median};

/// The measurement that is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Throughput,
    P99,
}

/// A ratio of two points, and its goal, if there is one.
struct RatioSpec {
    metric: Metric,
    point: &'static str,
    to: &'static str,
    goal: Option<f64>,
}

const fn throughput(point: &'static str, to: &'static str, goal: Option<f64>) -> RatioSpec {
    RatioSpec { metric: Metric::Throughput, point, to, goal }
}

const fn latency(point: &'static str, to: &'static str, goal: f64) -> RatioSpec {
    RatioSpec { metric: Metric::P99, point, to, goal: Some(goal) }
}

const RATIOS: [RatioSpec; 40] = [
    throughput("earmark/single-64", "bare-file/single-64", Some(0.85)),
    latency("earmark/single-64", "bare-file/single-64", 3.0),
    throughput("earmark/single-64", "constant/single-64", None),
    throughput("bare-log/single-64", "bare-file/single-64", None),
    throughput("earmark/single-64", "bare-log/single-64", None),
    throughput("bare-file/single-64", "constant/single-64", None),
    throughput("earmark/hot-64", "bare-file/single-64", Some(0.85)),
    latency("earmark/hot-64", "bare-file/single-64", 3.0),
    throughput("earmark/hot-64", "earmark/single-64", Some(0.95)),
    throughput("earmark/single-256", "bare-file/single-256", Some(0.85)),
    latency("earmark/single-256", "bare-file/single-256", 3.0),
    throughput("earmark/single-256", "constant/single-256", None),
    throughput("bare-log/single-256", "bare-file/single-256", None),
    throughput("earmark/single-256", "bare-log/single-256", None),
    throughput("earmark/hot-256", "bare-file/single-256", Some(0.85)),
    throughput("earmark/bulk-100", "bare-file/bulk-100", Some(0.30)),
    throughput("earmark/bulk-100", "constant/bulk-100", None),
    throughput("bare-log/bulk-100", "bare-file/bulk-100", None),
    throughput("earmark/bulk-100", "bare-log/bulk-100", None),
    throughput("earmark/zipf-64", "earmark/single-64", None),
    throughput("earmark/time-ids-64", "earmark/single-64", None),
    throughput("earmark/single-64", "row-locks/uniform-8", Some(8.0)),
    throughput("earmark/single-64", "row-locks/uniform-64", Some(8.0)),
    throughput("earmark/hot-64", "row-locks/hot-8", Some(25.0)),
    throughput("earmark/hot-64", "row-locks/hot-64", Some(25.0)),
    throughput("two-nodes/uniform-64", "one-node/uniform-64", Some(0.9)),
    throughput("two-nodes/hot-64", "one-node/hot-64", Some(0.9)),
    throughput("two-nodes/uniform-256", "one-node/uniform-256", Some(0.9)),
    throughput("two-nodes/hot-256", "one-node/hot-256", Some(0.9)),
    throughput("two-alone/uniform-64", "one-node/uniform-64", None),
    throughput("two-nodes/uniform-64", "two-alone/uniform-64", None),
    throughput("two-alone/uniform-256", "one-node/uniform-256", None),
    throughput("two-nodes/uniform-256", "two-alone/uniform-256", None),
    throughput("one-node/hot-64", "row-locks/hot-64", Some(10.0)),
    throughput("two-nodes/hot-64", "row-locks/hot-64", Some(10.0)),
    throughput("earmark/single-64", "redis-lua/always", Some(1.0)),
    throughput("earmark/bulk-100", "redis-lua/always-by-16", Some(1.0)),
    throughput("in-process/parts", "in-process/bare-file", None),
    throughput("in-process/bus", "in-process/bare-file", Some(0.4)),
    throughput("earmark/replay", "in-process/bare-file", Some(0.4)),
];

/// A measured ratio.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Ratio {
    pub name: String,
    pub median: f64,
    /// Minimum of all rounds.
    pub least: f64,
    /// Maximum of all rounds.
    pub most: f64,
    pub goal: Option<f64>,
    /// A smaller ratio is better, as for latencies.
    pub less_is_better: bool,
}

impl Ratio {
    /// Whether the goal is reached; `None` without a goal.
    pub fn is_reached(&self) -> Option<bool> {
        let goal = self.goal?;
        Some(if self.less_is_better { self.median <= goal } else { self.median >= goal })
    }
}

/// All ratios for which both points were measured.
pub fn ratios(points: &[PointResult]) -> Vec<Ratio> {
    RATIOS.iter().filter_map(|spec| ratio(spec, points)).collect()
}

fn ratio(spec: &RatioSpec, points: &[PointResult]) -> Option<Ratio> {
    let of = |name: &str| points.iter().find(|point| point.name == name);
    let (point, to) = (of(spec.point)?, of(spec.to)?);
    let rounds = point.rounds.iter().zip(&to.rounds);
    let each = rounds.map(|(point, to)| match spec.metric {
        Metric::Throughput => Some(point.per_second / to.per_second),
        Metric::P99 => Some(point.p99_ms? / to.p99_ms?),
    });
    let each = each.collect::<Option<Vec<f64>>>()?;
    let (least, most) = bounds(&each);
    let what = if spec.metric == Metric::P99 { ", p99" } else { "" };
    Some(Ratio {
        name: format!("{} to {}{what}", spec.point, spec.to),
        median: median(each),
        least,
        most,
        goal: spec.goal,
        less_is_better: spec.metric == Metric::P99,
    })
}
