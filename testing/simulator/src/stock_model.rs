//! A second opinion on stock: batches and lines folded from the log by other code than the
//! service's, which checks that every event may follow those before it.

use std::collections::BTreeMap;

use earmark_services::allocation::{LineKey, StockEvent};

/// A batch, in units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) sku: String,
    pub(crate) purchased: i64,
    pub(crate) allocated: i64,
    pub(crate) held: i64,
    pub(crate) incoming: bool,
    pub(crate) closed: bool,
    /// Every event that concerns it counts, from 1.
    pub(crate) version: u32,
}

/// A line, in units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) quantity: i64,
    pub(crate) shipped: i64,
    pub(crate) returned: i64,
    /// The batch that units left last.
    pub(crate) shipped_from: Option<String>,
    /// In milliseconds of virtual time; also while it has lost its place and waits for another.
    pub(crate) held_until: Option<i64>,
    pub(crate) place: Place,
}

/// The one place where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Short,
    In { batch: String, held: bool },
    Shipped { batch: String },
    HoldEnded,
}

impl Line {
    fn accepted(quantity: i64, place: Place, held_until: Option<i64>) -> Self {
        Self { quantity, shipped: 0, returned: 0, shipped_from: None, held_until, place }
    }

    pub(crate) fn open(&self) -> i64 {
        self.quantity - self.shipped
    }
}

/// A line's SKU, order and line id.
pub(crate) type LineId = (String, String, String);

/// All stock of a world, over all partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct StockModel {
    pub(crate) batches: BTreeMap<String, Batch>,
    pub(crate) lines: BTreeMap<LineId, Line>,
}

type Checked = Result<(), String>;

pub(crate) fn line_id(sku: &str, line: &LineKey) -> LineId {
    (sku.to_owned(), line.order_id.0.to_string(), line.line_id.0.to_string())
}

fn demand(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

impl StockModel {
    /// Changes the stock as an event says, if it may.
    pub(crate) fn fold(&mut self, sku: &str, event: &StockEvent) -> Checked {
        self.fold_batch(sku, event)?;
        if let Some(batch) = event.batch().and_then(|it| self.batches.get_mut(&*it.0)) {
            batch.version += 1;
        }
        Ok(())
    }

    fn fold_batch(&mut self, sku: &str, event: &StockEvent) -> Checked {
        match event {
            StockEvent::BatchCreated(it) => {
                let batch = Batch {
                    sku: sku.to_owned(),
                    purchased: i64::from(it.quantity),
                    incoming: it.eta.is_some(),
                    ..Batch::default()
                };
                let taken = self.batches.insert(it.batch.0.to_string(), batch);
                demand(taken.is_none(), || format!("the reference {} is not unique", it.batch.0))
            }
            StockEvent::BatchResized(it) => {
                let batch = self.open_batch(sku, &it.batch.0)?;
                demand(batch.purchased == i64::from(it.from), || {
                    format!("{batch:?} is not {it:?}")
                })?;
                batch.purchased = i64::from(it.to);
                Ok(())
            }
            StockEvent::BatchEtaChanged(it) => {
                let batch = self.open_batch(sku, &it.batch.0)?;
                demand(batch.incoming == it.from.is_some(), || format!("{batch:?}: {it:?}"))?;
                batch.incoming = it.to.is_some();
                Ok(())
            }
            StockEvent::BatchClosed(it) => {
                self.open_batch(sku, &it.batch.0)?.closed = true;
                Ok(())
            }
            _ => self.fold_line(sku, event),
        }
    }

    fn fold_line(&mut self, sku: &str, event: &StockEvent) -> Checked {
        match event {
            StockEvent::BatchCreated(_)
            | StockEvent::BatchResized(_)
            | StockEvent::BatchEtaChanged(_)
            | StockEvent::BatchClosed(_) => Err("no event of a line".into()),
            StockEvent::Queued(it) => self.accept(sku, &it.line, it.quantity, Place::Short, None),
            StockEvent::StockExhausted(_) => Ok(()),
            StockEvent::Allocated(it) => {
                let (quantity, held_until) = (i64::from(it.quantity), it.held_until.map(|it| it.0));
                let held = held_until.is_some();
                self.take(sku, &it.batch.0, quantity, held)?;
                let place = Place::In { batch: it.batch.0.to_string(), held };
                if !it.again {
                    return self.accept(sku, &it.line, it.quantity, place, held_until);
                }
                let line = self.line(sku, &it.line)?;
                demand(line.place == Place::Short, || format!("in two places: {line:?}, {it:?}"))?;
                demand(line.open() == quantity, || format!("not whole: {line:?}, {it:?}"))?;
                demand(line.held_until == held_until, || format!("{line:?}: {it:?}"))?;
                line.place = place;
                Ok(())
            }
            StockEvent::Deallocated(it) => {
                self.give_back(sku, &it.line, &it.batch.0, it.held, Place::Short)
            }
            StockEvent::Released(it) => self.release(sku, &it.line, it.batch.as_ref(), it.held),
            StockEvent::HoldEnded(it) => {
                if let Some(batch) = &it.batch {
                    return self.give_back(sku, &it.line, &batch.0, true, Place::HoldEnded);
                }
                let line = self.line(sku, &it.line)?;
                demand(line.place == Place::Short, || format!("{line:?} cannot lapse: {it:?}"))?;
                line.place = Place::HoldEnded;
                line.held_until = None;
                Ok(())
            }
            StockEvent::HoldConfirmed(it) => {
                let quantity = i64::from(it.quantity);
                let line = self.line(sku, &it.line)?;
                let batch = it.batch.0.to_string();
                let held = Place::In { batch: batch.clone(), held: true };
                demand(line.place == held, || format!("{line:?} is not held: {it:?}"))?;
                line.place = Place::In { batch, held: false };
                line.held_until = None;
                self.open_batch(sku, &it.batch.0)?.held -= quantity;
                Ok(())
            }
            StockEvent::Shipped(it) => {
                self.ship(sku, &it.line, &it.batch.0, i64::from(it.quantity), it.finished)
            }
            StockEvent::Returned(it) => {
                let quantity = i64::from(it.quantity);
                let line = self.line(sku, &it.line)?;
                line.returned += quantity;
                demand(line.returned <= line.shipped, || format!("too much back: {line:?}"))?;
                if let Some(batch) = &it.batch {
                    self.open_batch(sku, &batch.0)?.purchased += quantity;
                }
                Ok(())
            }
        }
    }

    /// What must hold between two groups, for all that is there.
    pub(crate) fn check(&self) -> Checked {
        let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for line in self.lines.values() {
            if let Place::In { batch, held } = &line.place {
                let sum = sums.entry(batch).or_default();
                sum.0 += line.open();
                sum.1 += if *held { line.open() } else { 0 };
            }
        }
        for (reference, it) in &self.batches {
            let sum = sums.remove(reference.as_str()).unwrap_or_default();
            let holds = (0..=it.purchased).contains(&it.allocated)
                && (0..=it.allocated).contains(&it.held)
                && sum == (it.allocated, it.held)
                && !(it.closed && it.allocated > 0);
            demand(holds, || format!("not conserved: {reference}: {it:?}, its lines: {sum:?}"))?;
        }
        demand(sums.is_empty(), || format!("lines are in batches that are not there: {sums:?}"))
    }

    /// No hold of a SKU, or of any, is there at a time when it is over.
    pub(crate) fn check_holds(&self, sku: Option<&str>, at_ms: i64) -> Checked {
        let lines = self.lines.iter().filter(|(id, _)| sku.is_none_or(|sku| id.0 == sku));
        let is_over = |it: &Line| it.held_until.is_some_and(|until| until <= at_ms);
        let over = lines.into_iter().find(|(_, it)| is_over(it));
        demand(over.is_none(), || format!("at {at_ms} a hold is there that is over: {over:?}"))
    }

    fn open_batch(&mut self, sku: &str, reference: &str) -> Result<&mut Batch, String> {
        let batch = self.batches.get_mut(reference).filter(|it| it.sku == sku && !it.closed);
        batch.ok_or_else(|| format!("{sku} has no open batch {reference}"))
    }

    fn line(&mut self, sku: &str, key: &LineKey) -> Result<&mut Line, String> {
        let line = self.lines.get_mut(&line_id(sku, key));
        line.ok_or_else(|| format!("{sku} has no line {key:?}"))
    }

    fn accept(
        &mut self,
        sku: &str,
        key: &LineKey,
        quantity: u32,
        place: Place,
        held_until: Option<i64>,
    ) -> Checked {
        let (id, quantity) = (line_id(sku, key), i64::from(quantity));
        let before = self.lines.insert(id, Line::accepted(quantity, place, held_until));
        let free = before.as_ref().is_none_or(|it| it.place == Place::HoldEnded);
        demand(free, || format!("accepted twice: {key:?}, {before:?}"))
    }

    fn take(&mut self, sku: &str, reference: &str, quantity: i64, held: bool) -> Checked {
        let batch = self.open_batch(sku, reference)?;
        batch.allocated += quantity;
        batch.held += if held { quantity } else { 0 };
        demand(batch.allocated <= batch.purchased, || format!("oversold: {reference}: {batch:?}"))
    }

    fn give_back(
        &mut self,
        sku: &str,
        key: &LineKey,
        reference: &str,
        held: bool,
        after: Place,
    ) -> Checked {
        let line = self.line(sku, key)?;
        let there = Place::In { batch: reference.to_owned(), held };
        demand(line.place == there, || format!("{key:?} is not in {there:?}: {line:?}"))?;
        let quantity = line.open();
        line.held_until = line.held_until.filter(|_| after == Place::Short);
        line.place = after;
        // A batch that was closed gives up its lines after it.
        let batch = self.batches.get_mut(reference).ok_or("no such batch")?;
        batch.allocated -= quantity;
        batch.held -= if held { quantity } else { 0 };
        Ok(())
    }

    fn release(
        &mut self,
        sku: &str,
        key: &LineKey,
        batch: Option<&earmark_contracts::values::BatchReference>,
        held: bool,
    ) -> Checked {
        if let Some(batch) = batch {
            self.give_back(sku, key, &batch.0, held, Place::HoldEnded)?;
        }
        let line = self.line(sku, key)?;
        let free = matches!(line.place, Place::Short | Place::HoldEnded);
        demand(free, || format!("{key:?} gave no place back: {line:?}"))?;
        if let (true, Some(batch)) = (line.shipped > 0, line.shipped_from.clone()) {
            line.quantity = line.shipped;
            line.held_until = None;
            line.place = Place::Shipped { batch };
        } else {
            self.lines.remove(&line_id(sku, key));
        }
        Ok(())
    }

    fn ship(
        &mut self,
        sku: &str,
        key: &LineKey,
        reference: &str,
        quantity: i64,
        finished: bool,
    ) -> Checked {
        let batch = self.open_batch(sku, reference)?;
        demand(!batch.incoming, || format!("shipped from what has not arrived: {batch:?}"))?;
        batch.purchased -= quantity;
        batch.allocated -= quantity;
        let line = self.line(sku, key)?;
        let there = Place::In { batch: reference.to_owned(), held: false };
        demand(line.place == there, || format!("shipped from {there:?}: {line:?}"))?;
        line.shipped += quantity;
        line.shipped_from = Some(reference.to_owned());
        let right = line.open() >= 0 && finished == (line.open() == 0);
        demand(right, || format!("shipped too much, or not finished: {line:?}"))?;
        if finished {
            line.place = Place::Shipped { batch: reference.to_owned() };
        }
        Ok(())
    }
}
