//! What is counted while requests are answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::expected::Seen;

/// Latencies are kept in microseconds, to three digits, up to this.
const LATENCY_MAX_US: u64 = 120_000_000;

/// What was answered to requests that were meant to be sent in the time that is measured.
#[derive(Clone, Debug)]
pub struct Tally {
    from: Instant,
    until: Instant,
    /// Of what is asked for: writes.
    pub latency: Histogram<u64>,
    /// Of what is looked at beside.
    pub reads: Histogram<u64>,
    pub lines: u64,
    /// How many answers of each kind there were.
    pub answers: BTreeMap<&'static str, u64>,
    /// What was not expected, at any time.
    pub unexpected: BTreeMap<String, u64>,
    last_answer: Instant,
}

/// An answer, as it is counted.
pub struct Counted {
    /// When the request was meant to be sent: what held it up after that is latency, too.
    pub intended: Instant,
    pub answered: Instant,
    pub lines: usize,
    pub is_read: bool,
}

impl Tally {
    /// Measures requests that are meant to be sent from `from` on and before `until`.
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

    /// Counts an answer.
    pub fn count(&mut self, seen: Seen, counted: &Counted) {
        let kind = match seen {
            Ok(kind) => kind,
            Err(told) => return self.wrong(told),
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

    /// Counts what must not be.
    pub fn wrong(&mut self, told: String) {
        // Texts that differ in a name each would fill the memory.
        let told = if self.unexpected.len() < 20 { told } else { "others".to_owned() };
        *self.unexpected.entry(told).or_default() += 1;
    }

    /// Requests that were answered as expected.
    pub fn requests(&self) -> u64 {
        self.latency.len() + self.reads.len()
    }

    /// Only this much of the time counts.
    pub fn only(&mut self, time: Duration) {
        self.until = self.from + time;
        self.last_answer = self.from;
    }

    /// How long that took: until the last answer, if that came late.
    pub fn time(&self) -> Duration {
        self.until.max(self.last_answer) - self.from
    }
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

impl Latency {
    pub fn of(histogram: &Histogram<u64>) -> Self {
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
    use crate::bench::moment::now;

    #[test]
    fn only_what_was_meant_to_be_sent_in_time_is_measured_but_all_of_that() {
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
    fn what_is_unexpected_counts_at_any_time() {
        let from = now();
        let mut tally = Tally::between(from, from + Duration::from_secs(1));
        let early = from - Duration::from_millis(10);
        let counted = Counted { intended: early, answered: from, lines: 1, is_read: false };
        tally.count(Err("503".to_owned()), &counted);
        assert_eq!((tally.unexpected["503"], tally.requests()), (1, 0));
    }
}
