//! When the next request is sent: after the last response, or on a schedule.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::clock::{hold, now, thread};

/// Resolution of the pacing thread: a request is sent at most this late, which counts as latency.
const TICK: Duration = Duration::from_micros(250);

/// When requests are sent.
#[derive(Clone, Debug)]
pub enum Pace {
    /// Closed loop: as soon as the last response arrived.
    Closed { until: Instant },
    /// Open loop: on a schedule, independent of earlier responses.
    Open(Arc<Arrivals>),
}

impl Pace {
    /// The intended time of the next request; none when there are no more.
    pub async fn next(&self) -> Option<Instant> {
        match self {
            Self::Closed { until } => Some(now()).filter(|now| now < until),
            Self::Open(arrivals) => arrivals.next().await,
        }
    }
}

/// Requests that are due at a rate. The next free connection takes one; while none is free, it
/// waits, and its latency counts from when it was due. This avoids coordinated omission.
#[derive(Debug)]
pub struct Arrivals {
    begin: Instant,
    rate: u32,
    total: u64,
    /// Nothing is sent after this moment.
    give_up: Instant,
    due: Semaphore,
    taken: AtomicU64,
}

impl Arrivals {
    /// `rate` per second, from `begin` for `time`; nothing is sent later than `grace` after that.
    pub fn begin(begin: Instant, time: Duration, rate: u32, grace: Duration) -> Arc<Self> {
        let total = time.as_nanos() * u128::from(rate) / NANOS;
        let arrivals = Arc::new(Self {
            begin,
            rate,
            total: u64::try_from(total).expect("no run is that long"),
            give_up: begin + time + grace,
            due: Semaphore::new(0),
            taken: AtomicU64::new(0),
        });
        let paced = Arc::clone(&arrivals);
        thread(move || paced.pace());
        arrivals
    }

    /// Requests that were never sent, because every connection was busy.
    pub fn unsent(&self) -> u64 {
        self.total - self.taken.load(Ordering::Acquire).min(self.total)
    }

    async fn next(&self) -> Option<Instant> {
        // Closed after the last request was taken, or when the rest is given up.
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.fetch_add(1, Ordering::AcqRel);
        (number < self.total).then(|| self.intended(number))
    }

    fn intended(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * NANOS / u128::from(self.rate);
        self.begin + Duration::from_nanos(u64::try_from(nanos).expect("no run is that long"))
    }

    /// Requests that are due at this time after the beginning.
    fn due_after(&self, time: Duration) -> u64 {
        let due = time.as_nanos() * u128::from(self.rate) / NANOS + 1;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.total)
    }

    fn pace(&self) {
        let mut released = 0;
        while released < self.total {
            let now = now();
            let due = match now.checked_duration_since(self.begin) {
                Some(time) => self.due_after(time),
                None => 0,
            };
            self.due.add_permits(usize::try_from(due - released).expect("a few"));
            released = due;
            hold(self.intended(released).saturating_duration_since(now).max(TICK));
        }
        while now() < self.give_up && self.taken.load(Ordering::Acquire) < self.total {
            hold(TICK * 8);
        }
        self.due.close();
    }
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Arrivals, Pace};
    use crate::clock::now;

    #[test]
    fn each_request_has_its_own_time() {
        let begin = now();
        let second = Duration::from_secs(1);
        let arrivals = Arrivals::begin(begin + second * 3600, second * 2, 3_000, second);
        assert_eq!(arrivals.total, 6_000);
        let begin = arrivals.begin;
        assert_eq!(arrivals.intended(0), begin);
        assert_eq!(arrivals.intended(1_500), begin + second / 2);
        assert_eq!(arrivals.due_after(Duration::ZERO), 1);
        assert_eq!(arrivals.due_after(second), 3_001);
        assert_eq!(arrivals.due_after(second * 9), 6_000);
    }

    #[tokio::test]
    async fn requests_follow_the_schedule_and_end() {
        let begin = now();
        let arrivals =
            Arrivals::begin(begin, Duration::from_millis(50), 1_000, Duration::from_secs(5));
        let pace = Pace::Open(arrivals.clone());
        let mut intended = Vec::new();
        while let Some(moment) = pace.next().await {
            assert!(moment <= now(), "no request is early");
            intended.push(moment);
        }
        let expected: Vec<_> = (0..50).map(|ms| begin + Duration::from_millis(ms)).collect();
        assert_eq!(intended, expected);
        assert_eq!(arrivals.unsent(), 0);
    }

    #[tokio::test]
    async fn unsent_requests_are_counted() {
        let short = Duration::from_millis(10);
        let arrivals = Arrivals::begin(now(), short, 1_000, short);
        let pace = Pace::Open(arrivals.clone());
        assert!(pace.next().await.is_some());
        while !arrivals.due.is_closed() {
            tokio::task::yield_now().await;
        }
        assert!(pace.next().await.is_none());
        assert_eq!(arrivals.unsent(), 9);
    }
}
