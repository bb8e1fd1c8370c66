//! Who waits for what is to be applied and flushed, and how the writer keeps the views in sight.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Projector, lock};

/// Flush when so many events have been applied since the last time.
pub(crate) const FLUSH_AFTER_EVENTS: u64 = 32_768;
/// More unflushed events than this and the writer goes slower.
const UNFLUSHED_MANY: u64 = 2 * FLUSH_AFTER_EVENTS;
/// More unflushed events than this and the writer waits until they are flushed: memory ends, too.
/// Where the disk is well, only commands of thousands of events each get here.
const UNFLUSHED_MAX: u64 = 4 * FLUSH_AFTER_EVENTS;
/// So long it waits for the views after each group when it goes slower, and so many commands a
/// group has then at most (but one job, however large): the more often it waits, the shorter each
/// wait can be.
const SLOW_WAIT: Duration = Duration::from_millis(2);
const SLOW_GROUP_COMMANDS_MAX: usize = 1_024;

/// The projector's thread is woken for so many events: readers apply fewer by themselves, and many
/// are applied for less each than few.
pub(super) const PROJECT_AFTER_EVENTS: u64 = 512;

/// How fast the writer may go, by how far behind it the views are flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backpressure {
    None,
    /// A short wait after each group.
    Slow,
    /// Not before they are flushed.
    Stop,
}

impl Backpressure {
    fn of(unflushed: u64) -> Self {
        if unflushed <= UNFLUSHED_MANY {
            Self::None
        } else if unflushed <= UNFLUSHED_MAX {
            Self::Slow
        } else {
            Self::Stop
        }
    }

    /// How many commands the next group may have, of `most`.
    pub(crate) fn group_commands(self, most: usize) -> usize {
        if self == Self::None { most } else { most.min(SLOW_GROUP_COMMANDS_MAX) }
    }
}

impl Projector {
    pub(crate) fn backpressure(&self) -> Backpressure {
        Backpressure::of(self.unflushed())
    }

    /// Waits after a group as the backpressure demands.
    pub(crate) fn apply_backpressure(&self, pressure: Backpressure) {
        match pressure {
            Backpressure::None => {}
            Backpressure::Slow => {
                let waited = self.flush_ended.wait_timeout(lock(&self.pending), SLOW_WAIT);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            Backpressure::Stop => {
                // Most often what is being flushed is enough.
                drop(lock(&self.flushing));
                while self.backpressure() == Backpressure::Stop {
                    if let Err(error) = self.flush() {
                        tracing::warn!(%error, "the views cannot keep up with the log");
                        return self.apply_backpressure(Backpressure::Slow);
                    }
                }
            }
        }
    }

    /// Waits until so much was committed that it is to be applied, at most `at_most`.
    pub(crate) fn wait(&self, at_most: Duration) {
        let pending = lock(&self.pending);
        if self.head().saturating_sub(self.applied()) < PROJECT_AFTER_EVENTS {
            let waited = self.arrived.wait_timeout(pending, at_most);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits until so much is applied that it should be flushed, if that is looked for, at most
    /// `at_most`. Says whether it is.
    pub(crate) fn wait_to_flush(&self, at_most: Duration, is_looked_for: bool) -> bool {
        let pending = lock(&self.pending);
        if !is_looked_for || !self.is_flushing_due() {
            let waited = self.flushing_due.wait_timeout(pending, at_most);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        is_looked_for && self.is_flushing_due()
    }

    pub(super) fn is_flushing_due(&self) -> bool {
        self.applied().saturating_sub(self.flushed()) > FLUSH_AFTER_EVENTS
    }
}

#[cfg(test)]
mod tests {
    use super::{Backpressure, SLOW_GROUP_COMMANDS_MAX, UNFLUSHED_MANY, UNFLUSHED_MAX};

    #[test]
    fn the_further_behind_the_views_the_slower_the_writer() {
        let paces = [0, UNFLUSHED_MANY, UNFLUSHED_MANY + 1, UNFLUSHED_MAX, UNFLUSHED_MAX + 1];
        let paces = paces.map(Backpressure::of);
        assert_eq!(
            paces,
            [
                Backpressure::None,
                Backpressure::None,
                Backpressure::Slow,
                Backpressure::Slow,
                Backpressure::Stop
            ]
        );
    }

    #[test]
    fn groups_are_small_while_the_views_are_behind() {
        for (pace, most, commands) in [
            (Backpressure::None, 4_096, 4_096),
            (Backpressure::Slow, 4_096, SLOW_GROUP_COMMANDS_MAX),
            (Backpressure::Slow, 2, 2),
            (Backpressure::Stop, 4_096, SLOW_GROUP_COMMANDS_MAX),
        ] {
            assert_eq!(pace.group_commands(most), commands);
        }
    }
}
