//! The derived rows in SQLite: sorted runs, with one transaction per flush.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use earmark_kernel::log::StoreError;
use earmark_kernel::rows::{FlushBatch, KeyRange, RowStore};
use rusqlite::{Connection, TransactionBehavior};

use super::checkpoint::wal_checkpoint;
use super::error::{OpenError, explain, is_damage, is_disk_failure};
use super::folder::DataFolder;
use super::health::Health;
use super::readers::Readers;
use super::rows_file;
use super::runs::{Flusher, RunError, State};
use super::sequence::to_sql;
use super::settings::Settings;
use crate::validation::check_table_name;

/// The derived rows of one partition in an SQLite file.
///
/// A power cut may lose the latest flushes, but never a part of one. A file that is missing,
/// damaged, of another format or of another log is replaced by an empty one when it is opened,
/// because the rows are derived from the log.
#[derive(Debug)]
pub struct SqliteRows {
    readers: Readers,
    flusher: Mutex<(Connection, Flusher)>,
    /// The state as of the last committed flush.
    state: RwLock<Arc<State>>,
    path: PathBuf,
    /// The write-ahead file is checkpointed when it has this many pages.
    checkpoint_pages: i64,
    health: Health,
    _folder: DataFolder,
}

impl SqliteRows {
    /// Opens or creates `{stem}.views.db` for the log of this name and head.
    pub(super) fn open(
        folder: &DataFolder,
        stem: &Path,
        (log_id, log_head): (&str, u64),
        settings: Settings,
        health: &Health,
    ) -> Result<Self, OpenError> {
        let path = PathBuf::from(format!("{}.views.db", stem.display()));
        let opened = rows_file::open(&path, log_id, log_head, settings)?;
        let checkpoint_pages = settings.rows_checkpoint_bytes / u64::from(settings.rows_page_bytes);
        Ok(Self {
            readers: opened.readers,
            flusher: Mutex::new((opened.connection, opened.flusher)),
            state: RwLock::new(Arc::new(opened.state)),
            path,
            checkpoint_pages: i64::try_from(checkpoint_pages).unwrap_or(i64::MAX),
            health: health.clone(),
            _folder: folder.clone(),
        })
    }

    fn flusher(&self) -> MutexGuard<'_, (Connection, Flusher)> {
        self.flusher.lock().unwrap_or_else(|poisoned| {
            // Unwinding has rolled back the flush that panicked.
            let mut flusher = poisoned.into_inner();
            flusher.1.abandon();
            self.flusher.clear_poison();
            flusher
        })
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the file in one transaction, and then the state that readers see.
    fn change(
        &self,
        change: impl FnOnce(&Connection, &mut Flusher, &State) -> Result<State, RunError>,
    ) -> Result<(), StoreError> {
        let mut flusher = self.flusher();
        let (connection, flusher) = &mut *flusher;
        if let Some(why) = self.health.broken() {
            return Err(StoreError(format!("nothing is written any more: {why}")));
        }
        let before = self.state();
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let state = begun.map_err(RunError::from).and_then(|tx| {
            let state = change(&tx, flusher, &before)?;
            tx.commit()?;
            Ok(state)
        });
        match state {
            Ok(state) => {
                *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
            }
            Err(error) => {
                flusher.abandon();
                return Err(self.unwritten(error));
            }
        }
        // The flush is committed, whether or not the checkpoint succeeds.
        if let Err(error) = self.checkpoint(connection) {
            let error = self.unwritten(error.into());
            tracing::warn!(%error, "the checkpoint of the derived rows failed");
        }
        Ok(())
    }

    /// Checkpoints the write-ahead file when it is large. SQLite's automatic checkpoint would not
    /// report a failing disk.
    fn checkpoint(&self, flusher: &Connection) -> rusqlite::Result<()> {
        let (pages, copied) = wal_checkpoint(flusher, "NOOP")?;
        if pages >= self.checkpoint_pages && copied < pages {
            wal_checkpoint(flusher, "PASSIVE")?;
        }
        Ok(())
    }

    /// Reports a failed write. After a disk failure nothing is written any more.
    fn unwritten(&self, error: RunError) -> StoreError {
        let is_failure = matches!(&error, RunError::Sqlite(error) if is_disk_failure(error));
        let error = self.broken("write", error);
        if is_failure {
            self.health.lose(error.0.clone());
        }
        error
    }

    fn broken(&self, doing: &str, error: RunError) -> StoreError {
        let path = self.path.display();
        let (is_damage, text) = match &error {
            RunError::Sqlite(error) => (is_damage(error), explain(error)),
            RunError::Damaged => (true, "a block of rows differs from what was written".to_owned()),
            RunError::Row(why) => (false, why.0.clone()),
        };
        if is_damage {
            rows_file::mark_damaged(&self.path);
            return StoreError(format!(
                "the derived rows {path} are damaged ({text}); restart to rebuild them from the log"
            ));
        }
        StoreError(format!("cannot {doing} the derived rows {path}: {text}"))
    }
}

impl RowStore for SqliteRows {
    fn flushed(&self) -> Result<u64, StoreError> {
        Ok(self.state().flushed)
    }

    fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        batch.tables.iter().try_for_each(|(table, _)| check_table_name(table))?;
        let through = to_sql(batch.through_seq);
        self.change(|tx, flusher, before| {
            let state = flusher.flush(tx, before, batch)?;
            rows_file::set_flushed(tx, through)?;
            Ok(state)
        })
    }

    fn row(&self, table: &str, key: &str) -> Result<Option<String>, StoreError> {
        check_table_name(table)?;
        let found = self.state().row(&self.readers.take(), table, key);
        found.map_err(|error| self.broken("read", error))
    }

    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError> {
        check_table_name(table)?;
        let found = self.state().rows(&self.readers.take(), table, range);
        found.map_err(|error| self.broken("read", error))
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.change(|tx, flusher, before| {
            rows_file::set_flushed(tx, 0)?;
            flusher.clear(tx, before)
        })
    }
}

impl Drop for SqliteRows {
    fn drop(&mut self) {
        self.health.keep_wal_if_broken(&self.flusher().0);
        for connection in self.readers.connections() {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            self.health.keep_wal_if_broken(&connection);
        }
    }
}
