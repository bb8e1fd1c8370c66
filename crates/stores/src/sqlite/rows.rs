//! The derived rows in SQLite: one SQL table per derived table, settled in one transaction.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use earmark_kernel::log::StoreError;
use earmark_kernel::rows::{KeyRange, RowChange, RowStore, Settlement};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::checkpoint::wal_checkpoint;
use super::error::{OpenError, is_damage, is_disk_failure};
use super::folder::DataFolder;
use super::health::Health;
use super::log::{explain, to_sql};
use super::readers::Readers;
use super::rows_file;
use super::settings::Settings;
use crate::contract;

/// The derived rows of one partition in an SQLite file.
///
/// A power cut may take the latest settlements, never part of one. A file that is missing,
/// damaged, of another format or of another log is created anew when it is opened: it is derived.
#[derive(Debug)]
pub struct SqliteRows {
    readers: Readers,
    settler: Mutex<Connection>,
    /// The tables that exist: a name is added once its creation is committed, and stays.
    tables: RwLock<BTreeSet<String>>,
    path: PathBuf,
    /// The write-ahead file is copied back from so many pages on.
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
            settler: Mutex::new(opened.settler),
            tables: RwLock::new(opened.tables),
            path,
            checkpoint_pages: i64::try_from(checkpoint_pages).unwrap_or(i64::MAX),
            health: health.clone(),
            _folder: folder.clone(),
        })
    }

    fn settler(&self) -> MutexGuard<'_, Connection> {
        // A settlement that panicked was rolled back as it unwound.
        self.settler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, table: &str) -> Result<bool, StoreError> {
        contract::check_table(table)?;
        Ok(self.tables.read().unwrap_or_else(PoisonError::into_inner).contains(table))
    }

    /// Copies the write-ahead file back when it is large. SQLite would do so by itself, but keep
    /// quiet about a disk that fails.
    fn copy_back(&self, settler: &Connection) -> rusqlite::Result<()> {
        let (pages, copied) = wal_checkpoint(settler, "NOOP")?;
        if pages >= self.checkpoint_pages && copied < pages {
            wal_checkpoint(settler, "PASSIVE")?;
        }
        Ok(())
    }

    /// What an error of writing means: where the disk failed, what is on it is not known.
    fn unwritten(&self, error: &rusqlite::Error) -> StoreError {
        let told = self.broken("write", error);
        if is_disk_failure(error) {
            self.health.lose(told.0.clone());
        }
        told
    }

    fn broken(&self, doing: &str, error: &rusqlite::Error) -> StoreError {
        let path = self.path.display();
        let error_text = explain(error);
        if is_damage(error) {
            rows_file::condemn(&self.path);
            return StoreError(format!(
                "the derived rows {path} are damaged ({error_text}); start again: they are then \
                 rebuilt from the log"
            ));
        }
        StoreError(format!("cannot {doing} the derived rows {path}: {error_text}"))
    }
}

impl RowStore for SqliteRows {
    fn settled(&self) -> Result<u64, StoreError> {
        let settled = rows_file::settled(&self.readers.take());
        settled.map_err(|error| self.broken("read", &error))
    }

    fn settle(&self, settlement: &Settlement) -> Result<(), StoreError> {
        let mut new = BTreeSet::new();
        for (table, _) in &settlement.tables {
            if !self.has(table)? {
                new.insert(table.clone());
            }
        }
        let mut settler = self.settler();
        if let Some(why) = self.health.broken() {
            return Err(StoreError(format!("nothing is written any more: {why}")));
        }
        settle(&mut settler, settlement, &new).map_err(|error| self.unwritten(&error))?;
        if !new.is_empty() {
            self.tables.write().unwrap_or_else(PoisonError::into_inner).extend(new);
        }
        // What was settled is so, whether or not it can be copied back now.
        if let Err(error) = self.copy_back(&settler) {
            let error = self.unwritten(&error);
            tracing::warn!(%error, "the rows' write-ahead file could not be copied back");
        }
        Ok(())
    }

    fn row(&self, table: &str, key: &str) -> Result<Option<String>, StoreError> {
        if !self.has(table)? {
            return Ok(None);
        }
        let connection = self.readers.take();
        let found = connection
            .prepare_cached(&format!("SELECT value FROM \"t_{table}\" WHERE key = ?1"))
            .and_then(|mut select| select.query_row([key], |row| row.get(0)).optional());
        found.map_err(|error| self.broken("read", &error))
    }

    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError> {
        if !self.has(table)? {
            return Ok(Vec::new());
        }
        let connection = self.readers.take();
        scan(&connection, table, range).map_err(|error| self.broken("read", &error))
    }

    fn clear(&self) -> Result<(), StoreError> {
        let mut settler = self.settler();
        rows_file::clear(&mut settler).map_err(|error| self.unwritten(&error))
    }
}

impl Drop for SqliteRows {
    fn drop(&mut self) {
        for connection in [&self.settler].into_iter().chain(self.readers.connections()) {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            self.health.leave_as_it_is(&connection);
        }
    }
}

fn settle(
    connection: &mut Connection,
    settlement: &Settlement,
    new: &BTreeSet<String>,
) -> rusqlite::Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in new {
        // With a rowid: new rows go to the end of the table, and only the small index is touched
        // all over. Two to three times as fast to settle as WITHOUT ROWID, and as fast to read
        // (examples/measure.rs).
        tx.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS \"t_{table}\"(key TEXT PRIMARY KEY, value TEXT NOT NULL)"
        ))?;
    }
    for (table, changes) in &settlement.tables {
        change(&tx, table, changes)?;
    }
    rows_file::set_settled(&tx, to_sql(settlement.through_seq))?;
    tx.commit()
}

fn change(tx: &Transaction<'_>, table: &str, changes: &[RowChange]) -> rusqlite::Result<()> {
    let mut put = tx.prepare_cached(&format!(
        "INSERT INTO \"t_{table}\"(key, value) VALUES (?1, ?2) \
         ON CONFLICT(key) DO UPDATE SET value = excluded.value"
    ))?;
    let mut delete = tx.prepare_cached(&format!("DELETE FROM \"t_{table}\" WHERE key = ?1"))?;
    for RowChange { key, value } in changes {
        match value {
            Some(value) => put.execute((key, value))?,
            None => delete.execute([key])?,
        };
    }
    Ok(())
}

fn scan(
    connection: &Connection,
    table: &str,
    range: &KeyRange,
) -> rusqlite::Result<Vec<(String, String)>> {
    let order = if range.backwards { "DESC" } else { "ASC" };
    let end = if range.below.is_some() { "AND key < ?3" } else { "" };
    let mut select = connection.prepare_cached(&format!(
        "SELECT key, value FROM \"t_{table}\" WHERE key >= ?1 {end} ORDER BY key {order} LIMIT ?2"
    ))?;
    let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
    select.raw_bind_parameter(1, &range.from)?;
    select.raw_bind_parameter(2, limit)?;
    if let Some(below) = &range.below {
        select.raw_bind_parameter(3, below)?;
    }
    select.raw_query().mapped(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
