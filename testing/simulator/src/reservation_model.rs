//! An independent model of reservations, with a check that their lines agree with the stock.

use std::collections::BTreeMap;

use earmark_contracts::allocation::LineName;
use earmark_services::allocation::ReservationEvent;

use crate::stock_model::{Allocation, LineId, StockModel};

type Checked = Result<(), String>;

/// What a reservation has of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    Held,
    Wanted,
    Confirmed,
    Expired,
}

/// An operation that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Hold,
    Confirm,
    Release,
}

/// The reservation of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) round: u32,
    /// Unix milliseconds.
    pub(crate) until: Option<i64>,
    pub(crate) open: Option<Open>,
    /// By SKU and line id, with the ordered units.
    pub(crate) lines: BTreeMap<(String, String), (i64, Share)>,
}

/// All reservations of a run, by order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reservations {
    pub(crate) by_order: BTreeMap<String, Reservation>,
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

fn name(it: &LineName) -> (String, String) {
    (it.sku.0.to_string(), it.line_id.0.to_string())
}

impl Reservations {
    /// Applies an event, if it is valid.
    pub(crate) fn fold(&mut self, order: &str, event: &ReservationEvent) -> Checked {
        let it = self.by_order.entry(order.to_owned()).or_default();
        match event {
            ReservationEvent::HoldOpened(fact) => it.begin(fact.round, Open::Hold),
            ReservationEvent::ConfirmOpened(fact) => it.begin(fact.round, Open::Confirm),
            ReservationEvent::ReleaseOpened(fact) => it.begin(fact.round, Open::Release),
            ReservationEvent::Reserved(fact) => {
                it.end(fact.round, Open::Hold)?;
                ensure(it.until.is_none_or(|until| until <= fact.until.0), || {
                    format!("a hold of {order} ends earlier: {it:?}, {fact:?}")
                })?;
                it.until = Some(fact.until.0);
                it.lines.retain(|_, (_, share)| *share != Share::Expired);
                for line in &fact.lines {
                    let key = (line.sku.0.to_string(), line.line_id.0.to_string());
                    let share = if line.promised.is_some() { Share::Held } else { Share::Wanted };
                    it.lines.insert(key, (i64::from(line.quantity), share));
                }
                Ok(())
            }
            ReservationEvent::Short(fact) => it.end(fact.round, Open::Hold),
            ReservationEvent::HoldDropped(fact) => it.end(fact.round, Open::Hold),
            ReservationEvent::Extended(fact) => {
                ensure(it.open.is_none(), || format!("extended while {it:?}"))?;
                let later = it.until.is_some_and(|until| until < fact.until.0);
                ensure(later, || format!("extended to an earlier end: {it:?}, {fact:?}"))?;
                it.until = Some(fact.until.0);
                Ok(())
            }
            ReservationEvent::Confirmed(fact) => {
                it.end(fact.round, Open::Confirm)?;
                let held: Vec<_> = it.held().cloned().collect();
                let confirmed: Vec<_> = fact
                    .lines
                    .iter()
                    .map(|line| (line.sku.0.to_string(), line.line_id.0.to_string()))
                    .collect();
                it.same_lines(&held, &confirmed)?;
                it.give(&held, Share::Confirmed);
                it.until = None;
                Ok(())
            }
            ReservationEvent::Incomplete(fact) => {
                let known = fact.missing.iter().all(|line| it.lines.contains_key(&name(line)));
                ensure(known, || format!("unknown lines are missing: {it:?}, {fact:?}"))
            }
            ReservationEvent::Released(fact) => {
                it.end(fact.round, Open::Release)?;
                it.lines.retain(|_, (_, share)| *share == Share::Confirmed);
                it.until = None;
                Ok(())
            }
            ReservationEvent::Expired(fact) => {
                it.end(fact.round, Open::Release)?;
                let held: Vec<_> = it.held().cloned().collect();
                let expired: Vec<_> = fact.lines.iter().map(name).collect();
                it.same_lines(&held, &expired)?;
                it.lines.retain(|_, (_, share)| *share != Share::Expired);
                it.give(&held, Share::Expired);
                it.until = None;
                Ok(())
            }
        }
    }

    /// The end of the hold of an order.
    pub(crate) fn until(&self, order: &str) -> Option<i64> {
        self.by_order.get(order).and_then(|it| it.until)
    }

    /// Checks that no line is held without a reservation that holds it, and that all held lines of
    /// a reservation are held or have lost their stock. An order whose operation is open is
    /// checked when it has ended.
    pub(crate) fn check(&self, stock: &StockModel) -> Checked {
        for (id, line) in &stock.lines {
            let is_held = matches!(line.allocation, Allocation::In { held: true, .. });
            if is_held && line.reserved {
                self.check_holder(id, line.quantity)?;
            }
        }
        for (order, it) in self.by_order.iter().filter(|(_, it)| it.open.is_none()) {
            for (sku, line) in it.held() {
                let id: LineId = (sku.clone(), order.clone(), line.clone());
                let share = it.lines[&(sku.clone(), line.clone())].1;
                let found = stock.lines.get(&id).map(|it| &it.allocation);
                let agrees = match (share, found) {
                    (Share::Held, Some(Allocation::In { held, .. })) => *held,
                    (Share::Held, Some(Allocation::Missing)) => true,
                    // It may have been allocated directly.
                    (Share::Wanted, _) => true,
                    _ => false,
                };
                ensure(agrees, || format!("the line {id:?} is {share:?}, its stock {found:?}"))?;
            }
        }
        Ok(())
    }

    fn check_holder(&self, id: &LineId, quantity: i64) -> Checked {
        let (sku, order, line) = id;
        let holder = self.by_order.get(order);
        let is_open = holder.is_some_and(|it| it.open.is_some());
        let share = holder.and_then(|it| it.lines.get(&(sku.clone(), line.clone())));
        ensure(is_open || share == Some(&(quantity, Share::Held)), || {
            format!("the line {id:?} is held, but its reservation is {holder:?}")
        })
    }
}

impl Reservation {
    fn begin(&mut self, round: u32, open: Open) -> Checked {
        ensure(self.open.is_none() && round == self.round + 1, || {
            format!("operation {round} began while {self:?}")
        })?;
        (self.round, self.open) = (round, Some(open));
        Ok(())
    }

    fn end(&mut self, round: u32, open: Open) -> Checked {
        let expected = match self.open {
            Some(it) => it == open && round == self.round,
            None => round == self.round + 1,
        };
        ensure(expected, || format!("operation {round} ended while {self:?}"))?;
        (self.round, self.open) = (round, None);
        Ok(())
    }

    fn held(&self) -> impl Iterator<Item = &(String, String)> {
        let held = |share: &Share| matches!(share, Share::Held | Share::Wanted);
        self.lines.iter().filter(move |(_, (_, share))| held(share)).map(|(name, _)| name)
    }

    fn give(&mut self, names: &[(String, String)], share: Share) {
        for name in names {
            if let Some(line) = self.lines.get_mut(name) {
                line.1 = share;
            }
        }
    }

    /// An operation concerns all held lines, not some of them.
    fn same_lines(&self, held: &[(String, String)], found: &[(String, String)]) -> Checked {
        let sorted = |names: &[(String, String)]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        ensure(sorted(held) == sorted(found), || format!("{found:?} of {self:?}"))
    }
}
