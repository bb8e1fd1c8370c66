//! Verifies a whole log: sequence numbers have no gaps, invariants hold, and views and snapshots
//! match the events.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use crate::bus::sending::Bus;
use crate::model::aggregate::AnyRecorder;
use crate::model::envelope::{Committed, CommittedEvent};
use crate::model::kinds::KindIndex;
use crate::model::limits::Limits;
use crate::model::message::Key;
use crate::model::outcome::Failure;
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::ports::rows::{FlushBatch, KeyRange, RowStore};
use crate::views::audit::{Aggregates, AnyAudit, AuditedEvent};
use crate::views::log_schema::LogSchema;
use crate::views::materialized_state::MaterializedState;
use crate::views::table::AnyTable;
use crate::write::partition::Partition;

/// Events read per batch.
const WINDOW_EVENTS: u64 = 10_000;
/// Rows compared per batch.
const PAGE_ROWS: usize = 1_000;

/// The counts of a successful verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records of the log.
    pub records: u64,
    /// Events in these records.
    pub events: u64,
    /// Aggregates folded from the events and compared with those loaded from streams and snapshots.
    pub aggregates: u64,
    /// Number of times that invariants were checked.
    pub checks: u64,
    /// Rows of views that were compared.
    pub rows: u64,
    /// What the audits of the service found that is no violation, as sentences.
    pub notes: Vec<String>,
}

/// Why a verification did not succeed.
#[derive(Clone, Debug, Error)]
pub enum NotVerified {
    /// The first difference.
    #[error("{0}")]
    Difference(String),
    /// What an audit of the service found: the events break a rule that spans several aggregates.
    #[error("{0}")]
    Broken(String),
    /// The log or the views could not be read.
    #[error("cannot be verified: {0}")]
    Unreadable(Failure),
}

impl From<StoreError> for NotVerified {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error.into())
    }
}

impl From<Failure> for NotVerified {
    fn from(failure: Failure) -> Self {
        Self::Unreadable(failure)
    }
}

impl Bus {
    /// Replays the whole log of every partition of a service in memory, checks the invariants, and
    /// compares the result with the views and aggregates in use. The service must be idle
    /// meanwhile. `progress` is called with the current and the last sequence number of the
    /// partition.
    ///
    /// # Errors
    /// The first difference, or why the log or the views cannot be read.
    pub fn verify(
        &self,
        service: &str,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Verified, NotVerified> {
        let mut verified = Verified::default();
        let running = self.running(service)?;
        let mut audits: Vec<_> = running.schema.audits.iter().map(|audit| audit()).collect();
        let (mut aggregates, mut at) = (FxHashMap::default(), UnixMillis(i64::MIN));
        for partition in &running.partitions {
            // Records that other processes append from here on are not verified.
            partition.projector.follow()?;
            let _paused = PausedFollowing::new(partition);
            let mut check = Check::new(partition)?;
            check.replay(&mut audits, &mut progress)?;
            check.compare_aggregates()?;
            check.compare_rows()?;
            verified.records += check.verified.records;
            verified.events += check.verified.events;
            verified.aggregates += check.verified.aggregates;
            verified.checks += check.verified.checks;
            verified.rows += check.verified.rows;
            at = at.max(check.at);
            aggregates.extend(check.aggregates);
        }
        let aggregates = Aggregates { kinds: &running.schema.kinds, all: &aggregates };
        for audit in audits {
            let notes = audit.end(&aggregates, at).map_err(NotVerified::Broken)?;
            verified.notes.extend(notes);
            verified.checks += 1;
        }
        Ok(verified)
    }
}

/// Stops a partition from following other processes until it is dropped.
struct PausedFollowing<'a>(&'a Partition);

impl<'a> PausedFollowing<'a> {
    fn new(partition: &'a Partition) -> Self {
        partition.projector.set_following_paused(true);
        Self(partition)
    }
}

impl Drop for PausedFollowing<'_> {
    fn drop(&mut self) {
        self.0.projector.set_following_paused(false);
    }
}

/// The verification of one partition.
struct Check<'a> {
    partition: &'a Partition,
    schema: &'a LogSchema,
    head: u64,
    /// The state derived from the log alone, in memory.
    materialized: MaterializedState,
    aggregates: FxHashMap<(KindIndex, Key), Box<dyn AnyRecorder>>,
    /// The time of the last record.
    at: UnixMillis,
    verified: Verified,
}

impl<'a> Check<'a> {
    fn new(partition: &'a Partition) -> Result<Self, NotVerified> {
        let schema = &*partition.schema;
        let rows: Arc<dyn RowStore> = Arc::new(NoRows);
        Ok(Self {
            partition,
            schema,
            head: partition.projector.head(),
            materialized: MaterializedState::new(schema, &rows, Limits::default(), 0),
            aggregates: FxHashMap::default(),
            at: UnixMillis(i64::MIN),
            verified: Verified::default(),
        })
    }

    fn replay(
        &mut self,
        audits: &mut [Box<dyn AnyAudit>],
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), NotVerified> {
        let (mut seen, mut at_ms) = (0, i64::MIN);
        while seen < self.head {
            let records = self.partition.log.read_after(seen, WINDOW_EVENTS)?;
            if records.is_empty() {
                return difference(format!("the log ends at {seen}, its head is {}", self.head));
            }
            for record in records {
                if record.first_seq != seen + 1 {
                    return difference(format!(
                        "a gap: {seen} is followed by {}",
                        record.first_seq
                    ));
                }
                if record.at_ms < at_ms {
                    return difference(format!("time goes back at {}", record.first_seq));
                }
                (seen, at_ms) = (record.last_seq, record.at_ms);
                self.at = UnixMillis(at_ms);
                let record = Committed::read(record, &self.schema.kinds)?;
                self.fold(&record)?;
                let events = || record.events.iter().map(AuditedEvent::new);
                audits.iter_mut().for_each(|audit| events().for_each(|it| audit.see(&it)));
            }
            progress(seen, self.head);
        }
        Ok(())
    }

    fn fold(&mut self, record: &Committed) -> Result<(), NotVerified> {
        self.verified.records += 1;
        self.verified.events += record.events.len() as u64;
        let mut due = FxHashSet::default();
        for of_command in record.events.chunk_by(|a, b| a.causation == b.causation) {
            self.fold_command(of_command, &mut due)?;
        }
        for id in due.into_iter().collect::<std::collections::BTreeSet<_>>() {
            self.check(&id)?;
        }
        Ok(self.materialized.derive(self.schema, record)?)
    }

    /// Folds the events of one command, then checks the invariants that concern them.
    fn fold_command(
        &mut self,
        events: &[CommittedEvent],
        due: &mut FxHashSet<(KindIndex, Key)>,
    ) -> Result<(), NotVerified> {
        let kinds = &self.schema.kinds;
        let service_events = || events.iter().filter(|it| it.kind != KindIndex::KERNEL);
        for event in service_events() {
            let id = (event.kind, event.key.clone());
            if !self.aggregates.contains_key(&id) {
                let fresh = kinds.get(id.0).restore(&id.1, None)?;
                self.aggregates.insert(id.clone(), fresh);
            }
            let recorder = self.aggregates.get_mut(&id).expect("inserted above");
            recorder.fold_any(event.event.as_any());
            // A whole check costs time in proportion to the aggregate's size, so it is done each
            // time that its version has doubled.
            if recorder.version().is_power_of_two() {
                due.insert(id);
            }
        }
        for event in service_events() {
            let recorder = self.aggregates.get_mut(&(event.kind, event.key.clone()));
            let (kind, recorder) = (kinds.get(event.kind), recorder.expect("folded above"));
            self.verified.checks += 1;
            kind.check_after(recorder.as_mut(), event.event.as_any()).or_else(|why| {
                let (kind_name, key, command) = (kind.name, &event.key, event.causation);
                difference(format!(
                    "after command {command} the {kind_name} {key:?} violates an invariant: {why}"
                ))
            })?;
        }
        Ok(())
    }

    fn check(&mut self, id: &(KindIndex, Key)) -> Result<(), NotVerified> {
        let kind = self.schema.kinds.get(id.0);
        let Some(recorder) = self.aggregates.get_mut(id) else {
            return Ok(());
        };
        self.verified.checks += 1;
        let (version, kind_name, key) = (recorder.version(), kind.name, &id.1);
        kind.check(recorder.as_mut()).or_else(|why| {
            difference(format!(
                "the {kind_name} {key:?} violates an invariant at version {version}: {why}"
            ))
        })
    }

    fn compare_aggregates(&mut self) -> Result<(), NotVerified> {
        let mut ids: Vec<_> = self.aggregates.keys().cloned().collect();
        ids.sort_unstable();
        for id in ids {
            self.check(&id)?;
            let (kind_name, key) = (self.schema.kinds.get(id.0).name, &id.1);
            let loaded = self.partition.projector.read()?.streams().load(id.0, key)?;
            let text = |recorder: &dyn AnyRecorder| {
                recorder.snapshot().map_err(|e| StoreError(e.to_string()))
            };
            let (folded, loaded) = (text(self.aggregates[&id].as_ref())?, text(loaded.as_ref())?);
            if folded != loaded {
                let (folded, loaded) = first_difference(&folded.1, &loaded.1);
                return difference(format!(
                    "the {kind_name} {key:?} is {folded} by the log, but {loaded} by its stream \
                     and snapshot"
                ));
            }
            self.verified.aggregates += 1;
        }
        Ok(())
    }

    fn compare_rows(&mut self) -> Result<(), NotVerified> {
        let mut materialized = self.partition.projector.write()?;
        let timers = materialized.timers.name();
        for (derived, used) in self.materialized.tables().zip(materialized.tables()) {
            // Timers that have fired are deleted from the table, but can be derived from the log.
            if used.name() != timers {
                self.verified.rows += compare(derived, used)?;
            }
        }
        Ok(())
    }
}

/// Compares two tables row by row and returns the number of rows.
fn compare(derived: &dyn AnyTable, used: &dyn AnyTable) -> Result<u64, NotVerified> {
    let (mut after, mut count) = (None, 0);
    loop {
        let (by_log, in_use) =
            (derived.page(after.as_deref(), PAGE_ROWS)?, used.page(after.as_deref(), PAGE_ROWS)?);
        if by_log != in_use {
            let differs = by_log.iter().zip(&in_use).find(|(a, b)| a != b);
            let at = by_log.len().min(in_use.len());
            let differs = differs.map(|(a, b)| (Some(a), Some(b)));
            let (a, b) = differs.unwrap_or_else(|| (by_log.get(at), in_use.get(at)));
            return difference(format!("the view {} has {b:?}, the log says {a:?}", used.name()));
        }
        count += by_log.len() as u64;
        match by_log.into_iter().next_back() {
            Some((key, _)) => after = Some(key),
            None => return Ok(count),
        }
    }
}

fn difference<T>(what: String) -> Result<T, NotVerified> {
    Err(NotVerified::Difference(what))
}

/// Excerpts of two texts around their first difference.
fn first_difference<'t>(a: &'t str, b: &'t str) -> (&'t str, &'t str) {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let part = |text: &'t str| {
        let from = text.floor_char_boundary(common.saturating_sub(60));
        &text[from..text.floor_char_boundary((common + 120).min(text.len()))]
    };
    (part(a), part(b))
}

/// A row store that is always empty: a verification keeps everything in memory.
struct NoRows;

impl RowStore for NoRows {
    fn flushed(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
    fn flush(&self, _: &FlushBatch<'_>) -> Result<(), StoreError> {
        Err(StoreError("a verification is not flushed".into()))
    }
    fn row(&self, _: &str, _: &str) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
    fn rows(&self, _: &str, _: &KeyRange) -> Result<Vec<(String, String)>, StoreError> {
        Ok(Vec::new())
    }
    fn clear(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
