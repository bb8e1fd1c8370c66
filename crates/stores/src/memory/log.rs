//! A log in memory: the semantics of an append, without a disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use earmark_kernel::log::{AppendError, LogStore, Record, StoreError};

use super::faults::{AppendFault, Faults};
use super::process::Process;
use crate::validation::check_next_record;

/// A log in memory. Clones are handles of the same process on the same storage;
/// [`MemoryLog::crash`] returns a handle of the next process.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    storage: Arc<Mutex<Storage>>,
    process: Process,
    /// Set by the first `Unknown`; it belongs to the process, not to the storage.
    stopped: Arc<AtomicBool>,
    faults: Faults,
}

#[derive(Debug)]
struct Storage {
    id: String,
    records: Vec<Record>,
    /// The number of records that would survive a power cut.
    synced_count: usize,
}

impl MemoryLog {
    /// An empty log of this name (a UUID in text).
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self::with_faults(id, Faults::new())
    }

    /// An empty log of this name; the caller requests its faults.
    #[must_use]
    pub fn with_faults(id: &str, faults: Faults) -> Self {
        let storage = Storage { id: id.to_owned(), records: Vec::new(), synced_count: 0 };
        Self {
            storage: Arc::new(Mutex::new(storage)),
            process: Process::default(),
            stopped: Arc::default(),
            faults,
        }
    }

    /// Simulates a power cut: unsynced records are lost, and all existing handles fail from now on.
    /// The returned handle belongs to the next process.
    #[must_use = "the old handles fail; the next process needs this one"]
    pub fn crash(&self) -> Self {
        let mut storage = self.storage();
        let synced_count = storage.synced_count;
        storage.records.truncate(synced_count);
        Self {
            storage: Arc::clone(&self.storage),
            process: self.process.replaced(),
            stopped: Arc::default(),
            faults: self.faults.clone(),
        }
    }

    /// The list of this log's faults.
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

    fn unknown(&self, text: &str) -> AppendError {
        self.stopped.store(true, Ordering::SeqCst);
        AppendError::Unknown(text.to_owned())
    }
}

impl LogStore for MemoryLog {
    fn append(&self, record: &Record) -> Result<(), AppendError> {
        if self.stopped.load(Ordering::SeqCst) {
            return Err(self.unknown("the outcome of an earlier commit is unknown"));
        }
        let mut storage = self.storage();
        self.process.check().map_err(|error| AppendError::Failed(error.0))?;
        check_next_record(storage.head(), record)?;
        match self.faults.take_append() {
            None => storage.push_synced(record),
            Some(AppendFault::Failed) => {
                return Err(AppendError::Failed("a fault was ordered".into()));
            }
            Some(AppendFault::Full) => {
                return Err(AppendError::Full("a fault was ordered".into()));
            }
            Some(AppendFault::UnknownLost) => return Err(self.unknown("a fault was ordered")),
            Some(AppendFault::UnknownWritten) => {
                storage.push_synced(record);
                return Err(self.unknown("a fault was ordered"));
            }
            Some(AppendFault::Unsynced) => storage.records.push(record.clone()),
        }
        Ok(())
    }

    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError> {
        let storage = self.readable()?;
        let start = storage.records.partition_point(|record| record.last_seq <= after);
        let until = after.saturating_add(events_max);
        let unread = &storage.records[start..];
        let within = unread.partition_point(|record| record.first_seq <= until);
        let count = within.max(usize::from(!unread.is_empty()));
        Ok(unread[..count].to_vec())
    }

    fn head(&self) -> Result<u64, StoreError> {
        Ok(self.readable()?.head())
    }

    fn id(&self) -> Result<String, StoreError> {
        Ok(self.readable()?.id.clone())
    }
}

impl Storage {
    fn head(&self) -> u64 {
        self.records.last().map_or(0, |record| record.last_seq)
    }

    fn push_synced(&mut self, record: &Record) {
        self.records.push(record.clone());
        self.synced_count = self.records.len();
    }
}
