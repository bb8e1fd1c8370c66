//! A projector follows a log that other processes append to.

use std::sync::{Arc, RwLockReadGuard};

use crate::model::envelope::Committed;
use crate::ports::log::StoreError;
use crate::views::backpressure::FLUSH_AFTER_EVENTS;
use crate::views::materialized_state::MaterializedState;
use crate::views::projector::Projector;

impl Projector {
    /// Takes over what other processes have committed to this log by now, if there can be any.
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

    /// The state as of what is known here of the log.
    pub(crate) fn read_known(&self) -> Result<RwLockReadGuard<'_, MaterializedState>, StoreError> {
        self.catch_up()?;
        self.as_applied()
    }

    /// Stays where it is, while its state is compared with the log.
    pub(crate) fn stand_still(&self, is_still: bool) {
        self.tail.stand_still(is_still);
    }
}
