//! The limits of a partition: queue, group, memory and snapshots.

/// The limits of one partition.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of queued commands; further ones fail with [`crate::Failure::Busy`].
    pub queue_commands: usize,
    /// Maximum number of commands decided and committed together.
    pub group_commands: usize,
    /// Number of aggregates in the writer's memory above which those that the latest groups did not
    /// use are evicted.
    pub aggregates: usize,
    /// Number of events since the last snapshot after which an aggregate is snapshotted, or half of
    /// its version if that is more.
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
