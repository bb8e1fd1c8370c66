//! The disk of one partition: a memory store that can crash and fail reads. A deliberate defect
//! proves that the checks can fail.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_kernel::Stores;
use earmark_kernel::log::{AppendError, LogStore, Record, StoreError};
use earmark_kernel::rows::{Changes, FlushBatch, KeyRange, RowStore};
use earmark_stores::memory::{AppendFault, Faults, MemoryLog, MemoryRows};

/// A deliberate defect of the disks. The checks must detect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskDefect {
    /// Commits are confirmed before they are synced.
    AnswersBeforeSync,
    /// A commit that was written is reported as failed.
    FailsAfterWriting,
    /// A flush loses a row.
    DropsFlushedRow,
    /// A flush reports a sequence that is one too high.
    FlushesAhead,
}

/// The defect occurs once in this number of calls.
const DEFECT_EVERY: u64 = 5;

/// The log and the rows of one partition; it outlives the processes.
pub(crate) struct Disk {
    log: MemoryLog,
    rows: MemoryRows,
    pub(crate) faults: Faults,
    injector: Injector,
}

/// What is injected into the calls of a store.
#[derive(Clone, Debug)]
struct Injector {
    /// Number of reads that will fail.
    failing_reads: Arc<AtomicU64>,
    calls: Arc<AtomicU64>,
    defect: Option<DiskDefect>,
}

impl Disk {
    pub(crate) fn new(id: &str, defect: Option<DiskDefect>) -> Self {
        let faults = Faults::new();
        let injector = Injector { failing_reads: Arc::default(), calls: Arc::default(), defect };
        let log = MemoryLog::with_faults(id, faults.clone());
        let rows = MemoryRows::forgetful(faults.clone());
        Self { log, rows, faults, injector }
    }

    /// The stores that a process opens.
    pub(crate) fn stores(&self) -> Stores {
        let (log, rows) = (self.log.clone(), self.rows.clone());
        let (injector, faults) = (self.injector.clone(), self.faults.clone());
        Stores {
            log: Arc::new(Log { inner: log, injector: injector.clone(), faults }),
            rows: Arc::new(Rows { inner: rows, injector }),
        }
    }

    /// A crash; `kept` of the flushes since the last sync point survive.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.log = self.log.crash();
        self.rows = self.rows.crash(kept);
    }

    /// Deletes the derived rows while no process runs.
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
        self.injector.failing_reads.fetch_add(count, Ordering::SeqCst);
    }

    /// Whether the next read fails.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.injector.failing_reads.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn heal(&self) {
        self.faults.heal();
        self.injector.failing_reads.store(0, Ordering::SeqCst);
    }

    /// The records of the log after a sequence, without injected faults: for checks.
    pub(crate) fn records(&self, after: u64) -> Result<Vec<Record>, String> {
        self.log.read_after(after, u64::MAX).map_err(|error| error.0)
    }

    /// Whether a table has rows, without injected faults: for checks.
    pub(crate) fn has_rows(&self, table: &str) -> bool {
        let range = KeyRange { from: String::new(), below: None, limit: 1, backwards: false };
        self.rows.rows(table, &range).is_ok_and(|rows| !rows.is_empty())
    }
}

impl Injector {
    fn read(&self) -> Result<(), StoreError> {
        let left = self.failing_reads.load(Ordering::SeqCst);
        if left == 0 {
            return Ok(());
        }
        self.failing_reads.store(left - 1, Ordering::SeqCst);
        Err(StoreError("an injected read failure".into()))
    }

    fn triggers(&self, defect: DiskDefect) -> bool {
        self.defect == Some(defect)
            && self.calls.fetch_add(1, Ordering::SeqCst) % DEFECT_EVERY == DEFECT_EVERY - 1
    }
}

struct Log {
    inner: MemoryLog,
    injector: Injector,
    faults: Faults,
}

impl LogStore for Log {
    fn append(&self, record: &Record) -> Result<(), AppendError> {
        if self.injector.triggers(DiskDefect::AnswersBeforeSync) {
            self.faults.next_append(AppendFault::Unsynced);
        }
        self.inner.append(record)?;
        if self.injector.triggers(DiskDefect::FailsAfterWriting) {
            return Err(AppendError::Failed("an injected defect".into()));
        }
        Ok(())
    }
    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError> {
        self.injector.read()?;
        self.inner.read_after(after, events_max)
    }
    fn head(&self) -> Result<u64, StoreError> {
        self.injector.read()?;
        self.inner.head()
    }
    fn id(&self) -> Result<String, StoreError> {
        self.injector.read()?;
        self.inner.id()
    }
}

struct Rows {
    inner: MemoryRows,
    injector: Injector,
}

impl RowStore for Rows {
    fn flushed(&self) -> Result<u64, StoreError> {
        self.injector.read()?;
        self.inner.flushed()
    }
    fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        let drops_row = self.injector.triggers(DiskDefect::DropsFlushedRow);
        let ahead = u64::from(self.injector.triggers(DiskDefect::FlushesAhead));
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
        self.injector.read()?;
        self.inner.row(table, key)
    }
    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError> {
        self.injector.read()?;
        self.inner.rows(table, range)
    }
    fn clear(&self) -> Result<(), StoreError> {
        self.inner.clear()
    }
}
