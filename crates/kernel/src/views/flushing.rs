//! Flushing: writes the changes in memory to disk in one sorted batch, without blocking others.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::ports::log::StoreError;
use crate::ports::rows::{Changes, FlushBatch};
use crate::views::lineage;
use crate::views::materialized_state::Frozen;
use crate::views::projector::{Projector, lock};

impl Projector {
    /// Writes the changes since the last flush to disk, in one sorted batch. Commits and reads
    /// continue meanwhile. Returns the sequence number through which the disk is now up to date.
    ///
    /// # Errors
    /// When the disk cannot be written; the frozen changes stay and the next flush writes them.
    pub(crate) fn flush(&self) -> Result<u64, StoreError> {
        let flush_guard = lock(&self.flushing);
        let (through_seq, digest, frozen, streams) = {
            self.rebuild(&flush_guard)?;
            let mut materialized = self.write_unless_broken()?;
            if materialized.applied == materialized.flushed {
                return Ok(materialized.flushed);
            }
            let Frozen { through_seq, digest } = materialized.freeze();
            let frozen: Vec<_> = materialized.tables().map(|it| (it.name(), it.frozen())).collect();
            let streams = materialized.streams().frozen();
            (through_seq, digest, frozen, streams)
        };
        let snapshots = streams.snapshots(through_seq, &self.copy_requests)?;
        let mut tables: Vec<(String, Box<dyn Changes + '_>)> = Vec::new();
        for (table, rows) in snapshots.tables {
            tables.push((table, Box::new(rows)));
        }
        for (table, rows) in streams.tables() {
            tables.push((table, Box::new(rows)));
        }
        tables.extend(frozen.into_iter().map(|(table, rows)| (table.to_owned(), rows)));
        tables.extend(digest.map(|digest| lineage::row(self.schema.service, &digest)));
        tables.retain(|(_, changes)| changes.count() > 0);
        // The batch is dropped after the lock is released, because freeing many rows takes a while.
        let batch = FlushBatch { through_seq, tables };
        self.disk.flush(&batch)?;
        let mut materialized = self.materialized.write().unwrap_or_else(PoisonError::into_inner);
        materialized.mark_flushed(through_seq, &snapshots.versions);
        self.flushed.store(through_seq, Ordering::Release);
        self.flush_finished.notify_all();
        Ok(through_seq)
    }
}
