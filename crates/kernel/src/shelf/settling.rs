//! Settling: what changed in memory is written to disk in one sorted batch, while others go on.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Follower, Frozen, lock};
use crate::end;
use crate::log::StoreError;
use crate::rows::Settlement;

impl Follower {
    /// Writes what changed since the last time to disk, in one sorted batch. Commits and reads go
    /// on meanwhile. Returns the number through which the disk is now up to date.
    pub(crate) fn settle(&self) -> Result<u64, StoreError> {
        let one_at_a_time = lock(&self.settling);
        let (mut settlement, digest, frozen, streams) = {
            self.derive_again(&one_at_a_time)?;
            let mut shelf = self.write_if_sound()?;
            if shelf.applied == shelf.settled {
                return Ok(shelf.settled);
            }
            let Frozen { through_seq, digest } = shelf.freeze();
            let frozen: Vec<_> = shelf.tables().map(|it| (it.name(), it.frozen())).collect();
            let streams = shelf.streams().frozen();
            (Settlement { through_seq, tables: Vec::new() }, digest, frozen, streams)
        };
        let (tables, snapshots) = streams.snapshots(settlement.through_seq, &self.copies)?;
        settlement.tables.extend(tables);
        settlement.tables.extend(streams.tables());
        for (name, rows) in &frozen {
            let changes = rows.changes().map_err(|e| StoreError(e.to_string()))?;
            settlement.tables.push(((*name).to_owned(), changes));
        }
        settlement.tables.extend(digest.map(|digest| end::row(self.service.name, &digest)));
        settlement.tables.retain(|(_, changes)| !changes.is_empty());
        // When this fails, what was set apart stays so and is tried again with the next settling.
        self.disk.settle(&settlement)?;
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        shelf.thaw(settlement.through_seq, &snapshots);
        self.settled.store(settlement.through_seq, Ordering::Release);
        self.settlement.notify_all();
        Ok(settlement.through_seq)
    }
}
