//! Backpressure: how fast the writer may go, by how far behind it the views are flushed.

use std::time::Duration;

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
pub(super) const SLOW_WAIT: Duration = Duration::from_millis(2);
const SLOW_GROUP_COMMANDS_MAX: usize = 1_024;

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
    pub(super) fn of(unflushed: u64) -> Self {
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
