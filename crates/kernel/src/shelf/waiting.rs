//! Who waits for what is to be applied and settled, and how the writer keeps the views in sight.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Follower, lock};

/// Settle when so many events have been applied since the last time.
pub(crate) const SETTLE_AFTER_EVENTS: u64 = 32_768;
/// More unsettled events than this and the writer goes slower.
const UNSETTLED_MANY: u64 = 2 * SETTLE_AFTER_EVENTS;
/// More unsettled events than this and the writer waits until they are settled: memory ends, too.
/// Where the disk is well, only commands of thousands of events each get here.
const UNSETTLED_MAX: u64 = 4 * SETTLE_AFTER_EVENTS;
/// So long it waits for the views after each group when it goes slower, and so many commands a
/// group has then at most (but one job, however large): the more often it waits, the shorter each
/// wait can be.
const EASE: Duration = Duration::from_millis(2);
const GROUP_COMMANDS_AT_EASE: usize = 1_024;

/// The follower's thread is woken for so many events: readers apply fewer by themselves, and many
/// are applied for less each than few.
pub(super) const FOLLOW_AFTER_EVENTS: u64 = 512;

/// How fast the writer may go, by how far behind it the views are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Full,
    /// A short wait after each group.
    Ease,
    /// Not before they are settled.
    Stop,
}

impl Pace {
    fn of(unsettled: u64) -> Self {
        if unsettled <= UNSETTLED_MANY {
            Self::Full
        } else if unsettled <= UNSETTLED_MAX {
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
        Pace::of(self.unsettled())
    }

    /// Waits after a group as the pace demands.
    pub(crate) fn keep_pace(&self, pace: Pace) {
        match pace {
            Pace::Full => {}
            Pace::Ease => {
                let waited = self.settlement.wait_timeout(lock(&self.pending), EASE);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            Pace::Stop => {
                // Most often what is being settled is enough.
                drop(lock(&self.settling));
                while self.pace() == Pace::Stop {
                    if let Err(error) = self.settle() {
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

    /// Waits until so much is applied that it should be settled, if that is looked for, at most
    /// `at_most`. Says whether it is.
    pub(crate) fn wait_to_settle(&self, at_most: Duration, is_looked_for: bool) -> bool {
        let pending = lock(&self.pending);
        if !is_looked_for || !self.is_settling_due() {
            let waited = self.settling_due.wait_timeout(pending, at_most);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        is_looked_for && self.is_settling_due()
    }

    pub(super) fn is_settling_due(&self) -> bool {
        self.applied().saturating_sub(self.settled()) > SETTLE_AFTER_EVENTS
    }
}

#[cfg(test)]
mod tests {
    use super::{GROUP_COMMANDS_AT_EASE, Pace, UNSETTLED_MANY, UNSETTLED_MAX};

    #[test]
    fn the_further_behind_the_views_the_slower_the_writer() {
        let paces = [0, UNSETTLED_MANY, UNSETTLED_MANY + 1, UNSETTLED_MAX, UNSETTLED_MAX + 1];
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
