//! The status of the partitions of a process, for health checks and operators.

use serde::Serialize;

use crate::bus::sending::Bus;
use crate::model::outcome::Failure;

/// The status of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The service's name.
    pub service: &'static str,
    /// The partition's index, from 0.
    pub partition: usize,
    /// The sequence number of the last event in the log.
    pub head: u64,
    /// The views reflect the log through this sequence number.
    pub applied: u64,
    /// The views on disk reflect the log through this sequence number.
    pub flushed: u64,
    /// The number of queued commands.
    pub queued: usize,
    /// Why the writer accepts no more commands, if it has stopped.
    pub halted: Option<String>,
}

impl Bus {
    /// The status of all partitions.
    #[must_use]
    pub fn status(&self) -> Vec<PartitionStatus> {
        let partitions = self.services().iter().flat_map(|running| &running.partitions);
        let status = |it: &std::sync::Arc<crate::write::partition::Partition>| PartitionStatus {
            service: it.schema.service,
            partition: it.index,
            head: it.projector.head(),
            applied: it.projector.applied(),
            flushed: it.projector.flushed(),
            queued: it.queue.depth(),
            halted: it.watch_halted().borrow().clone(),
        };
        partitions.map(status).collect()
    }

    /// Writes the changes of the views of all partitions to disk now.
    ///
    /// # Errors
    /// When they cannot be written. The next flush tries again.
    pub fn flush(&self) -> Result<(), Failure> {
        for partition in self.services().iter().flat_map(|running| &running.partitions) {
            partition.projector.flush()?;
        }
        Ok(())
    }

    /// Decides and commits the next group of every partition in this thread, and returns whether
    /// there was one. For simulators, which have no other threads.
    #[must_use]
    pub fn step(&self) -> bool {
        let partitions = self.services().iter().flat_map(|running| &running.partitions);
        let moved: Vec<bool> = partitions.map(|partition| partition.write()).collect();
        moved.contains(&true)
    }
}
