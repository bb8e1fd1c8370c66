//! How the partitions of a process are doing, for health checks and operators.

use serde::Serialize;

use crate::bus::sending::Bus;
use crate::model::outcome::Failure;

/// How one partition is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The service's name.
    pub service: &'static str,
    /// The partition's number, from 0.
    pub partition: usize,
    /// The number of the last event in the log.
    pub head: u64,
    /// The views reflect the log through this number.
    pub applied: u64,
    /// The views on disk reflect the log through this number.
    pub flushed: u64,
    /// Commands that wait for the writer.
    pub queued: usize,
    /// Why the writer takes nothing any more, if so.
    pub halted: Option<String>,
}

impl Bus {
    /// How every partition is doing.
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

    /// Writes the views of every partition to disk now.
    ///
    /// # Errors
    /// When they cannot be written; they will be tried again.
    pub fn flush(&self) -> Result<(), Failure> {
        for partition in self.services().iter().flat_map(|running| &running.partitions) {
            partition.projector.flush()?;
        }
        Ok(())
    }

    /// Decides and commits the next group of every partition in this thread; says whether there was
    /// one. For a simulator, which has no other threads.
    #[must_use]
    pub fn step(&self) -> bool {
        let partitions = self.services().iter().flat_map(|running| &running.partitions);
        let moved: Vec<bool> = partitions.map(|partition| partition.write()).collect();
        moved.contains(&true)
    }
}
