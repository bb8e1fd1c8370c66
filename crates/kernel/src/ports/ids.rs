//! Ids as an argument: the one seam through which unique ids are made.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// Where ids come from.
pub trait Ids: Send + Sync {
    /// An id that was never given before.
    fn next(&self) -> Uuid;
}

/// UUIDs of version 7 (RFC 9562): unique over all machines, ordered by time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the seam through which ids come in")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Ids counted up from a seed: the same seed gives the same ids in the same order.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    count: AtomicU64,
}

impl SeededIds {
    /// Ids that begin at one for `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }
}

impl Ids for SeededIds {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(self.seed, self.count.fetch_add(1, Ordering::SeqCst) + 1)
    }
}
