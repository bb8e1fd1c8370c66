//! The log of one partition: what a record is, and the port a store must offer to keep it.

use std::time::Duration;

use thiserror::Error;
use uuid::Uuid;

/// One committed group of commands: every event they recorded, appended and synced at once.
///
/// Sequence numbers start at 1 and have no gap; a record holds `first_seq ..= last_seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Sequence number of the first event.
    pub first_seq: u64,
    /// Sequence number of the last event; never below `first_seq`.
    pub last_seq: u64,
    /// When the group was decided: milliseconds since the Unix epoch, UTC.
    pub at_ms: i64,
    /// A JSON array of event envelopes, one element a sequence number.
    pub events: String,
}

/// Why a store did not append.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Nothing was written; the same record may be appended again later.
    #[error("nothing was written: {0}")]
    Failed(String),
    /// Nothing was written: the disk is full. Reads go on.
    #[error("nothing was written: the storage is full: {0}")]
    Full(String),
    /// The outcome of the commit is not known. Nothing more may be appended by this process.
    #[error("the outcome of the commit is not known: {0}")]
    Unknown(String),
}

/// A store could not read or write what it was asked to; the text says what and why.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// The log of one partition. One writer at a time appends; readers may read beside it.
///
/// Contract: `append` returns only after the record is durable (synced); a record is seen whole or
/// not at all; records are read back in order, without a gap, just as they were appended. A store
/// refuses (`Failed`) a record that does not begin at `head() + 1`.
pub trait LogStore: Send + Sync {
    /// Appends one record and syncs it. Blocks until it is durable.
    ///
    /// # Errors
    /// [`AppendError`] says whether nothing happened or nobody knows.
    fn append(&self, record: &Record) -> Result<(), AppendError>;

    /// The same for a writer that begins another turn at once: a shared log may give it its place
    /// among those who wait for one already now.
    ///
    /// # Errors
    /// As [`LogStore::append`]: nothing of the turn that comes.
    fn append_and_ask(&self, record: &Record) -> Result<(), AppendError> {
        self.append(record)
    }

    /// The records that hold events after `after`, oldest first: at least one if there is any, then
    /// as many whole records as begin within `events_max` events. The first may begin before
    /// `after + 1` (a record is never cut).
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError>;

    /// The sequence number of the last event in the log; 0 when it is empty.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn head(&self) -> Result<u64, StoreError>;

    /// The name of this log, given when it was created and never changed: a UUID in text. It makes
    /// event ids unique over all logs.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn id(&self) -> Result<String, StoreError>;

    /// Why nothing may be written any more, once that is so: a write or a sync failed, and nobody
    /// knows what the disk holds. The process has to end; the next one asks the disk. A store that
    /// cannot fail so need not say anything.
    fn broken(&self) -> Option<String> {
        None
    }

    /// Takes, or keeps, a lease on a work that only one process may do at a time (a relay): whether
    /// `holder` has it for `ttl` from now. A store that only one process has gives it always.
    ///
    /// # Errors
    /// When the storage cannot be asked; then nobody may go on with that work.
    fn lease(&self, work: &str, holder: Uuid, ttl: Duration) -> Result<bool, StoreError> {
        let _ = (work, holder, ttl);
        Ok(true)
    }

    /// Whether other processes append to this log too. Then a writer takes a turn, with
    /// [`LogStore::begin`], before it decides; and who reads follows what others wrote.
    fn is_shared(&self) -> bool {
        false
    }

    /// Begins a writer's turn: nobody else appends until it ends, with [`LogStore::append`] or
    /// [`LogStore::append_and_ask`] (however these end), or [`LogStore::release`]. Returns the
    /// records that others appended after `after`, oldest first, all of them. A turn that stands
    /// still may be lost: then `append` fails.
    ///
    /// # Errors
    /// When the turn was not given; nothing has happened then.
    fn begin(&self, after: u64) -> Result<Vec<Record>, AppendError> {
        let _ = after;
        Ok(Vec::new())
    }

    /// Ends a turn in which nothing was recorded.
    fn release(&self) {}
}
