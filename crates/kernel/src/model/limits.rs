//! Limits of a partition: queue, group, memory and snapshots.

/// How much a partition takes at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Commands that may wait; more are sent back.
    pub queue_commands: usize,
    /// Commands decided and committed together.
    pub group_commands: usize,
    /// Aggregates kept in memory.
    pub aggregates: usize,
    /// Events after which an aggregate is snapshotted, or half of all it ever had if that is more.
    pub snapshot_events: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_commands: 16_384,
            group_commands: 4_096,
            aggregates: 200_000,
            snapshot_events: 512,
        }
    }
}
