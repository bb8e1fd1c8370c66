//! The only store of the kernel's tests: a log and rows in memory, with appends that fail on
//! demand.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use uuid::Uuid;

use crate::ports::log::{AppendError, LogStore, Record, StoreError};
use crate::ports::rows::{FlushBatch, KeyRange, RowStore};

/// The outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppendOutcome {
    Success,
    Failed,
    /// The outcome is reported as unknown; the record was written or not.
    Unknown {
        written: bool,
    },
}

/// A disk. Clones share the same contents.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    records: Vec<Record>,
    outcomes: VecDeque<AppendOutcome>,
    stopped: bool,
    tables: BTreeMap<String, BTreeMap<String, String>>,
    flushed: u64,
    /// Whether several nodes use the log.
    shared: bool,
    /// The holders of leases by job, if the log is shared. They run out when the test says so.
    leases: BTreeMap<String, Uuid>,
    /// Events that the head counts and the log does not hold.
    lost_events: u64,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A disk whose log several nodes use.
    pub(crate) fn shared() -> Self {
        let disk = Self::default();
        disk.lock().shared = true;
        disk
    }

    /// All leases run out; their holders do not notice until they renew them.
    pub(crate) fn expire_leases(&self) {
        self.lock().leases.clear();
    }

    /// Sets the outcome of the append after the next `successes` successful ones.
    pub(crate) fn set_outcome_after(&self, good: usize, outcome: AppendOutcome) {
        let mut contents = self.lock();
        contents.outcomes =
            std::iter::repeat_n(AppendOutcome::Success, good).chain([outcome]).collect();
    }

    /// The head counts more events than there are, as in a damaged dump.
    pub(crate) fn lose_events(&self, count: u64) {
        self.lock().lost_events = count;
    }

    pub(crate) fn restart(&self) {
        self.lock().stopped = false;
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.lock().records.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }
}

impl LogStore for Disk {
    fn append(&self, record: &Record) -> Result<(), AppendError> {
        let mut contents = self.lock();
        assert!(!contents.stopped, "nothing is appended after an unknown outcome");
        let head = contents.records.last().map_or(0, |it| it.last_seq);
        assert_eq!(record.first_seq, head + 1, "sequence numbers have no gaps");
        let outcome = contents.outcomes.pop_front().unwrap_or(AppendOutcome::Success);
        if matches!(outcome, AppendOutcome::Success | AppendOutcome::Unknown { written: true }) {
            contents.records.push(record.clone());
        }
        match outcome {
            AppendOutcome::Success => Ok(()),
            AppendOutcome::Failed => Err(AppendError::Failed("as the test demands".into())),
            AppendOutcome::Unknown { .. } => {
                contents.stopped = true;
                Err(AppendError::Unknown("as the test demands".into()))
            }
        }
    }

    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError> {
        let contents = self.lock();
        let unread: Vec<_> = contents.records.iter().filter(|it| it.last_seq > after).collect();
        let until = after.saturating_add(events_max);
        let within = unread.iter().filter(|it| it.first_seq <= until).count();
        Ok(unread.into_iter().take(within.max(1)).cloned().collect())
    }

    fn head(&self) -> Result<u64, StoreError> {
        let contents = self.lock();
        Ok(contents.records.last().map_or(0, |it| it.last_seq) + contents.lost_events)
    }

    fn id(&self) -> Result<String, StoreError> {
        Ok("disk".into())
    }

    fn lease(&self, work: &str, holder: Uuid, _: Duration) -> Result<bool, StoreError> {
        let mut contents = self.lock();
        if !contents.shared {
            return Ok(true);
        }
        Ok(*contents.leases.entry(work.to_owned()).or_insert(holder) == holder)
    }

    fn is_shared(&self) -> bool {
        self.lock().shared
    }

    fn begin(&self, after: u64) -> Result<Vec<Record>, AppendError> {
        // One thread drives all nodes, so no turn begins before the previous one has ended.
        self.read_after(after, u64::MAX).map_err(|error| AppendError::Failed(error.0))
    }
}

impl RowStore for Disk {
    fn flushed(&self) -> Result<u64, StoreError> {
        Ok(self.lock().flushed)
    }

    fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError> {
        let mut contents = self.lock();
        for (table, changes) in &batch.tables {
            let rows = contents.tables.entry(table.clone()).or_default();
            changes.each(&mut |key, value| {
                match value {
                    Some(value) => {
                        let value = String::from_utf8(value.to_vec()).unwrap();
                        rows.insert(key.to_owned(), value)
                    }
                    None => rows.remove(key),
                };
                ControlFlow::Continue(())
            })?;
        }
        contents.flushed = batch.through_seq;
        Ok(())
    }

    fn row(&self, table: &str, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.lock().tables.get(table).and_then(|rows| rows.get(key)).cloned())
    }

    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError> {
        let contents = self.lock();
        let rows = contents.tables.get(table).into_iter().flatten();
        let within = |key: &str| {
            key >= range.from.as_str() && range.below.as_deref().is_none_or(|below| key < below)
        };
        let found = rows.filter(|(key, _)| within(key));
        let mut found: Vec<_> = found.map(|(key, row)| (key.clone(), row.clone())).collect();
        if range.backwards {
            found.reverse();
        }
        found.truncate(range.limit);
        Ok(found)
    }

    fn clear(&self) -> Result<(), StoreError> {
        let mut contents = self.lock();
        contents.tables.clear();
        contents.flushed = 0;
        Ok(())
    }
}
