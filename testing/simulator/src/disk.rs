//! The disk of one partition: a memory store that crashes, with reads that fail and, to prove that
//! the checks can fail, a disk that lies.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_kernel::Stores;
use earmark_kernel::log::{AppendError, LogStore, Record, StoreError};
use earmark_kernel::rows::{Changes, FlushBatch, KeyRange, RowStore};
use earmark_stores::memory::{AppendFault, Faults, MemoryLog, MemoryRows};

/// How a deliberately broken world lies. Its checks must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failpoint {
    /// Commits are answered before they are synced.
    AnswersBeforeSync,
    /// A commit that was written is reported as failed.
    FailsAfterWriting,
    /// A flush leaves out a row.
    DropsFlushedRow,
    /// Rows flush ahead of what they hold: the number is one too high.
    FlushesAhead,
}

/// How often a lie is told: every so many calls.
const LIE_EVERY: u64 = 5;

/// The log and the rows of one partition, over all its processes.
pub(crate) struct Disk {
    log: MemoryLog,
    rows: MemoryRows,
    pub(crate) faults: Faults,
    trouble: Trouble,
}

#[derive(Clone, Debug)]
struct Trouble {
    /// So many reads will fail.
    reads: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
    failpoint: Option<Failpoint>,
}

impl Disk {
    pub(crate) fn new(id: &str, failpoint: Option<Failpoint>) -> Self {
        let faults = Faults::new();
        let trouble = Trouble { reads: Arc::default(), calls: Arc::default(), failpoint };
        let log = MemoryLog::with_faults(id, faults.clone());
        let rows = MemoryRows::forgetful(faults.clone());
        Self { log, rows, faults, trouble }
    }

    /// What a process opens.
    pub(crate) fn stores(&self) -> Stores {
        let (log, rows) = (self.log.clone(), self.rows.clone());
        let (trouble, faults) = (self.trouble.clone(), self.faults.clone());
        Stores {
            log: Arc::new(Log { inner: log, trouble: trouble.clone(), faults }),
            rows: Arc::new(Rows { inner: rows, trouble }),
        }
    }

    /// The process dies; `kept` of the flushes since the last sync point survive.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.log = self.log.crash();
        self.rows = self.rows.crash(kept);
    }

    /// Somebody deletes the derived rows while no process runs.
    pub(crate) fn delete_rows(&mut self) {
        self.rows = MemoryRows::forgetful(self.faults.clone());
    }

    pub(crate) fn sync_rows(&self) {
        self.rows.sync_point();
    }

    pub(crate) fn unsynced_count(&self) -> usize {
        self.rows.unsynced_count()
    }

    pub(crate) fn fail_reads(&self, count: u64) {
        self.trouble.reads.fetch_add(count, Ordering::SeqCst);
    }

    /// Whether a read will fail.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.trouble.reads.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn heal(&self) {
        self.faults.heal();
        self.trouble.reads.store(0, Ordering::SeqCst);
    }

    /// What stands in the log after `after`, past all trouble: for those who check.
    pub(crate) fn records(&self, after: u64) -> Result<Vec<Record>, String> {
        self.log.read_after(after, u64::MAX).map_err(|error| error.0)
    }

    /// Whether a table has rows, past all trouble.
    pub(crate) fn has_rows(&self, table: &str) -> bool {
        let range = KeyRange { from: String::new(), below: None, limit: 1, backwards: false };
        self.rows.rows(table, &range).is_ok_and(|rows| !rows.is_empty())
    }
}

impl Trouble {
    fn read(&self) -> Result<(), StoreError> {
        let left = self.reads.load(Ordering::SeqCst);
        if left == 0 {
            return Ok(());
        }
        self.reads.store(left - 1, Ordering::SeqCst);
        Err(StoreError("the storage cannot be read: a fault was ordered".into()))
    }

    fn lies(&self, how: Failpoint) -> bool {
        let is_it = self.failpoint == Some(how);
        is_it && self.calls.fetch_add(1, Ordering::SeqCst) % LIE_EVERY == LIE_EVERY - 1
    }
}

struct Log {
    inner: MemoryLog,
    trouble: Trouble,
    faults: Faults,
}

impl LogStore for Log {
    fn append(&self, record: &Record) -> Result<(), AppendError> {
        if self.trouble.lies(Failpoint::AnswersBeforeSync) {
            self.faults.next_append(AppendFault::Unsynced);
        }
        self.inner.append(record)?;
        if self.trouble.lies(Failpoint::FailsAfterWriting) {
            return Err(AppendError::Failed("a lie".into()));
        }
        Ok(())
    }
    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError> {
        self.trouble.read()?;
        self.inner.read_after(after, events_max)
    }
    fn head(&self) -> Result<u64, StoreError> {
        self.trouble.read()?;
        self.inner.head()
    }
    fn id(&self) -> Result<String, StoreError> {
        self.trouble.read()?;
        self.inner.id()
    }
}

struct Rows {
    inner: MemoryRows,
    trouble: Trouble,
}

impl RowStore for Rows {
    fn flushed(&self) -> Result<u64, StoreError> {
        self.trouble.read()?;
        self.inner.flushed()
    }
    fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        let drops_row = self.trouble.lies(Failpoint::DropsFlushedRow);
        let ahead = u64::from(self.trouble.lies(Failpoint::FlushesAhead));
        let mut tables = Vec::new();
        for (table, changes) in &batch.tables {
            let mut rows = Vec::new();
            changes.each(&mut |key, value| {
                rows.push((key.to_owned(), value.map(<[u8]>::to_vec)));
                ControlFlow::Continue(())
            })?;
            if drops_row && table == "lines" {
                rows.pop();
            }
            tables.push((table.clone(), Box::new(rows) as Box<dyn Changes>));
        }
        self.inner.flush(&FlushBatch { through_seq: batch.through_seq + ahead, tables })
    }
    fn row(&self, table: &str, key: &str) -> Result<Option<String>, StoreError> {
        self.trouble.read()?;
        self.inner.row(table, key)
    }
    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError> {
        self.trouble.read()?;
        self.inner.rows(table, range)
    }
    fn clear(&self) -> Result<(), StoreError> {
        self.inner.clear()
    }
}
