//! Where a line goes: the book's preference, with need-by days and expiry, and why.

use earmark_contracts::allocation::{Explanation, PASSED_OVER_MAX, PassedOver, PassedOverReason};
use earmark_contracts::values::{BatchReference, Day};
use earmark_kernel::{Recorder, UnixMillis};

use super::batch_totals::{BatchTotals, Line};
use super::events::{Allocated, LineKey, StockEvent};
use super::ranking::FitCriteria;
use super::stock::Stock;

/// What a line wants of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// All from one batch.
    pub(super) quantity: u32,
    /// The last day on which it is of use.
    pub(super) need_by: Option<Day>,
    /// The day on which it is decided.
    pub(super) today: Day,
}

/// What came of looking for a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// The first in order of preference that takes the line, and the day it can promise.
    pub(super) chosen: Option<(BatchReference, Day)>,
    /// Those before it, at most [`PASSED_OVER_MAX`].
    pub(super) passed_over: Vec<PassedOver>,
}

/// Looks for the batch that takes a line: a batch in the warehouse is preferred, then the earliest
/// ETA, then the order of creation (Architecture Patterns with Python, chapter 1).
pub(super) fn choose(stock: &Stock, demand: Demand) -> Choice {
    let mut choice = Choice::default();
    for batch in stock.offered() {
        match obstacle(&batch.totals, demand) {
            None => {
                let day = batch.totals.promise(demand.today);
                choice.chosen = Some((batch.totals.reference.clone(), day));
                return choice;
            }
            Some(reason) => {
                if choice.passed_over.len() < PASSED_OVER_MAX {
                    let batch = batch.totals.reference.clone();
                    choice.passed_over.push(PassedOver { batch, reason });
                }
            }
        }
    }
    choice
}

/// Why a batch cannot take a line.
pub(super) fn obstacle(batch: &BatchTotals, demand: Demand) -> Option<PassedOverReason> {
    if batch.closed.is_some() {
        return Some(PassedOverReason::Closed);
    }
    if batch.available() < demand.quantity {
        return Some(PassedOverReason::TooSmall { available: batch.available() });
    }
    let day = batch.promise(demand.today);
    if demand.need_by.is_some_and(|need_by| need_by < day) {
        return Some(PassedOverReason::TooLate { eta: day });
    }
    let expires = batch.expires.filter(|expires| *expires <= day)?;
    Some(PassedOverReason::ExpiresBefore { expires })
}

/// The most units that one batch could give in time.
pub(super) fn available_in_time(stock: &Stock, demand: Demand) -> u32 {
    let one = Demand { quantity: 1, ..demand };
    let in_time = stock.offered().filter(|batch| obstacle(&batch.totals, one).is_none());
    in_time.map(|batch| batch.totals.available()).max().unwrap_or(0)
}

/// The first day on which some batch could give what is wanted, if that is in time or not.
pub(super) fn earliest(stock: &Stock, demand: Demand) -> Option<Day> {
    let whenever = Demand { need_by: None, ..demand };
    choose(stock, whenever).chosen.map(|(_, day)| day)
}

/// Places a line that waits, if a batch takes it. Says whether one did.
pub(super) fn place_again(stock: &mut Recorder<Stock>, key: &LineKey, now: UnixMillis) -> bool {
    let Some(line) = stock.line(key) else {
        return false;
    };
    let today = Day::of(now);
    let demand = Demand { quantity: line.open(), need_by: line.need_by, today };
    let choice = choose(stock, demand);
    let Some((batch, promised)) = choice.chosen else {
        return false;
    };
    let allocated = placed(key, line, batch, today, promised, choice.passed_over);
    stock.record(allocated);
    true
}

/// Gives the units of a batch to the lines that wait, first served first, as long as one fits.
pub(super) fn fill(stock: &mut Recorder<Stock>, reference: &BatchReference, now: UnixMillis) {
    let today = Day::of(now);
    loop {
        let Some(batch) = stock.batch(reference) else {
            return;
        };
        let day = batch.totals.promise(today);
        let expired = batch.totals.expires.is_some_and(|expires| expires <= day);
        let available = batch.totals.available();
        if available == 0 || expired {
            return;
        }
        let fit = FitCriteria { available, day, too_late: None };
        let Some(entry) = stock.short().first_fit(&fit) else {
            return;
        };
        let key = entry.line.key.clone();
        let Some(line) = stock.line(&key) else { return };
        let allocated = placed(&key, line, reference.clone(), today, day, Vec::new());
        stock.record(allocated);
    }
}

fn placed(
    key: &LineKey,
    line: &Line,
    batch: BatchReference,
    day: Day,
    promised: Day,
    passed_over: Vec<PassedOver>,
) -> StockEvent {
    StockEvent::Allocated(Allocated {
        line: key.clone(),
        quantity: line.open(),
        batch,
        day,
        promised,
        need_by: line.need_by,
        priority: line.priority,
        held_until: line.held_until(),
        passed_over,
        again: true,
    })
}

/// Why a line is where it is, in short.
pub(super) fn explain(stock: &Stock, line: &Line) -> Explanation {
    Explanation {
        chosen: line.batch().cloned(),
        reason: line.batch().and_then(|it| stock.totals(it)).map(because).unwrap_or_default(),
        passed_over: line.passed_over.to_vec(),
        exhausted: u32::try_from(stock.exhausted()).unwrap_or(u32::MAX),
    }
}

/// Why a batch is chosen, as a sentence.
pub(super) fn because(batch: &BatchTotals) -> String {
    match batch.eta {
        None => "the first batch in the warehouse that takes the whole line".to_owned(),
        Some(eta) => format!("no batch in the warehouse takes it; the first to arrive, on {eta}"),
    }
}

/// Every batch of a stock and why it was not chosen, in order of preference; for explanations.
pub(super) fn explain_all(
    stock: &Stock,
    demand: Demand,
    chosen: Option<&BatchReference>,
) -> Explanation {
    let mut batches: Vec<(Option<Day>, usize, &BatchTotals)> =
        stock.all_totals().enumerate().map(|(place, it)| (it.eta, place, it)).collect();
    batches.sort_unstable_by_key(|(eta, place, _)| (*eta, *place));
    let mut explanation = Explanation { chosen: chosen.cloned(), ..Explanation::default() };
    for (_, _, totals) in batches {
        if Some(&totals.reference) == chosen {
            explanation.reason = because(totals);
            continue;
        }
        explanation.exhausted += u32::from(totals.available() == 0);
        let reason = obstacle(totals, demand).unwrap_or(PassedOverReason::LaterThanChosen);
        let batch = totals.reference.clone();
        explanation.passed_over.push(PassedOver { batch, reason });
    }
    if chosen.is_none() {
        "no batch takes the whole line in time".clone_into(&mut explanation.reason);
    }
    explanation
}
