//! The log port: the log of one partition, its records, and what a store must implement.

use std::time::Duration;

use thiserror::Error;
use uuid::Uuid;

/// One committed group of commands: all events that they recorded, appended and synced together.
///
/// Sequence numbers start at 1 and have no gaps. A record holds `first_seq ..= last_seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Sequence number of the first event.
    pub first_seq: u64,
    /// Sequence number of the last event; at least `first_seq`.
    pub last_seq: u64,
    /// When the group was decided, in milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// A JSON array of event envelopes, one element per sequence number.
    pub events: String,
}

/// Why an append did not succeed.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Nothing was written. The same record may be appended again later.
    #[error("nothing was written: {0}")]
    Failed(String),
    /// Nothing was written because the disk is full. Reads still work.
    #[error("nothing was written: the storage is full: {0}")]
    Full(String),
    /// The outcome of the commit is unknown. This process must not append to the log again.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
}

/// A read or write of a store failed; the text says which and why.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// The log of one partition. One writer at a time appends; others may read concurrently.
///
/// Contract: `append` returns `Ok` only after the record is durable (synced). Readers see a record
/// whole or not at all. Records are read in order, without gaps, and exactly as they were appended.
/// A store rejects (`Failed`) a record that does not start at `head() + 1`.
pub trait LogStore: Send + Sync {
    /// Appends one record and syncs it. Blocks until it is durable.
    ///
    /// # Errors
    /// [`AppendError`] says whether nothing was written or the outcome is unknown.
    fn append(&self, record: &Record) -> Result<(), AppendError>;

    /// Like [`LogStore::append`], for a writer that begins another turn immediately afterwards. A
    /// shared log may enqueue the writer for that turn already now.
    ///
    /// # Errors
    /// As [`LogStore::append`]. Errors about the next turn are reported by [`LogStore::begin`].
    fn append_and_ask(&self, record: &Record) -> Result<(), AppendError> {
        self.append(record)
    }

    /// The records that hold events after `after`, oldest first. Returns at least one record if
    /// there is any, and all whole records that begin within `events_max` events. The first record
    /// may begin before `after + 1`, because records are never split.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError>;

    /// The sequence number of the last event in the log; 0 when it is empty.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn head(&self) -> Result<u64, StoreError>;

    /// The id of this log: a UUID as text, assigned when the log was created and never changed. It
    /// makes event ids unique over all logs.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn id(&self) -> Result<String, StoreError>;

    /// The reason why nothing may be written any more, if there is one: a write or a sync failed,
    /// and it is unknown what the disk holds. The process must exit; the next one reads the disk. A
    /// store that cannot fail in this way need not implement this.
    fn broken(&self) -> Option<String> {
        None
    }

    /// Acquires or renews the lease of a job that only one process may do at a time (a relay).
    /// Returns whether `holder` has it for `ttl` from now. A store that only one process can open
    /// always grants it.
    ///
    /// # Errors
    /// When the storage cannot be reached. The job must not continue then.
    fn lease(&self, work: &str, holder: Uuid, ttl: Duration) -> Result<bool, StoreError> {
        let _ = (work, holder, ttl);
        Ok(true)
    }

    /// Whether other processes append to this log too. If so, a writer takes a turn with
    /// [`LogStore::begin`] before it decides, and readers must follow what others appended.
    fn is_shared(&self) -> bool {
        false
    }

    /// Begins a writer's turn. No other writer appends until the turn ends with
    /// [`LogStore::append`] or [`LogStore::append_and_ask`] (whatever their result), or with
    /// [`LogStore::release`]. Returns all records that others appended after `after`, oldest first.
    /// A turn that stays idle may be lost; then `append` fails.
    ///
    /// # Errors
    /// When the turn was not granted; nothing was changed.
    fn begin(&self, after: u64) -> Result<Vec<Record>, AppendError> {
        let _ = after;
        Ok(Vec::new())
    }

    /// Ends a turn in which nothing was appended.
    fn release(&self) {}
}
