//! When the next request is sent: after the last answer, or when its time has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::moment::{hold, now, thread};

/// The thread that paces looks up no more often than this: so late a request may be sent, and so
/// much it adds to latency.
const TICK: Duration = Duration::from_micros(250);

/// When requests are sent.
#[derive(Clone, Debug)]
pub enum Pace {
    /// As soon as the last one is answered.
    Closed { until: Instant },
    /// When its time has come, whatever became of those before.
    Open(Arc<Arrivals>),
}

impl Pace {
    /// When the next request was meant to be sent; none when there is no more.
    pub async fn next(&self) -> Option<Instant> {
        match self {
            Self::Closed { until } => Some(now()).filter(|now| now < until),
            Self::Open(arrivals) => arrivals.next().await,
        }
    }
}

/// Requests that come at a rate. Whichever connection is free takes the next one; if none is, it
/// waits, and its latency counts from when it came: no omission is coordinated with the server.
#[derive(Debug)]
pub struct Arrivals {
    begin: Instant,
    rate: u32,
    total: u64,
    /// Latest by this moment no more is sent.
    give_up: Instant,
    due: Semaphore,
    taken: AtomicU64,
}

impl Arrivals {
    /// `rate` a second, from `begin` for `time`; what is not sent `grace` after that never is.
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

    /// Requests that never were sent, because none of those before was answered.
    pub fn unsent(&self) -> u64 {
        self.total - self.taken.load(Ordering::Acquire).min(self.total)
    }

    async fn next(&self) -> Option<Instant> {
        // It is closed when the last one was let go and taken, or when it is given up.
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.fetch_add(1, Ordering::AcqRel);
        (number < self.total).then(|| self.intended(number))
    }

    fn intended(&self, number: u64) -> Instant {
        let nanos = u128::from(number) * NANOS / u128::from(self.rate);
        self.begin + Duration::from_nanos(u64::try_from(nanos).expect("no run is that long"))
    }

    /// Requests whose time has come so long after the begin.
    fn due_after(&self, time: Duration) -> u64 {
        let due = time.as_nanos() * u128::from(self.rate) / NANOS + 1;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.total)
    }

    fn pace(&self) {
        let mut let_go = 0;
        while let_go < self.total {
            let now = now();
            let due = match now.checked_duration_since(self.begin) {
                Some(time) => self.due_after(time),
                None => 0,
            };
            self.due.add_permits(usize::try_from(due - let_go).expect("a few"));
            let_go = due;
            hold(self.intended(let_go).saturating_duration_since(now).max(TICK));
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
    use crate::bench::moment::now;

    #[test]
    fn each_request_has_its_own_moment() {
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
    async fn requests_come_by_the_clock_and_then_end() {
        let begin = now();
        let arrivals =
            Arrivals::begin(begin, Duration::from_millis(50), 1_000, Duration::from_secs(5));
        let pace = Pace::Open(arrivals.clone());
        let mut intended = Vec::new();
        while let Some(moment) = pace.next().await {
            assert!(moment <= now(), "none is sent before its time");
            intended.push(moment);
        }
        let expected: Vec<_> = (0..50).map(|ms| begin + Duration::from_millis(ms)).collect();
        assert_eq!(intended, expected);
        assert_eq!(arrivals.unsent(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_given_up_and_counted() {
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
