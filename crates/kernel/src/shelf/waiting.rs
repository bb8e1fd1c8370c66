//! Who waits for what is to be applied and flushed, and how the writer keeps the views in sight.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Follower, lock};

/// Flush when so many events have been applied since the last time.
pub(crate) const FLUSH_AFTER_EVENTS: u64 = 32_768;
/// More unflushed events than this and the writer goes slower.
const UNFLUSHD_MANY: u64 = 2 * FLUSH_AFTER_EVENTS;
/// More unflushed events than this and the writer waits until they are flushed: memory ends, too.
/// Where the disk is well, only commands of thousands of events each get here.
const UNFLUSHD_MAX: u64 = 4 * FLUSH_AFTER_EVENTS;
/// So long it waits for the views after each group when it goes slower, and so many commands a
/// group has then at most (but one job, however large): the more often it waits, the shorter each
/// wait can be.
const EASE: Duration = Duration::from_millis(2);
const GROUP_COMMANDS_AT_EASE: usize = 1_024;

/// The follower's thread is woken for so many events: readers apply fewer by themselves, and many
/// are applied for less each than few.
pub(super) const FOLLOW_AFTER_EVENTS: u64 = 512;

/// How fast the writer may go, by how far behind it the views are flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Full,
    /// A short wait after each group.
    Ease,
    /// Not before they are flushed.
    Stop,
}

impl Pace {
    fn of(unflushed: u64) -> Self {
        if unflushed <= UNFLUSHD_MANY {
            Self::Full
        } else if unflushed <= UNFLUSHD_MAX {
            Self::Ease
        } else {
            Self::Stop
        }
    }

    /// How many commands the next group may have, of `most`.
    pub(crate) fn group_commands(self, most: usize) -> usize {
        if self == Self::Full { most } else { most.min(GROUP_COMMANDS_AT_EASE) }
    }
}

impl Follower {
    pub(crate) fn pace(&self) -> Pace {
        Pace::of(self.unflushed())
    }

    /// Waits after a group as the pace demands.
    pub(crate) fn keep_pace(&self, pace: Pace) {
        match pace {
            Pace::Full => {}
            Pace::Ease => {
                let waited = self.flush_ended.wait_timeout(lock(&self.pending), EASE);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            Pace::Stop => {
                // Most often what is being flushed is enough.
                drop(lock(&self.flushing));
                while self.pace() == Pace::Stop {
                    if let Err(error) = self.flush() {
                        tracing::warn!(%error, "the views cannot keep up with the log");
                        return self.keep_pace(Pace::Ease);
                    }
                }
            }
        }
    }

    /// Waits until so much was committed that it is to be applied, at most `at_most`.
    pub(crate) fn wait(&self, at_most: Duration) {
        let pending = lock(&self.pending);
        if self.head().saturating_sub(self.applied()) < FOLLOW_AFTER_EVENTS {
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
    use super::{GROUP_COMMANDS_AT_EASE, Pace, UNFLUSHD_MANY, UNFLUSHD_MAX};

    #[test]
    fn the_further_behind_the_views_the_slower_the_writer() {
        let paces = [0, UNFLUSHD_MANY, UNFLUSHD_MANY + 1, UNFLUSHD_MAX, UNFLUSHD_MAX + 1];
        let paces = paces.map(Pace::of);
        assert_eq!(paces, [Pace::Full, Pace::Full, Pace::Ease, Pace::Ease, Pace::Stop]);
    }

    #[test]
    fn groups_are_small_while_the_views_are_behind() {
        for (pace, most, commands) in [
            (Pace::Full, 4_096, 4_096),
            (Pace::Ease, 4_096, GROUP_COMMANDS_AT_EASE),
            (Pace::Ease, 2, 2),
            (Pace::Stop, 4_096, GROUP_COMMANDS_AT_EASE),
        ] {
            assert_eq!(pace.group_commands(most), commands);
        }
    }
}
