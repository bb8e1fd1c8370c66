//! Derived rows in memory: the semantics of a flush, without a disk.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard};

use earmark_kernel::log::StoreError;
use earmark_kernel::rows::{FlushBatch, KeyRange, RowStore};

use super::faults::Faults;
use super::process::Process;
use crate::validation::check_table_name;

/// Derived rows in memory. Clones are handles of the same process on the same storage;
/// [`MemoryRows::crash`] returns a handle of the next process.
#[derive(Clone, Debug)]
pub struct MemoryRows {
    storage: Arc<Mutex<Storage>>,
    process: Process,
    faults: Faults,
}

type Tables = BTreeMap<String, BTreeMap<String, String>>;

#[derive(Debug, Default)]
struct Storage {
    tables: Tables,
    flushed_seq: u64,
    /// How to undo each flush since the last sync point, oldest first; `None`: every flush is a
    /// sync point.
    undo: Option<Vec<Undo>>,
}

#[derive(Debug)]
enum Undo {
    FlushBatch { flushed_seq: u64, rows: Vec<(String, String, Option<String>)> },
    Clearing { flushed_seq: u64, tables: Tables },
}

impl MemoryRows {
    /// An empty store that loses nothing in a crash.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that may lose the flushes since the last [`MemoryRows::sync_point`] in a
    /// crash.
    #[must_use]
    pub fn forgetful(faults: Faults) -> Self {
        let storage = Storage { undo: Some(Vec::new()), ..Storage::default() };
        Self { storage: Arc::new(Mutex::new(storage)), process: Process::default(), faults }
    }

    /// Everything flushed until now survives the next crash.
    pub fn sync_point(&self) {
        if let Some(undo) = &mut self.storage().undo {
            undo.clear();
        }
    }

    /// The number of flushes that a crash could lose.
    #[must_use]
    pub fn unsynced_count(&self) -> usize {
        self.storage().undo.as_ref().map_or(0, Vec::len)
    }

    /// Simulates a crash: of the flushes since the last sync point only the first `kept_count`
    /// survive, and all existing handles fail from now on. The returned handle belongs to the next
    /// process.
    #[must_use = "the old handles fail; the next process needs this one"]
    pub fn crash(&self, kept_count: usize) -> Self {
        let mut storage = self.storage();
        while storage.undo.as_ref().is_some_and(|undo| undo.len() > kept_count) {
            storage.undo_latest();
        }
        if let Some(undo) = &mut storage.undo {
            undo.clear();
        }
        Self {
            storage: Arc::clone(&self.storage),
            process: self.process.replaced(),
            faults: self.faults.clone(),
        }
    }

    /// The list of these rows' faults.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    fn storage(&self) -> MutexGuard<'_, Storage> {
        self.storage.lock().expect("nothing panics while it holds the storage")
    }

    fn readable(&self) -> Result<MutexGuard<'_, Storage>, StoreError> {
        let storage = self.storage();
        self.process.check()?;
        self.faults.read()?;
        Ok(storage)
    }

    fn writable(&self) -> Result<MutexGuard<'_, Storage>, StoreError> {
        let storage = self.storage();
        self.process.check()?;
        self.faults.flush()?;
        Ok(storage)
    }
}

impl Default for MemoryRows {
    fn default() -> Self {
        Self { storage: Arc::default(), process: Process::default(), faults: Faults::new() }
    }
}

impl RowStore for MemoryRows {
    fn flushed(&self) -> Result<u64, StoreError> {
        Ok(self.readable()?.flushed_seq)
    }

    fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        for (table, _) in &batch.tables {
            check_table_name(table)?;
        }
        self.writable()?.flush(batch)
    }

    fn row(&self, table: &str, key: &str) -> Result<Option<String>, StoreError> {
        check_table_name(table)?;
        let storage = self.readable()?;
        Ok(storage.tables.get(table).and_then(|rows| rows.get(key)).cloned())
    }

    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError> {
        check_table_name(table)?;
        let storage = self.readable()?;
        let Some(rows) = storage.tables.get(table) else {
            return Ok(Vec::new());
        };
        if range.below.as_ref().is_some_and(|below| *below <= range.from) {
            return Ok(Vec::new());
        }
        let below = range.below.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let found = rows.range::<str, _>((Bound::Included(range.from.as_str()), below));
        let owned = |(key, value): (&String, &String)| (key.clone(), value.clone());
        Ok(if range.backwards {
            found.rev().take(range.limit).map(owned).collect()
        } else {
            found.take(range.limit).map(owned).collect()
        })
    }

    fn clear(&self) -> Result<(), StoreError> {
        self.writable()?.clear();
        Ok(())
    }
}

impl Storage {
    fn flush(&mut self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        // All rows are made before any row is changed.
        let mut made = Vec::new();
        for (table, changes) in &batch.tables {
            changes.each(&mut |key, value| {
                made.push((table, key.to_owned(), value.map(text)));
                ControlFlow::Continue(())
            })?;
        }
        let mut before = Vec::new();
        for (table, key, value) in made {
            let rows = self.tables.entry(table.clone()).or_default();
            let old = match value {
                Some(value) => rows.insert(key.clone(), value),
                None => rows.remove(&key),
            };
            if self.undo.is_some() {
                before.push((table.clone(), key, old));
            }
        }
        let flushed_seq = std::mem::replace(&mut self.flushed_seq, batch.through_seq);
        if let Some(undo) = &mut self.undo {
            undo.push(Undo::FlushBatch { flushed_seq, rows: before });
        }
        Ok(())
    }

    fn clear(&mut self) {
        let tables = std::mem::take(&mut self.tables);
        let flushed_seq = std::mem::take(&mut self.flushed_seq);
        if let Some(undo) = &mut self.undo {
            undo.push(Undo::Clearing { flushed_seq, tables });
        }
    }

    fn undo_latest(&mut self) {
        match self.undo.as_mut().and_then(Vec::pop) {
            Some(Undo::Clearing { flushed_seq, tables }) => {
                self.tables = tables;
                self.flushed_seq = flushed_seq;
            }
            Some(Undo::FlushBatch { flushed_seq, rows }) => {
                for (table, key, old) in rows.into_iter().rev() {
                    let rows = self.tables.entry(table).or_default();
                    match old {
                        Some(value) => rows.insert(key, value),
                        None => rows.remove(&key),
                    };
                }
                self.flushed_seq = flushed_seq;
            }
            None => {}
        }
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).expect("JSON is UTF-8")
}
