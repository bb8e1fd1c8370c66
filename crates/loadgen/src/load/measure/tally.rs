//! Counts of responses, and their latencies.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::client::Checked;

/// Latencies are recorded in microseconds, with three significant digits, up to this.
const LATENCY_MAX_US: u64 = 120_000_000;

/// Responses to requests whose intended send time lies in the measured time.
#[derive(Clone, Debug)]
pub struct Tally {
    from: Instant,
    until: Instant,
    /// Of what is asked for: writes.
    pub latency: Histogram<u64>,
    /// Latencies of reads.
    pub reads: Histogram<u64>,
    pub lines: u64,
    /// Expected responses by kind.
    pub answers: BTreeMap<&'static str, u64>,
    /// Unexpected responses, at any time.
    pub unexpected: BTreeMap<String, u64>,
    last_answer: Instant,
}

/// A response, as it is counted.
pub struct Counted {
    /// When the request was to be sent: any delay after that counts as latency.
    pub intended: Instant,
    pub answered: Instant,
    pub lines: usize,
    pub is_read: bool,
}

impl Tally {
    /// Measures requests to be sent at or after `from` and before `until`.
    pub fn between(from: Instant, until: Instant) -> Self {
        let empty = || Histogram::new_with_max(LATENCY_MAX_US, 3).expect("constants that fit");
        Self {
            from,
            until,
            latency: empty(),
            reads: empty(),
            lines: 0,
            answers: BTreeMap::new(),
            unexpected: BTreeMap::new(),
            last_answer: from,
        }
    }

    /// Counts a response.
    pub fn count(&mut self, checked: Checked, counted: &Counted) {
        let kind = match checked {
            Ok(kind) => kind,
            Err(response) => return self.unexpected(response),
        };
        if counted.intended < self.from || counted.intended >= self.until {
            return;
        }
        let latency = counted.answered.saturating_duration_since(counted.intended);
        let latency = u64::try_from(latency.as_micros()).unwrap_or(LATENCY_MAX_US);
        let histogram = if counted.is_read { &mut self.reads } else { &mut self.latency };
        histogram.saturating_record(latency.clamp(1, LATENCY_MAX_US));
        self.lines += counted.lines as u64;
        self.last_answer = self.last_answer.max(counted.answered);
        *self.answers.entry(kind).or_default() += 1;
    }

    /// Counts something unexpected.
    pub fn unexpected(&mut self, response: String) {
        // Texts that each contain another id would fill the memory.
        let response = if self.unexpected.len() < 20 { response } else { "others".to_owned() };
        *self.unexpected.entry(response).or_default() += 1;
    }

    /// Requests with the expected response.
    pub fn requests(&self) -> u64 {
        self.latency.len() + self.reads.len()
    }

    /// Sets the measured time.
    pub fn set_time(&mut self, time: Duration) {
        self.until = self.from + time;
        self.last_answer = self.from;
    }

    /// The measured time, extended to the last response if that came later.
    pub fn time(&self) -> Duration {
        self.until.max(self.last_answer) - self.from
    }
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    pub(in crate::load) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| milliseconds(histogram.value_at_quantile(quantile));
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: milliseconds(histogram.max()),
        }
    }
}

fn milliseconds(us: u64) -> f64 {
    f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Counted, Latency, Tally};
    use crate::clock::now;

    #[test]
    fn every_request_due_in_the_measured_time_counts_and_no_other() {
        let from = now();
        let at = |ms: u64| from + Duration::from_millis(ms);
        let mut tally = Tally::between(at(100), at(200));
        let mut count = |intended, answered| {
            let counted = Counted {
                intended: at(intended),
                answered: at(answered),
                lines: 2,
                is_read: false,
            };
            tally.count(Ok("placed"), &counted);
        };
        count(99, 150);
        count(100, 101);
        count(199, 499);
        count(200, 201);
        assert_eq!((tally.requests(), tally.lines), (2, 4));
        assert_eq!(tally.time(), Duration::from_millis(399));
        let latency = Latency::of(&tally.latency);
        assert!((latency.p50 - 1.0).abs() < 0.01 && (latency.max - 300.0).abs() < 0.5);
    }

    #[test]
    fn unexpected_responses_count_at_any_time() {
        let from = now();
        let mut tally = Tally::between(from, from + Duration::from_secs(1));
        let early = from - Duration::from_millis(10);
        let counted = Counted { intended: early, answered: from, lines: 1, is_read: false };
        tally.count(Err("503".to_owned()), &counted);
        assert_eq!((tally.unexpected["503"], tally.requests()), (1, 0));
    }
}
