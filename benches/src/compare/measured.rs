//! What one run of one point gave.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one run of one point gave.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Measured {
    /// Lines or transactions a second.
    pub per_second: f64,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Processor time of the server for a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<f64>,
    /// The same by its parts: threads, by what their names begin with; or, for a line, what was
    /// done.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cpu_us_by_part: BTreeMap<String, f64>,
    /// The most memory the server ever had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss_mib: Option<f64>,
    /// The most events that views were behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_events: Option<f64>,
    /// How often views held the writer up for more than 5 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_over_5_ms: Option<f64>,
}
