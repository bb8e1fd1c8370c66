//! How long views delayed the writer, from the server's own histograms.

use serde::Serialize;

use crate::error::Error;
use crate::load::client::{Connection, get};
use crate::load::plan::Target;

/// Waits of the writer: for views that are behind, and for aggregates while views are flushed.
const HISTOGRAMS: [&str; 2] = ["earmark_wait_for_views_seconds", "earmark_load_seconds"];
/// A flush may delay a commit by at most this.
const BOUND_S: f64 = 0.005;

/// How often views delayed the writer, by duration.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ViewWaits {
    /// Upper bound in seconds, and the number of delays up to it and above the bound before.
    pub histogram: Vec<(f64, u64)>,
    /// Delays longer than 5 ms.
    pub over_5_ms: u64,
}

impl ViewWaits {
    /// Reads the metrics of the server.
    pub(in crate::load) async fn read(target: &Target) -> Result<Self, Error> {
        let mut connection = Connection::open(target.address).await?;
        let response = connection.send(&get(&target.host, "/metrics")).await?;
        Ok(Self::of(&String::from_utf8_lossy(response.body)))
    }

    fn of(metrics: &str) -> Self {
        let mut cumulative: Vec<(f64, u64)> = Vec::new();
        for (bound, count) in metrics.lines().filter_map(bucket) {
            match cumulative.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                Some((_, sum)) => *sum += count,
                None => cumulative.push((bound, count)),
            }
        }
        cumulative.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = 0;
        let mut histogram = Vec::new();
        for (bound, count) in cumulative {
            histogram.push((bound, count - below));
            below = count;
        }
        let long = histogram.iter().filter(|(bound, _)| *bound > BOUND_S);
        Self { over_5_ms: long.map(|(_, count)| count).sum(), histogram }
    }
}

/// A bucket of a histogram: its upper bound in seconds, and its cumulative count.
fn bucket(line: &str) -> Option<(f64, u64)> {
    let (name, rest) = line.split_once("_bucket{")?;
    if !HISTOGRAMS.contains(&name) {
        return None;
    }
    let (labels, count) = rest.rsplit_once("} ")?;
    let bound = labels.split_once("le=\"")?.1.split('"').next()?;
    let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
    Some((bound, count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::ViewWaits;

    #[test]
    fn both_histograms_are_added_by_bucket() {
        let metrics = "\
# TYPE earmark_load_seconds histogram
earmark_load_seconds_bucket{service=\"allocation\",le=\"0.001\"} 7
earmark_load_seconds_bucket{service=\"allocation\",le=\"0.005\"} 9
earmark_load_seconds_bucket{service=\"allocation\",le=\"+Inf\"} 10
earmark_commit_seconds_bucket{service=\"allocation\",le=\"+Inf\"} 99
earmark_wait_for_views_seconds_bucket{service=\"allocation\",le=\"0.001\"} 0
earmark_wait_for_views_seconds_bucket{service=\"allocation\",le=\"0.005\"} 3
earmark_wait_for_views_seconds_bucket{service=\"allocation\",le=\"+Inf\"} 3
";
        let held = ViewWaits::of(metrics);
        assert_eq!(held.histogram, [(0.001, 7), (0.005, 5), (f64::INFINITY, 1)]);
        assert_eq!(held.over_5_ms, 1);
        assert_eq!(ViewWaits::of(""), ViewWaits::default());
    }
}
