//! Backpressure: limits the writer when flushing the views falls behind the log.

use std::time::Duration;

/// Number of applied events since the last flush after which the next flush is due.
pub(crate) const FLUSH_AFTER_EVENTS: u64 = 32_768;
/// Number of unflushed events above which the writer slows down.
const UNFLUSHED_MANY: u64 = 2 * FLUSH_AFTER_EVENTS;
/// Number of unflushed events above which the writer waits for a flush, because unflushed events
/// stay in memory. With a healthy disk, only commands with thousands of events each get here.
const UNFLUSHED_MAX: u64 = 4 * FLUSH_AFTER_EVENTS;
/// How long a slowed-down writer waits after each group, at most.
pub(super) const SLOW_WAIT: Duration = Duration::from_millis(2);
/// Maximum number of commands in a group of a slowed-down writer (a single larger job is still
/// decided whole). Small groups mean frequent waits, so each wait can be short.
const SLOW_GROUP_COMMANDS_MAX: usize = 1_024;

/// How much the writer is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backpressure {
    None,
    /// The writer waits shortly after each group.
    Slow,
    /// The writer waits until enough is flushed.
    Stop,
}

impl Backpressure {
    pub(super) fn for_unflushed(unflushed: u64) -> Self {
        if unflushed <= UNFLUSHED_MANY {
            Self::None
        } else if unflushed <= UNFLUSHED_MAX {
            Self::Slow
        } else {
            Self::Stop
        }
    }

    /// The maximum number of commands in the next group, at most `commands_max`.
    pub(crate) fn group_commands(self, commands_max: usize) -> usize {
        if self == Self::None { commands_max } else { commands_max.min(SLOW_GROUP_COMMANDS_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Backpressure, SLOW_GROUP_COMMANDS_MAX, UNFLUSHED_MANY, UNFLUSHED_MAX};

    #[test]
    fn backpressure_grows_with_the_number_of_unflushed_events() {
        let levels = [0, UNFLUSHED_MANY, UNFLUSHED_MANY + 1, UNFLUSHED_MAX, UNFLUSHED_MAX + 1];
        let levels = levels.map(Backpressure::for_unflushed);
        assert_eq!(
            levels,
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
    fn groups_are_limited_under_backpressure() {
        for (level, commands_max, commands) in [
            (Backpressure::None, 4_096, 4_096),
            (Backpressure::Slow, 4_096, SLOW_GROUP_COMMANDS_MAX),
            (Backpressure::Slow, 2, 2),
            (Backpressure::Stop, 4_096, SLOW_GROUP_COMMANDS_MAX),
        ] {
            assert_eq!(level.group_commands(commands_max), commands);
        }
    }
}
