//! The auditor: reads the logs record by record, checks every record, and folds the events with
//! code that is independent of the system's.

use std::collections::BTreeMap;

use earmark_kernel::log::Record;
use earmark_services::allocation::StockEvent;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::coverage::{Coverage, CoverageMark};
use crate::disk::Disk;
use crate::order_operations::OrderEvent;
use crate::reservation_model::Reservations;
use crate::stock_model::{Allocation, LineId, StockModel, line_id};
use crate::tally::COUNTED;
use crate::trace::Trace;

/// An event as written in the log.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    name: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    of: String,
    key: String,
    causation: String,
    correlation: Option<String>,
    /// When it was decided, if that differs from the time of the record, Unix milliseconds.
    at: Option<i64>,
}

/// A command that decided about the stock of a SKU, derived from its events.
#[derive(PartialEq, Eq)]
struct Decision {
    sku: String,
    causation: String,
    at_ms: i64,
}

impl Decision {
    fn of(event: &Envelope<'_>, record: &Record) -> Self {
        let (sku, causation) = (event.key.clone(), event.causation.clone());
        Self { sku, causation, at_ms: event.at.unwrap_or(record.at_ms) }
    }
}

/// An event that a command caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CausedEvent {
    pub(crate) name: String,
    pub(crate) causation: String,
    pub(crate) line: Option<LineId>,
    /// It is not the command's own decision but a consequence: an expired hold, an expired batch,
    /// a line that was allocated again.
    pub(crate) is_consequence: bool,
}

/// The answer stored under an idempotency key, as written in the log.
#[derive(Deserialize)]
struct StoredAnswer<'a> {
    #[serde(borrow)]
    ending: BTreeMap<String, &'a RawValue>,
}

/// The records of one partition that have been read.
#[derive(Default)]
struct Log {
    records: Vec<Record>,
}

/// The auditor of a world.
#[derive(Default)]
pub(crate) struct Auditor {
    logs: Vec<Log>,
    pub(crate) stock: StockModel,
    pub(crate) reservations: Reservations,
    /// The idempotency key of the command that accepted a line last.
    accepted_by: BTreeMap<LineId, String>,
    /// Events by the idempotency key that commands carry as correlation.
    caused: BTreeMap<String, Vec<CausedEvent>>,
    /// By idempotency key: `done` or `refused` and the bytes.
    answers: BTreeMap<String, (String, String)>,
    /// Public events that the feed of each log must deliver: sequence and name.
    pub(crate) public_events: Vec<Vec<(u64, String)>>,
    /// The events about orders that have not been counted yet.
    pub(crate) order_events: Vec<OrderEvent>,
    /// The allocations that the tally service counted, as JSON.
    pub(crate) counted: Vec<String>,
}

/// Events of the allocation service that are public.
const PUBLIC: [&str; 15] = [
    "allocation.allocated",
    "allocation.deallocated",
    "allocation.released",
    "allocation.hold_ended",
    "allocation.stock_exhausted",
    "allocation.shipped",
    "allocation.batch_resized",
    "allocation.goods_ready",
    "allocation.reservation_held",
    "allocation.reservation_short",
    "allocation.reservation_extended",
    "allocation.reservation_confirmed",
    "allocation.reservation_incomplete",
    "allocation.reservation_expired",
    "allocation.reservation_released",
];

impl Auditor {
    pub(crate) fn new(logs: usize) -> Self {
        Self {
            logs: (0..logs).map(|_| Log::default()).collect(),
            public_events: vec![Vec::new(); logs],
            ..Self::default()
        }
    }

    /// The sequence of the last event read from a log.
    pub(crate) fn head(&self, log: usize) -> u64 {
        self.logs[log].records.last().map_or(0, |record| record.last_seq)
    }

    /// Number of events read from all logs.
    pub(crate) fn events(&self) -> u64 {
        (0..self.logs.len()).map(|log| self.head(log)).sum()
    }

    /// The answer stored under a key.
    pub(crate) fn answer(&self, key: &str) -> Option<&(String, String)> {
        self.answers.get(key)
    }

    /// Whether a line is held now by the command with this key.
    pub(crate) fn is_held_by(&self, line: &LineId, key: &str) -> bool {
        let allocation = self.stock.lines.get(line).map(|line| &line.allocation);
        let is_held = matches!(allocation, Some(Allocation::In { held: true, .. }));
        is_held && self.accepted_by.get(line).is_some_and(|accepted_by| accepted_by == key)
    }

    /// The events that commands with this key caused.
    pub(crate) fn caused_by(&self, key: &str) -> &[CausedEvent] {
        self.caused.get(key).map_or(&[], Vec::as_slice)
    }

    /// Reads and checks the new records of every log.
    pub(crate) fn read(
        &mut self,
        disks: &[Disk],
        coverage: &mut Coverage,
        trace: &mut Trace,
    ) -> Result<(), String> {
        let before = self.events();
        for (log, disk) in disks.iter().enumerate() {
            for record in disk.records(self.head(log))? {
                let Record { first_seq, at_ms, events, .. } = &record;
                trace.line(format_args!("log {log} at {first_seq}, {at_ms}: {events}"));
                let wrong = |what: String| format!("log {log} at {}: {what}", record.first_seq);
                self.add_record(log, &record, coverage).map_err(wrong)?;
                self.logs[log].records.push(record);
            }
        }
        if self.events() == before {
            return Ok(());
        }
        self.stock.check()?;
        self.reservations.check(&self.stock)
    }

    /// After a crash every log must still contain the records that were read before.
    pub(crate) fn compare(&self, disks: &[Disk]) -> Result<(), String> {
        for (log, disk) in disks.iter().enumerate() {
            let found = disk.records(0)?;
            for (index, known) in self.logs[log].records.iter().enumerate() {
                if found.get(index) != Some(known) {
                    let (first, last) = (known.first_seq, known.last_seq);
                    return Err(format!("log {log} has lost or changed {first} to {last}"));
                }
            }
        }
        Ok(())
    }

    fn add_record(
        &mut self,
        log: usize,
        record: &Record,
        coverage: &mut Coverage,
    ) -> Result<(), String> {
        let head = self.head(log);
        if record.first_seq != head + 1 {
            return Err(format!("the sequence has a gap after {head}"));
        }
        let before = self.logs[log].records.last().map_or(i64::MIN, |it| it.at_ms);
        if record.at_ms < before {
            return Err("its time is before that of the previous record".into());
        }
        let envelopes: Vec<&RawValue> =
            serde_json::from_str(&record.events).map_err(|error| error.to_string())?;
        if envelopes.len() as u64 != record.last_seq - head {
            return Err("its sequence range does not match its number of events".into());
        }
        let (mut causes, mut decision): (Vec<String>, Option<Decision>) = (Vec::new(), None);
        for (seq, raw) in (record.first_seq..).zip(envelopes) {
            let envelope: Envelope<'_> =
                serde_json::from_str(raw.get()).map_err(|error| format!("{error}: {raw}"))?;
            if !causes.contains(&envelope.causation) {
                causes.push(envelope.causation.clone());
            }
            match envelope.of.as_str() {
                "stock" => {
                    let event = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
                    let next = Some(Decision::of(&envelope, record));
                    if decision != next {
                        self.check_decided(decision.as_ref())?;
                        decision = next;
                    }
                    self.stock.fold(&envelope.key, &event)?;
                    record_coverage(&event, coverage);
                    if PUBLIC.contains(&envelope.name.as_str()) {
                        self.public_events[log].push((seq, envelope.name.clone()));
                    }
                    if let Some((line, _)) = StockEvent::line(&event) {
                        self.note_order(&envelope, &line.order_id.0);
                    }
                    self.note_event(&envelope, Some(&event));
                }
                "reservation" => {
                    let event = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
                    self.reservations.fold(&envelope.key, &event)?;
                    if PUBLIC.contains(&envelope.name.as_str()) {
                        self.public_events[log].push((seq, envelope.name.clone()));
                    }
                    self.note_order(&envelope, &envelope.key);
                    self.note_event(&envelope, None);
                }
                "reference" => self.note_event(&envelope, None),
                "kernel" => self.add_kernel_event(&envelope, coverage)?,
                _ if envelope.name == COUNTED => {
                    self.counted.extend(envelope.data.map(|it| it.get().to_owned()));
                }
                other => return Err(format!("unexpected aggregate {other}")),
            }
        }
        self.check_decided(decision.as_ref())?;
        if causes.len() > 1 {
            coverage.record(CoverageMark::GroupLargerThanOne);
        }
        if log == 1 && self.logs.len() > 2 {
            coverage.record(CoverageMark::SecondPartition);
        }
        Ok(())
    }

    /// Before a command decides about a SKU, all expired holds of the SKU have been ended.
    fn check_decided(&self, decision: Option<&Decision>) -> Result<(), String> {
        decision.map_or(Ok(()), |it| self.stock.check_holds(Some(&it.sku), it.at_ms))
    }

    fn add_kernel_event(
        &mut self,
        it: &Envelope<'_>,
        coverage: &mut Coverage,
    ) -> Result<(), String> {
        match it.name.as_str() {
            "kernel.answered" => {
                let data = it.data.map_or("null", RawValue::get);
                let stored: StoredAnswer<'_> =
                    serde_json::from_str(data).map_err(|e| e.to_string())?;
                let Some((how, bytes)) = stored.ending.into_iter().next() else {
                    return Err(format!("an answer without an ending: {data}"));
                };
                let answer = (how, bytes.get().to_owned());
                let before = self.answers.insert(it.key.clone(), answer.clone());
                if let Some(before) = before {
                    let key = &it.key;
                    return Err(format!("{key} has two stored answers: {before:?}, {answer:?}"));
                }
            }
            "kernel.parked" => coverage.record(CoverageMark::ParkedMessage),
            "kernel.unparked" => coverage.record(CoverageMark::ParkedMessageReplayed),
            _ => {}
        }
        Ok(())
    }

    fn note_order(&mut self, it: &Envelope<'_>, order: &str) {
        let is_end_of_time = it.name == "allocation.reservation_expired";
        let (order, key) = (order.to_owned(), it.correlation.clone());
        let event = OrderEvent { order, is_end_of_time, key };
        if self.order_events.last() != Some(&event) {
            self.order_events.push(event);
        }
    }

    fn note_event(&mut self, it: &Envelope<'_>, event: Option<&StockEvent>) {
        let accepted = match event {
            Some(StockEvent::Allocated(fact)) if !fact.again => Some(line_id(&it.key, &fact.line)),
            _ => None,
        };
        let Some(key) = &it.correlation else {
            // Somebody carried on what another request has begun.
            accepted.and_then(|line| self.accepted_by.remove(&line));
            return;
        };
        let is_consequence = match event {
            Some(StockEvent::Allocated(fact)) => fact.again,
            Some(StockEvent::BatchClosed(fact)) => fact.expired,
            Some(StockEvent::StockExhausted(fact)) => fact.queued,
            Some(
                StockEvent::Deallocated(_) | StockEvent::HoldEnded(_) | StockEvent::GoodsReady(_),
            ) => true,
            _ => false,
        };
        let line = event.and_then(StockEvent::line).map(|(line, _)| line_id(&it.key, line));
        if let Some(line) = accepted {
            self.accepted_by.insert(line, key.clone());
        }
        let (name, causation) = (it.name.clone(), it.causation.clone());
        let event = CausedEvent { name, causation, line, is_consequence };
        self.caused.entry(key.clone()).or_default().push(event);
    }
}

fn record_coverage(event: &StockEvent, coverage: &mut Coverage) {
    match event {
        StockEvent::HoldEnded(_) => coverage.record(CoverageMark::ExpiredHold),
        StockEvent::BatchClosed(it) if it.expired => coverage.record(CoverageMark::ExpiredBatch),
        StockEvent::Deallocated(_) => coverage.record(CoverageMark::LineDeallocated),
        StockEvent::Allocated(it) if it.again => coverage.record(CoverageMark::LineReallocated),
        StockEvent::HoldConfirmed(_) => coverage.record(CoverageMark::HoldConfirmed),
        StockEvent::Shipped(_) => coverage.record(CoverageMark::GoodsShipped),
        StockEvent::Returned(_) => coverage.record(CoverageMark::GoodsReturned),
        _ => {}
    }
}
