//! The choice of a batch for a line, and its explanation.

use earmark_contracts::allocation::{Explanation, PASSED_OVER_MAX, PassedOver, PassedOverReason};
use earmark_contracts::values::{BatchReference, Day};
use earmark_kernel::{Recorder, UnixMillis};

use super::batch_totals::BatchTotals;
use super::events::{Allocated, LineKey, StockEvent};
use super::line::Line;
use super::ranking::FitCriteria;
use super::stock::Stock;

/// What a line requires of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Units, all from one batch.
    pub(super) quantity: u32,
    /// The last day on which the goods may be shipped.
    pub(super) need_by: Option<Day>,
    /// The day of the decision.
    pub(super) today: Day,
}

/// The result of a search for a batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// The first batch in order of preference that takes the line, and the day on which the goods
    /// can be shipped.
    pub(super) chosen: Option<(BatchReference, Day)>,
    /// The candidates before it, at most [`PASSED_OVER_MAX`].
    pub(super) passed_over: Vec<PassedOver>,
}

/// Finds the batch for a line. Batches in the warehouse are preferred, then those with the earliest
/// ETA, then those created first (*Architecture Patterns with Python*, chapter 1).
pub(super) fn choose(stock: &Stock, demand: Demand) -> Choice {
    let mut choice = Choice::default();
    for batch in stock.candidates() {
        match unfit_reason(&batch.totals, demand) {
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

/// The reason for which a batch cannot take a line; `None` if it can.
pub(super) fn unfit_reason(batch: &BatchTotals, demand: Demand) -> Option<PassedOverReason> {
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

/// The largest number of units that one batch can supply in time.
pub(super) fn available_in_time(stock: &Stock, demand: Demand) -> u32 {
    let one = Demand { quantity: 1, ..demand };
    let in_time = stock.candidates().filter(|batch| unfit_reason(&batch.totals, one).is_none());
    in_time.map(|batch| batch.totals.available()).max().unwrap_or(0)
}

/// The first day on which a batch can supply the line, `need_by` ignored.
pub(super) fn earliest(stock: &Stock, demand: Demand) -> Option<Day> {
    let at_any_time = Demand { need_by: None, ..demand };
    choose(stock, at_any_time).chosen.map(|(_, day)| day)
}

/// Allocates a short line if a batch can take it, and returns whether one could.
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
    let allocated = allocated_again(key, line, batch, today, promised, choice.passed_over);
    stock.record(allocated);
    true
}

/// Allocates the available units of a batch to short lines, in rank order, until none fits.
pub(super) fn allocate_short_lines(
    stock: &mut Recorder<Stock>,
    reference: &BatchReference,
    now: UnixMillis,
) {
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
        let allocated = allocated_again(&key, line, reference.clone(), today, day, Vec::new());
        stock.record(allocated);
    }
}

fn allocated_again(
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
        reservation: line.reservation,
        passed_over,
        again: true,
    })
}

/// The explanation of a line's allocation in the result of a command.
pub(super) fn explain(stock: &Stock, line: &Line) -> Explanation {
    let batch = line.batch().and_then(|it| stock.totals(it));
    Explanation {
        chosen: line.batch().cloned(),
        reason: batch.map(selection_reason).unwrap_or_default(),
        passed_over: line.passed_over.to_vec(),
        exhausted: u32::try_from(stock.exhausted()).unwrap_or(u32::MAX),
    }
}

/// The reason for which a batch is chosen, as a sentence.
fn selection_reason(batch: &BatchTotals) -> String {
    match batch.eta {
        None => "the first batch in the warehouse that takes the whole line".to_owned(),
        Some(eta) => format!("no batch in the warehouse takes it; the first to arrive, on {eta}"),
    }
}

/// The full explanation of a line's allocation: every other batch, in order of preference, with the
/// reason for which it was not chosen.
pub(super) fn explain_all(
    stock: &Stock,
    demand: Demand,
    chosen: Option<&BatchReference>,
) -> Explanation {
    let mut batches: Vec<(Option<Day>, usize, &BatchTotals)> =
        stock.all_totals().enumerate().map(|(index, it)| (it.eta, index, it)).collect();
    batches.sort_unstable_by_key(|(eta, index, _)| (*eta, *index));
    let mut explanation = Explanation { chosen: chosen.cloned(), ..Explanation::default() };
    for (_, _, totals) in batches {
        if Some(&totals.reference) == chosen {
            explanation.reason = selection_reason(totals);
            continue;
        }
        explanation.exhausted += u32::from(totals.available() == 0);
        let reason = unfit_reason(totals, demand).unwrap_or(PassedOverReason::LaterThanChosen);
        let batch = totals.reference.clone();
        explanation.passed_over.push(PassedOver { batch, reason });
    }
    if chosen.is_none() {
        "no batch takes the whole line in time".clone_into(&mut explanation.reason);
    }
    explanation
}
