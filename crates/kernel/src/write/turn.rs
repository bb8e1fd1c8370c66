//! A writer's turn on a shared log: first it applies the records of other processes.

use std::sync::Arc;

use crate::model::envelope::Committed;
use crate::model::kernel_event::KernelEvent;
use crate::model::kinds::KindIndex;
use crate::model::outcome::Failure;
use crate::ports::clock::{Stopwatch, UnixMillis};
use crate::ports::log::{AppendError, Record, StoreError};
use crate::write::writer::Writer;

impl Writer {
    /// Begins this writer's turn if the log is shared. No other process appends until the group
    /// ends.
    pub(crate) fn begin(&mut self) -> Result<(), Failure> {
        if self.halted.is_none() {
            self.halted = self.log.broken();
        }
        if self.halted.is_some() {
            return Err(Failure::Stopping);
        }
        if !self.log.is_shared() {
            return Ok(());
        }
        let watch = Stopwatch::start();
        let foreign_records = self.log.begin(self.next_seq - 1).map_err(|error| match error {
            AppendError::Full(why) => Failure::StorageFull(why),
            AppendError::Failed(why) | AppendError::Unknown(why) => Failure::Storage(why),
        })?;
        metrics::histogram!("earmark_turn_seconds", "service" => self.schema.service)
            .record(watch.seconds());
        foreign_records.into_iter().try_for_each(|record| self.take_over(record)).map_err(|error| {
            self.log.release();
            error.into()
        })
    }

    /// Applies a record that another process has appended.
    fn take_over(&mut self, record: Record) -> Result<(), StoreError> {
        let at = UnixMillis(record.at_ms);
        let committed = Arc::new(Committed::read(record, &self.schema.kinds)?);
        let last = committed.last_seq();
        for event in &committed.events {
            if event.kind != KindIndex::KERNEL {
                if let Some(recorder) = self.cache.get(&(event.kind, event.key.clone())) {
                    recorder.fold_any(event.event.as_any());
                }
                continue;
            }
            let kernel_event = event.event.as_any().downcast_ref();
            if let Some(KernelEvent::Answered(answered)) = kernel_event {
                self.recent.insert(event.key.clone(), (last, answered.clone()));
            }
        }
        self.group.at = self.group.at.max(at);
        self.next_seq = last + 1;
        self.projector.publish(committed);
        Ok(())
    }
}
