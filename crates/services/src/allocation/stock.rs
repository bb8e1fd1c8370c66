//! The stock of one SKU: its batches, and the lines that have or want a place in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use earmark_contracts::values::{BatchReference, Day, PRIORITY_MAX};
use earmark_kernel::{Aggregate, UnixMillis};
use imbl::OrdSet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::batch_totals::{BatchTotals, Line, Place};
use super::events::{BatchCreated, LineKey, StockEvent};
use super::line_index::{KeyedLine, LineIndex};
use super::ranking::{Entry, Rank, Ranking};

/// The stock of one SKU. Its key is the SKU.
#[derive(Clone, Debug, Default)]
pub struct Stock {
    /// In the order in which they were created; never removed. Most stocks have few: these stand
    /// here, where they are found without a look elsewhere in memory.
    batches: SmallVec<[Arc<Batch>; 2]>,
    by_reference: BTreeMap<BatchReference, usize>,
    lines: LineIndex,
    /// How many lines were ever accepted.
    accepted: u32,
    /// Lines that wait.
    short: Ranking,
    /// Batches with something to promise, in order of preference: in the warehouse, then by ETA,
    /// then by creation. Sorted; there are no more of them than batches, and one stands here.
    offered: SmallVec<[(Option<Day>, usize); 1]>,
    /// When holds end.
    holds: OrdSet<(UnixMillis, LineKey)>,
    /// When open batches expire.
    expiries: OrdSet<(Day, usize)>,
}

/// A batch with the lines that are in it.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// As it was created: the same again changes nothing.
    pub(super) created: BatchCreated,
    pub(super) totals: BatchTotals,
    pub(super) lines: Ranking,
}

impl Stock {
    /// Whether any batch of this SKU was ever created.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.batches.is_empty()
    }

    /// The totals of a batch.
    #[must_use]
    pub fn totals(&self, reference: &BatchReference) -> Option<&BatchTotals> {
        self.batch(reference).map(|batch| &batch.totals)
    }

    /// The facts of a line.
    #[must_use]
    pub fn line(&self, key: &LineKey) -> Option<&Line> {
        self.lines.get(key).map(|it| &it.line)
    }

    /// All batches, in order of creation.
    pub fn all_totals(&self) -> impl Iterator<Item = &BatchTotals> {
        self.batches.iter().map(|batch| &batch.totals)
    }

    /// All lines that were accepted and not released, always in the same order.
    pub fn all_lines(&self) -> impl Iterator<Item = (&LineKey, &Line)> {
        self.lines.iter().map(|it| (&it.key, &it.line))
    }

    pub(super) fn batch(&self, reference: &BatchReference) -> Option<&Batch> {
        self.place(reference).map(|place| &*self.batches[place])
    }

    /// Where a batch stands. Most often it is the one that is offered first, which is at hand.
    fn place(&self, reference: &BatchReference) -> Option<usize> {
        let first = self.offered.first().map(|(_, place)| *place);
        first
            .filter(|place| self.batches[*place].totals.reference == *reference)
            .or_else(|| self.by_reference.get(reference).copied())
    }

    pub(super) fn short(&self) -> &Ranking {
        &self.short
    }

    /// Batches with something to promise, the preferred first.
    pub(super) fn offered(&self) -> impl Iterator<Item = &Batch> {
        self.offered.iter().map(|(_, place)| &*self.batches[*place])
    }

    /// How many batches have nothing to promise.
    pub(super) fn exhausted(&self) -> usize {
        self.batches.len() - self.offered.len()
    }

    /// The next hold that ends, with its moment.
    pub(super) fn next_hold_end(&self) -> Option<&(UnixMillis, LineKey)> {
        self.holds.get_min()
    }

    /// The next open batch that expires, with its day.
    pub(super) fn next_expiry(&self) -> Option<(Day, &Batch)> {
        self.expiries.get_min().map(|(day, place)| (*day, &*self.batches[*place]))
    }

    /// What must hold for every stock between two commands; the first thing that does not.
    ///
    /// # Errors
    /// A sentence that says what does not hold.
    pub fn check(&self) -> Result<(), String> {
        let mut placed: BTreeMap<&BatchReference, (u64, u64)> = BTreeMap::new();
        for (key, line) in self.all_lines() {
            if let Place::In { batch, held_until, .. } = &line.place {
                let sums = placed.entry(batch).or_default();
                sums.0 += u64::from(line.open());
                sums.1 += if held_until.is_some() { u64::from(line.open()) } else { 0 };
            }
            if line.shipped > line.quantity || line.returned > line.shipped {
                return Err(format!("the line {key:?} has moved more than it wants: {line:?}"));
            }
        }
        for batch in &self.batches {
            let it = &batch.totals;
            let sums = placed.remove(&it.reference).unwrap_or_default();
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
        match placed.keys().next() {
            Some(batch) => Err(format!("lines are in the batch {}, which is not there", batch.0)),
            None => Ok(()),
        }
    }

    /// What must hold after every command of what one of its events is about: nothing is promised
    /// twice, nothing is left in a closed batch, no line has moved more than it wants.
    ///
    /// # Errors
    /// A sentence that says what does not hold.
    pub fn check_after(&self, event: &StockEvent) -> Result<(), String> {
        if let Some(it) = event.batch().and_then(|reference| self.totals(reference)) {
            let is_sound = it.held <= it.allocated && it.allocated <= it.purchased;
            if !is_sound || (it.closed.is_some() && it.allocated > 0) {
                return Err(format!("the batch {} is oversold: {it:?}", it.reference.0));
            }
        }
        if let Some((key, line)) = event.line().and_then(|(key, _)| Some((key, self.line(key)?))) {
            if line.shipped > line.quantity || line.returned > line.shipped {
                return Err(format!("the line {key:?} has moved more than it wants: {line:?}"));
            }
            let batch = line.batch().filter(|_| line.open() > 0);
            if batch.is_some_and(|batch| self.totals(batch).is_none()) {
                return Err(format!("the line {key:?} is in a batch that is not there: {line:?}"));
            }
        }
        Ok(())
    }

    fn change_batch(&mut self, event: &StockEvent) {
        let Some(reference) = event.batch() else {
            return;
        };
        let Some(place) = self.place(reference) else {
            return;
        };
        let batch = Arc::make_mut(&mut self.batches[place]);
        let before = eta_of_offer(&batch.totals);
        batch.totals.evolve(event);
        let after = eta_of_offer(&batch.totals);
        if batch.totals.closed.is_some()
            && let Some(day) = batch.totals.expires
        {
            self.expiries.remove(&(day, place));
        }
        if before != after {
            if let Some(Ok(at)) = before.map(|eta| self.offered.binary_search(&(eta, place))) {
                self.offered.remove(at);
            }
            self.offer(after, place);
        }
    }

    fn offer(&mut self, eta: Option<Option<Day>>, place: usize) {
        let Some(eta) = eta else { return };
        if let Err(at) = self.offered.binary_search(&(eta, place)) {
            self.offered.insert(at, (eta, place));
        }
    }

    fn create_batch(&mut self, created: BatchCreated, totals: BatchTotals) {
        let place = self.batches.len();
        self.by_reference.insert(totals.reference.clone(), place);
        self.offer(eta_of_offer(&totals), place);
        if let (Some(day), None) = (totals.expires, totals.closed) {
            self.expiries.insert((day, place));
        }
        self.batches.push(Arc::new(Batch { created, totals, lines: Ranking::default() }));
    }

    fn change_line(&mut self, event: &StockEvent) {
        let Some((key, _)) = event.line() else { return };
        if matches!(event, StockEvent::OutOfStock(_)) {
            return;
        }
        // A new line may take the id of one that has ended; what is released is there.
        let released = matches!(event, StockEvent::Released(_));
        let known = self.lines.get(key).filter(|it| released || !it.line.ended());
        let known = match known.map(Arc::clone) {
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
        if matches!(known.line.place, Place::Released) {
            self.lines.remove(key);
        } else {
            self.keep(known);
        }
    }

    fn keep(&mut self, known: KeyedLine) {
        let known = Arc::new(known);
        self.rank(&known);
        self.lines.insert(known);
    }

    fn rank(&mut self, known: &Arc<KeyedLine>) {
        let line = &known.line;
        let Some(ranking) = self.ranking(&line.place) else {
            return;
        };
        let (rank, quantity) = (rank(line), line.open());
        ranking.insert(line.need_by, Entry { rank, quantity, line: Arc::clone(known) });
        if let Place::In { held_until: Some(until), .. } = line.place {
            self.holds.insert((until, known.key.clone()));
        }
    }

    fn unrank(&mut self, known: &KeyedLine) {
        let line = &known.line;
        if let Some(ranking) = self.ranking(&line.place) {
            ranking.remove(line.need_by, rank(line));
        }
        if let Place::In { held_until: Some(until), .. } = line.place {
            self.holds.remove(&(until, known.key.clone()));
        }
    }

    /// The ranking that lines at a place stand in.
    fn ranking(&mut self, place: &Place) -> Option<&mut Ranking> {
        match place {
            Place::Short { .. } => Some(&mut self.short),
            Place::In { batch, .. } => {
                let place = self.place(batch)?;
                Some(&mut Arc::make_mut(&mut self.batches[place]).lines)
            }
            Place::Shipped { .. } | Place::HoldEnded | Place::Released => None,
        }
    }
}

/// Under which ETA a batch is offered; none: it has nothing to promise.
fn eta_of_offer(totals: &BatchTotals) -> Option<Option<Day>> {
    (totals.available() > 0).then_some(totals.eta)
}

fn rank(line: &Line) -> Rank {
    let unimportance = PRIORITY_MAX - line.priority.level();
    Rank { held: line.held_until().is_some(), unimportance, number: line.number }
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

/// A stock in a snapshot; what can be derived from it is left out.
#[derive(Deserialize)]
struct Stored {
    batches: Vec<(BatchCreated, BatchTotals)>,
    lines: Vec<(LineKey, Line)>,
    accepted: u32,
}

#[derive(Serialize)]
struct Storing<'a> {
    batches: Vec<(&'a BatchCreated, &'a BatchTotals)>,
    lines: Vec<(&'a LineKey, &'a Line)>,
    accepted: u32,
}

impl Serialize for Stock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let batches = self.batches.iter().map(|it| (&it.created, &it.totals)).collect();
        let lines = self.all_lines().collect();
        Storing { batches, lines, accepted: self.accepted }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let mut stock = Self { accepted: stored.accepted, ..Self::default() };
        stored.batches.into_iter().for_each(|(created, it)| stock.create_batch(created, it));
        for (key, line) in stored.lines {
            stock.keep(KeyedLine { key, line });
        }
        Ok(stock)
    }
}
