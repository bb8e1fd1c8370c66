//! How long views held the writer up, as the server's own histograms tell it.

use serde::Serialize;

use super::connection::Connection;
use super::requests::get;
use super::target::Target;
use crate::error::CliError;

/// The writer waited for views that are behind, or to load an aggregate while they are flushed.
const HISTOGRAMS: [&str; 2] = ["earmark_wait_for_views_seconds", "earmark_load_seconds"];
/// Flushing may hold up a commit for so long.
const BOUND_S: f64 = 0.005;

/// How often views held the writer up, by how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HoldUps {
    /// So many took at most so many seconds, and more than the bound before.
    pub histogram: Vec<(f64, u64)>,
    /// Took longer than 5 ms.
    pub over_5_ms: u64,
}

impl HoldUps {
    /// Asks the server.
    pub async fn ask(target: &Target) -> Result<Self, CliError> {
        let mut connection = Connection::open(target.address).await?;
        let answer = connection.ask(&get(&target.host, "/metrics")).await?;
        Ok(Self::of(&String::from_utf8_lossy(answer.body)))
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

    /// For people: `<= 0.1 ms: 12, …`, where there were any.
    pub fn shown(&self) -> String {
        let some = self.histogram.iter().filter(|(_, count)| *count > 0);
        let shown = some.map(|(bound, count)| format!("<= {} ms: {count}", bound * 1_000.0));
        let shown: Vec<String> = shown.collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    }
}

/// A line of a histogram: seconds at most, and how many took no longer.
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
    use super::HoldUps;

    #[test]
    fn both_histograms_are_added_and_told_apart_by_how_long() {
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
        let held = HoldUps::of(metrics);
        assert_eq!(held.histogram, [(0.001, 7), (0.005, 5), (f64::INFINITY, 1)]);
        assert_eq!(held.over_5_ms, 1);
        assert!(held.shown().starts_with("<= 1 ms: 7, <= 5 ms: 5, "), "{}", held.shown());
        assert_eq!(HoldUps::of("").shown(), "none");
    }
}
