//! The id port: the only way in which the kernel creates unique ids.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A source of unique ids.
pub trait Ids: Send + Sync {
    /// A new id that was never returned before.
    fn next(&self) -> Uuid;
}

/// UUIDs of version 7 (RFC 9562): globally unique, ordered by creation time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place where random ids are created")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Ids counted up from a seed. The same seed gives the same ids in the same order.
#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    count: AtomicU64,
}

impl SeededIds {
    /// A source whose ids combine `seed` with a counter that starts at 1.
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
