//! How a projector follows a log that other processes append to.

use std::sync::{Arc, RwLockReadGuard};

use crate::model::envelope::Committed;
use crate::ports::log::StoreError;
use crate::views::backpressure::FLUSH_AFTER_EVENTS;
use crate::views::materialized_state::MaterializedState;
use crate::views::projector::Projector;

impl Projector {
    /// Reads the records that other processes have committed to this log. Does nothing if the log
    /// is not shared.
    pub(crate) fn follow(&self) -> Result<(), StoreError> {
        if !self.log.is_shared() {
            return Ok(());
        }
        self.tail.follow(|| {
            loop {
                let records = self.log.read_after(self.head(), FLUSH_AFTER_EVENTS)?;
                if records.is_empty() {
                    return Ok(());
                }
                for record in records {
                    self.publish(Arc::new(Committed::read(record, &self.schema.kinds)?));
                }
            }
        })
    }

    /// The state as of the last record that this process has read or written; unlike
    /// [`Projector::read`] it does not look for records of other processes.
    pub(crate) fn read_local(&self) -> Result<RwLockReadGuard<'_, MaterializedState>, StoreError> {
        self.catch_up()?;
        self.read_applied()
    }

    /// Stops or resumes following other processes; stopped while the state is compared with the
    /// log.
    pub(crate) fn set_following_paused(&self, is_paused: bool) {
        self.tail.set_paused(is_paused);
    }
}
