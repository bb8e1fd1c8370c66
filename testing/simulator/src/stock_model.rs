//! An independent model of stock: batches and lines folded from the log, with a check that each
//! event is valid after the previous ones.

use std::collections::BTreeMap;

use earmark_services::allocation::events::Allocated;
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
    /// Number of events about the batch; the first version is 1.
    pub(crate) version: u32,
}

/// A line, in units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) quantity: i64,
    pub(crate) shipped: i64,
    pub(crate) returned: i64,
    /// The batch that the last shipment came from.
    pub(crate) shipped_from: Option<String>,
    /// Unix milliseconds; also set while the line has lost its allocation and waits for another.
    pub(crate) held_until: Option<i64>,
    /// It belongs to the reservation of its order.
    pub(crate) reserved: bool,
    pub(crate) allocation: Allocation,
}

/// The allocation of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allocation {
    Short,
    In {
        batch: String,
        held: bool,
    },
    Shipped {
        batch: String,
    },
    HoldEnded,
    /// It belongs to a reservation and has lost its stock.
    Missing,
}

impl Line {
    fn accepted(quantity: i64, allocation: Allocation, held_until: Option<i64>) -> Self {
        Self {
            quantity,
            shipped: 0,
            returned: 0,
            shipped_from: None,
            held_until,
            reserved: false,
            allocation,
        }
    }

    pub(crate) fn open(&self) -> i64 {
        self.quantity - self.shipped
    }
}

/// A line's SKU, order and line id.
pub(crate) type LineId = (String, String, String);

/// All stock of a run, over all partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct StockModel {
    pub(crate) batches: BTreeMap<String, Batch>,
    pub(crate) lines: BTreeMap<LineId, Line>,
}

type Checked = Result<(), String>;

pub(crate) fn line_id(sku: &str, line: &LineKey) -> LineId {
    (sku.to_owned(), line.order_id.0.to_string(), line.line_id.0.to_string())
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

impl StockModel {
    /// Applies an event, if it is valid.
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
                let previous = self.batches.insert(it.batch.0.to_string(), batch);
                ensure(previous.is_none(), || format!("the reference {} is not unique", it.batch.0))
            }
            StockEvent::BatchResized(it) => {
                let batch = self.open_batch(sku, &it.batch.0)?;
                ensure(batch.purchased == i64::from(it.from), || {
                    format!("{it:?} does not match {batch:?}")
                })?;
                batch.purchased = i64::from(it.to);
                Ok(())
            }
            StockEvent::BatchEtaChanged(it) => {
                let batch = self.open_batch(sku, &it.batch.0)?;
                ensure(batch.incoming == it.from.is_some(), || {
                    format!("{it:?} does not match {batch:?}")
                })?;
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
            | StockEvent::BatchClosed(_) => Err("not an event of a line".into()),
            StockEvent::Queued(it) => {
                self.accept(sku, &it.line, it.quantity, Allocation::Short, None)?;
                self.line(sku, &it.line)?.reserved = it.reservation.is_some();
                Ok(())
            }
            StockEvent::StockExhausted(_) | StockEvent::GoodsReady(_) => Ok(()),
            StockEvent::HoldAdopted(it) => {
                self.line(sku, &it.line)?.reserved = true;
                Ok(())
            }
            StockEvent::Allocated(it) => self.allocate_line(sku, it),
            StockEvent::Deallocated(it) => {
                self.deallocate(sku, &it.line, &it.batch.0, it.held, Allocation::Short)
            }
            StockEvent::Released(it) => self.release(sku, &it.line, it.batch.as_ref(), it.held),
            StockEvent::HoldEnded(it) => {
                if let Some(batch) = &it.batch {
                    return self.deallocate(sku, &it.line, &batch.0, true, Allocation::HoldEnded);
                }
                let line = self.line(sku, &it.line)?;
                line.allocation = match line.allocation {
                    Allocation::Short if line.reserved => Allocation::Missing,
                    Allocation::Short | Allocation::Missing => Allocation::HoldEnded,
                    _ => return Err(format!("{line:?} cannot expire: {it:?}")),
                };
                line.held_until = None;
                Ok(())
            }
            StockEvent::HoldConfirmed(it) => {
                let quantity = i64::from(it.quantity);
                let line = self.line(sku, &it.line)?;
                let batch = it.batch.0.to_string();
                let held = Allocation::In { batch: batch.clone(), held: true };
                ensure(line.allocation == held, || format!("{line:?} is not held: {it:?}"))?;
                line.allocation = Allocation::In { batch, held: false };
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
                ensure(line.returned <= line.shipped, || {
                    format!("more returned than shipped: {line:?}")
                })?;
                if let Some(batch) = &it.batch {
                    self.open_batch(sku, &batch.0)?.purchased += quantity;
                }
                Ok(())
            }
        }
    }

    /// Checks the invariants that hold between two groups.
    pub(crate) fn check(&self) -> Checked {
        let mut sums: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for line in self.lines.values() {
            if let Allocation::In { batch, held } = &line.allocation {
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
            ensure(holds, || format!("not conserved: {reference}: {it:?}, its lines: {sum:?}"))?;
        }
        ensure(sums.is_empty(), || format!("lines are allocated to unknown batches: {sums:?}"))
    }

    /// Checks that no hold of a SKU (`None`: of any SKU) has expired at `at_ms`, Unix milliseconds,
    /// except those that reservations end.
    pub(crate) fn check_holds(&self, sku: Option<&str>, at_ms: i64) -> Checked {
        let lines = self.lines.iter().filter(|(id, _)| sku.is_none_or(|sku| id.0 == sku));
        let is_expired =
            |it: &Line| !it.reserved && it.held_until.is_some_and(|until| until <= at_ms);
        let expired = lines.into_iter().find(|(_, it)| is_expired(it));
        ensure(expired.is_none(), || format!("an expired hold at {at_ms}: {expired:?}"))
    }

    fn allocate_line(&mut self, sku: &str, it: &Allocated) -> Checked {
        let (quantity, held_until) = (i64::from(it.quantity), it.held_until.map(|it| it.0));
        let held = held_until.is_some();
        self.add_to_batch(sku, &it.batch.0, quantity, held)?;
        let allocation = Allocation::In { batch: it.batch.0.to_string(), held };
        if !it.again {
            self.accept(sku, &it.line, it.quantity, allocation, held_until)?;
            self.line(sku, &it.line)?.reserved = it.reservation.is_some();
            return Ok(());
        }
        let line = self.line(sku, &it.line)?;
        let waits = [Allocation::Short, Allocation::Missing];
        ensure(waits.contains(&line.allocation), || format!("two allocations: {line:?}, {it:?}"))?;
        ensure(line.open() == quantity, || format!("not the whole line: {line:?}, {it:?}"))?;
        let is_held_anew = line.allocation == Allocation::Missing;
        ensure(is_held_anew || line.held_until == held_until, || {
            format!("another hold: {line:?}, {it:?}")
        })?;
        line.held_until = held_until;
        line.allocation = allocation;
        Ok(())
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
        allocation: Allocation,
        held_until: Option<i64>,
    ) -> Checked {
        let (id, quantity) = (line_id(sku, key), i64::from(quantity));
        let before = self.lines.insert(id, Line::accepted(quantity, allocation, held_until));
        let ended = [Allocation::HoldEnded, Allocation::Missing];
        let free = before.as_ref().is_none_or(|it| ended.contains(&it.allocation));
        ensure(free, || format!("accepted twice: {key:?}, {before:?}"))
    }

    fn add_to_batch(&mut self, sku: &str, reference: &str, quantity: i64, held: bool) -> Checked {
        let batch = self.open_batch(sku, reference)?;
        batch.allocated += quantity;
        batch.held += if held { quantity } else { 0 };
        ensure(batch.allocated <= batch.purchased, || format!("oversold: {reference}: {batch:?}"))
    }

    fn deallocate(
        &mut self,
        sku: &str,
        key: &LineKey,
        reference: &str,
        held: bool,
        after: Allocation,
    ) -> Checked {
        let line = self.line(sku, key)?;
        let expected = Allocation::In { batch: reference.to_owned(), held };
        ensure(line.allocation == expected, || {
            format!("{key:?} is not in {expected:?}: {line:?}")
        })?;
        let quantity = line.open();
        line.held_until = line.held_until.filter(|_| after == Allocation::Short);
        line.allocation = after;
        // A closed batch loses its lines after the event that closed it.
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
            self.deallocate(sku, key, &batch.0, held, Allocation::HoldEnded)?;
        }
        let line = self.line(sku, key)?;
        let free = matches!(
            line.allocation,
            Allocation::Short | Allocation::HoldEnded | Allocation::Missing
        );
        ensure(free, || format!("{key:?} is still allocated: {line:?}"))?;
        if let (true, Some(batch)) = (line.shipped > 0, line.shipped_from.clone()) {
            line.quantity = line.shipped;
            line.held_until = None;
            line.allocation = Allocation::Shipped { batch };
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
        ensure(!batch.incoming, || {
            format!("shipped from a batch that has not arrived: {batch:?}")
        })?;
        batch.purchased -= quantity;
        batch.allocated -= quantity;
        let line = self.line(sku, key)?;
        let expected = Allocation::In { batch: reference.to_owned(), held: false };
        ensure(line.allocation == expected, || format!("shipped from {expected:?}: {line:?}"))?;
        line.shipped += quantity;
        line.shipped_from = Some(reference.to_owned());
        let is_valid = line.open() >= 0 && finished == (line.open() == 0);
        ensure(is_valid, || format!("shipped too much, or not finished: {line:?}"))?;
        if finished {
            line.allocation = Allocation::Shipped { batch: reference.to_owned() };
        }
        Ok(())
    }
}
