//! The stock of one SKU: its batches and the lines that are allocated to them or wait for stock.

use std::collections::BTreeMap;
use std::sync::Arc;

use earmark_contracts::values::{BatchReference, Day, PRIORITY_MAX};
use earmark_kernel::{Aggregate, UnixMillis};
use imbl::OrdSet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::batch_totals::BatchTotals;
use super::events::{BatchCreated, LineKey, StockEvent};
use super::line::{Line, LineStatus};
use super::line_index::{KeyedLine, LineIndex};
use super::ranking::{Entry, Rank, Ranking};

/// The stock of one SKU. The aggregate's key is the SKU.
#[derive(Clone, Debug, Default)]
pub struct Stock {
    /// All batches, in order of creation; none is ever removed. Most stocks have at most two, which
    /// are stored inline.
    batches: SmallVec<[Arc<Batch>; 2]>,
    by_reference: BTreeMap<BatchReference, usize>,
    lines: LineIndex,
    /// The number of lines accepted so far.
    accepted: u32,
    /// Lines that wait for stock.
    short: Ranking,
    /// Batches with available units, by ETA and index, which is the order of preference: in the
    /// warehouse, then by ETA, then by creation. Sorted; one is stored inline.
    candidates: SmallVec<[(Option<Day>, usize); 1]>,
    /// Held lines by the end of their hold, without those whose reservation ends it.
    holds: OrdSet<(UnixMillis, LineKey)>,
    /// Open batches by their expiry day.
    expiries: OrdSet<(Day, usize)>,
}

/// A batch with the lines that are allocated to it.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The original values, to which a repeated creation is compared.
    pub(super) created: BatchCreated,
    pub(super) totals: BatchTotals,
    pub(super) lines: Ranking,
}

impl Stock {
    /// Whether a batch of this SKU was ever created.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.batches.is_empty()
    }

    /// The totals of a batch.
    #[must_use]
    pub fn totals(&self, reference: &BatchReference) -> Option<&BatchTotals> {
        self.batch(reference).map(|batch| &batch.totals)
    }

    /// The state of a line.
    #[must_use]
    pub fn line(&self, key: &LineKey) -> Option<&Line> {
        self.lines.get(key).map(|it| &it.line)
    }

    /// All batches, in order of creation.
    pub fn all_totals(&self) -> impl Iterator<Item = &BatchTotals> {
        self.batches.iter().map(|batch| &batch.totals)
    }

    /// All accepted lines that were not released, in an order that depends only on their keys.
    pub fn all_lines(&self) -> impl Iterator<Item = (&LineKey, &Line)> {
        self.lines.iter().map(|it| (&it.key, &it.line))
    }

    pub(super) fn batch(&self, reference: &BatchReference) -> Option<&Batch> {
        self.index(reference).map(|index| &*self.batches[index])
    }

    /// The index of a batch. Most often it is the first candidate, which needs no lookup.
    fn index(&self, reference: &BatchReference) -> Option<usize> {
        let first = self.candidates.first().map(|(_, index)| *index);
        first
            .filter(|index| self.batches[*index].totals.reference == *reference)
            .or_else(|| self.by_reference.get(reference).copied())
    }

    /// The lines that wait for stock.
    pub(super) fn short(&self) -> &Ranking {
        &self.short
    }

    /// Batches with available units, in order of preference.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &Batch> {
        self.candidates.iter().map(|(_, index)| &*self.batches[*index])
    }

    /// The number of batches without available units.
    pub(super) fn exhausted(&self) -> usize {
        self.batches.len() - self.candidates.len()
    }

    /// The next hold that ends, with its end.
    pub(super) fn next_hold_end(&self) -> Option<&(UnixMillis, LineKey)> {
        self.holds.get_min()
    }

    /// The next open batch that expires, with its expiry day.
    pub(super) fn next_expiry(&self) -> Option<(Day, &Batch)> {
        self.expiries.get_min().map(|(day, index)| (*day, &*self.batches[*index]))
    }

    /// Checks the invariants of a stock between two commands.
    ///
    /// # Errors
    /// A sentence that describes the first violation.
    pub fn check(&self) -> Result<(), String> {
        let mut sums_by_batch: BTreeMap<&BatchReference, (u64, u64)> = BTreeMap::new();
        for (key, line) in self.all_lines() {
            if let LineStatus::Allocated { batch, held_until, .. } = &line.status {
                let sums = sums_by_batch.entry(batch).or_default();
                sums.0 += u64::from(line.open());
                sums.1 += if held_until.is_some() { u64::from(line.open()) } else { 0 };
            }
            check_units(key, line)?;
        }
        for batch in &self.batches {
            let it = &batch.totals;
            let sums = sums_by_batch.remove(&it.reference).unwrap_or_default();
            if it.allocated > it.purchased {
                return Err(format!("the batch {} is oversold: {it:?}", it.reference.0));
            }
            if sums != (u64::from(it.allocated), u64::from(it.held)) {
                let reference = &it.reference.0;
                return Err(format!("the lines of batch {reference} sum to {sums:?}: {it:?}"));
            }
            if it.closed.is_some() && it.allocated > 0 {
                return Err(format!("the closed batch {} has lines: {it:?}", it.reference.0));
            }
        }
        match sums_by_batch.keys().next() {
            Some(batch) => Err(format!("lines are in the unknown batch {}", batch.0)),
            None => Ok(()),
        }
    }

    /// Checks the batch and the line of an event after its command: no unit is promised twice, a
    /// closed batch has no lines, and no line has shipped or returned too many units.
    ///
    /// # Errors
    /// A sentence that describes the first violation.
    pub fn check_after(&self, event: &StockEvent) -> Result<(), String> {
        if let Some(it) = event.batch().and_then(|reference| self.totals(reference)) {
            let is_sound = it.held <= it.allocated && it.allocated <= it.purchased;
            if !is_sound || (it.closed.is_some() && it.allocated > 0) {
                return Err(format!("the batch {} is oversold: {it:?}", it.reference.0));
            }
        }
        if let Some((key, line)) = event.line().and_then(|(key, _)| Some((key, self.line(key)?))) {
            check_units(key, line)?;
            let batch = line.batch().filter(|_| line.open() > 0);
            if batch.is_some_and(|batch| self.totals(batch).is_none()) {
                return Err(format!("the line {key:?} is in an unknown batch: {line:?}"));
            }
        }
        Ok(())
    }

    fn change_batch(&mut self, event: &StockEvent) {
        let Some(reference) = event.batch() else {
            return;
        };
        let Some(index) = self.index(reference) else {
            return;
        };
        let batch = Arc::make_mut(&mut self.batches[index]);
        let before = candidate_eta(&batch.totals);
        batch.totals.evolve(event);
        let after = candidate_eta(&batch.totals);
        if batch.totals.closed.is_some()
            && let Some(day) = batch.totals.expires
        {
            self.expiries.remove(&(day, index));
        }
        if before != after {
            if let Some(Ok(at)) = before.map(|eta| self.candidates.binary_search(&(eta, index))) {
                self.candidates.remove(at);
            }
            self.add_candidate(after, index);
        }
    }

    fn add_candidate(&mut self, eta: Option<Option<Day>>, index: usize) {
        let Some(eta) = eta else { return };
        if let Err(at) = self.candidates.binary_search(&(eta, index)) {
            self.candidates.insert(at, (eta, index));
        }
    }

    fn create_batch(&mut self, created: BatchCreated, totals: BatchTotals) {
        let index = self.batches.len();
        self.by_reference.insert(totals.reference.clone(), index);
        self.add_candidate(candidate_eta(&totals), index);
        if let (Some(day), None) = (totals.expires, totals.closed) {
            self.expiries.insert((day, index));
        }
        self.batches.push(Arc::new(Batch { created, totals, lines: Ranking::default() }));
    }

    fn change_line(&mut self, event: &StockEvent) {
        let Some((key, _)) = event.line() else { return };
        if matches!(event, StockEvent::StockExhausted(_) | StockEvent::GoodsReady(_)) {
            return;
        }
        // An ended line is replaced by a new line with its id, unless it is released.
        let released = matches!(event, StockEvent::Released(_));
        let existing = self.lines.get(key).filter(|it| released || !it.line.ended());
        let changed = match existing.map(Arc::clone) {
            Some(before) => {
                self.unrank(&before);
                let mut after = KeyedLine::clone(&before);
                after.line.evolve(event);
                after
            }
            None => {
                let Some(mut line) = Line::accepted(event, self.accepted) else {
                    return;
                };
                self.accepted += 1;
                line.evolve(event);
                KeyedLine { key: key.clone(), line }
            }
        };
        if matches!(changed.line.status, LineStatus::Released) {
            self.lines.remove(key);
        } else {
            self.insert_line(changed);
        }
    }

    fn insert_line(&mut self, line: KeyedLine) {
        let line = Arc::new(line);
        self.rank(&line);
        self.lines.insert(line);
    }

    fn rank(&mut self, keyed: &Arc<KeyedLine>) {
        let line = &keyed.line;
        let Some(ranking) = self.ranking(&line.status) else {
            return;
        };
        let (rank, quantity) = (rank(line), line.open());
        ranking.insert(line.need_by, Entry { rank, quantity, line: Arc::clone(keyed) });
        if let (LineStatus::Allocated { .. }, Some(until)) = (&line.status, line.ends_by_itself()) {
            self.holds.insert((until, keyed.key.clone()));
        }
    }

    fn unrank(&mut self, keyed: &KeyedLine) {
        let line = &keyed.line;
        if let Some(ranking) = self.ranking(&line.status) {
            ranking.remove(line.need_by, rank(line));
        }
        if let (LineStatus::Allocated { .. }, Some(until)) = (&line.status, line.ends_by_itself()) {
            self.holds.remove(&(until, keyed.key.clone()));
        }
    }

    /// The ranking that contains lines with this status.
    fn ranking(&mut self, status: &LineStatus) -> Option<&mut Ranking> {
        match status {
            LineStatus::Short { .. } => Some(&mut self.short),
            LineStatus::Allocated { batch, .. } => {
                let index = self.index(batch)?;
                Some(&mut Arc::make_mut(&mut self.batches[index]).lines)
            }
            LineStatus::Shipped { .. }
            | LineStatus::HoldEnded
            | LineStatus::Missing
            | LineStatus::Released => None,
        }
    }
}

fn check_units(key: &LineKey, line: &Line) -> Result<(), String> {
    if line.shipped > line.quantity || line.returned > line.shipped {
        return Err(format!("the line {key:?} has shipped or returned too many units: {line:?}"));
    }
    Ok(())
}

/// The ETA with which a batch is a candidate; `None` if it has no available units.
fn candidate_eta(totals: &BatchTotals) -> Option<Option<Day>> {
    (totals.available() > 0).then_some(totals.eta)
}

fn rank(line: &Line) -> Rank {
    let inverse_priority = PRIORITY_MAX - line.priority.level();
    Rank { held: line.held_until().is_some(), inverse_priority, number: line.number }
}

impl Aggregate for Stock {
    const NAME: &'static str = "stock";
    const VERSION: u32 = 2;
    type Event = StockEvent;

    fn evolve(&mut self, event: &StockEvent) {
        if let StockEvent::BatchCreated(fact) = event {
            self.create_batch(fact.clone(), BatchTotals::created(fact));
        } else {
            self.change_batch(event);
            self.change_line(event);
        }
    }
}

/// A stock in a snapshot, without what can be derived.
#[derive(Deserialize)]
struct Snapshot {
    batches: Vec<(BatchCreated, BatchTotals)>,
    lines: Vec<(LineKey, Line)>,
    accepted: u32,
}

/// [`Snapshot`] by reference, to be written.
#[derive(Serialize)]
struct SnapshotRef<'a> {
    batches: Vec<(&'a BatchCreated, &'a BatchTotals)>,
    lines: Vec<(&'a LineKey, &'a Line)>,
    accepted: u32,
}

impl Serialize for Stock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let batches = self.batches.iter().map(|it| (&it.created, &it.totals)).collect();
        let lines = self.all_lines().collect();
        SnapshotRef { batches, lines, accepted: self.accepted }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let snapshot = Snapshot::deserialize(deserializer)?;
        let mut stock = Self { accepted: snapshot.accepted, ..Self::default() };
        snapshot.batches.into_iter().for_each(|(created, it)| stock.create_batch(created, it));
        for (key, line) in snapshot.lines {
            stock.insert_line(KeyedLine { key, line });
        }
        Ok(stock)
    }
}
