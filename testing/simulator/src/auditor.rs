//! Auditor kept beside the system: what its logs say, read record by record, checked and folded by
//! other code than the system's.

use std::collections::BTreeMap;

use earmark_kernel::log::Record;
use earmark_services::allocation::StockEvent;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::coverage::{Coverage, CoverageMark};
use crate::disk::Disk;
use crate::mirror::NOTED;
use crate::stock_model::{LineId, Place, StockModel, line_id};
use crate::trace::Trace;

/// An event as it stands in the log.
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
    /// When it was decided, where that is not the record's moment.
    at: Option<i64>,
}

/// A command that decides about the stock of a SKU, as its events tell of it.
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

/// What one command did, event by event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) name: String,
    pub(crate) causation: String,
    pub(crate) line: Option<LineId>,
    /// It was brought about by something else than the command's own decision: a hold that was
    /// over, a batch whose day had come, a line placed again.
    pub(crate) follows: bool,
}

/// The answer kept under an idempotency key, as it stands in the log.
#[derive(Deserialize)]
struct Kept<'a> {
    #[serde(borrow)]
    ending: BTreeMap<String, &'a RawValue>,
}

/// The log of one partition, as it was seen.
#[derive(Default)]
struct Log {
    records: Vec<Record>,
}

/// The auditor of a world.
#[derive(Default)]
pub(crate) struct Auditor {
    logs: Vec<Log>,
    pub(crate) stock: StockModel,
    /// In whose name a line was accepted last.
    takers: BTreeMap<LineId, String>,
    /// By the key that commands name as correlation.
    effects: BTreeMap<String, Vec<Effect>>,
    /// By idempotency key: `done` or `refused` and the bytes.
    answers: BTreeMap<String, (String, String)>,
    /// Public events that must be told, a log: number and name of the fact.
    pub(crate) told: Vec<Vec<(u64, String)>>,
    /// What the mirror noted, as JSON.
    pub(crate) noted: Vec<String>,
}

/// Facts of allocation that others hear.
const PUBLIC: [&str; 7] = [
    "allocation.allocated",
    "allocation.deallocated",
    "allocation.released",
    "allocation.hold_ended",
    "allocation.out_of_stock",
    "allocation.shipped",
    "allocation.batch_quantity_changed",
];

impl Auditor {
    pub(crate) fn new(logs: usize) -> Self {
        let told = vec![Vec::new(); logs];
        Self { logs: (0..logs).map(|_| Log::default()).collect(), told, ..Self::default() }
    }

    /// The number of the last event seen in a log.
    pub(crate) fn head(&self, log: usize) -> u64 {
        self.logs[log].records.last().map_or(0, |record| record.last_seq)
    }

    /// Events seen in all logs.
    pub(crate) fn events(&self) -> u64 {
        (0..self.logs.len()).map(|log| self.head(log)).sum()
    }

    /// The answer kept under a key.
    pub(crate) fn answer(&self, key: &str) -> Option<&(String, String)> {
        self.answers.get(key)
    }

    /// Whether a line is held now, and in the name of this key.
    pub(crate) fn is_held_by(&self, line: &LineId, key: &str) -> bool {
        let place = self.stock.lines.get(line).map(|line| &line.place);
        let is_held = matches!(place, Some(Place::In { held: true, .. }));
        is_held && self.takers.get(line).is_some_and(|taker| taker == key)
    }

    /// What was done in the name of a key.
    pub(crate) fn effects(&self, key: &str) -> &[Effect] {
        self.effects.get(key).map_or(&[], Vec::as_slice)
    }

    /// Reads what is new in every log.
    pub(crate) fn read(
        &mut self,
        disks: &[Disk],
        saw: &mut Coverage,
        trace: &mut Trace,
    ) -> Result<(), String> {
        let before = self.events();
        for (log, disk) in disks.iter().enumerate() {
            for record in disk.records(self.head(log))? {
                let Record { first_seq, at_ms, events, .. } = &record;
                trace.line(format_args!("log {log} at {first_seq}, {at_ms}: {events}"));
                let wrong = |what: String| format!("log {log} at {}: {what}", record.first_seq);
                self.enter(log, &record, saw).map_err(wrong)?;
                self.logs[log].records.push(record);
            }
        }
        if self.events() == before { Ok(()) } else { self.stock.check() }
    }

    /// After a crash every log must still say what it said.
    pub(crate) fn compare(&self, disks: &[Disk]) -> Result<(), String> {
        for (log, disk) in disks.iter().enumerate() {
            let there = disk.records(0)?;
            for (place, known) in self.logs[log].records.iter().enumerate() {
                if there.get(place) != Some(known) {
                    let (first, last) = (known.first_seq, known.last_seq);
                    return Err(format!("log {log} has lost or changed {first} to {last}"));
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, log: usize, record: &Record, saw: &mut Coverage) -> Result<(), String> {
        let head = self.head(log);
        if record.first_seq != head + 1 {
            return Err(format!("a gap after {head}"));
        }
        let before = self.logs[log].records.last().map_or(i64::MIN, |it| it.at_ms);
        if record.at_ms < before {
            return Err("time goes back".into());
        }
        let envelopes: Vec<&RawValue> =
            serde_json::from_str(&record.events).map_err(|error| error.to_string())?;
        if envelopes.len() as u64 != record.last_seq - head {
            return Err("its numbers are not its events".into());
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
                    sight(&event, saw);
                    if PUBLIC.contains(&envelope.name.as_str()) {
                        self.told[log].push((seq, envelope.name.clone()));
                    }
                    self.note_effect(&envelope, Some(&event));
                }
                "reference" => self.note_effect(&envelope, None),
                "kernel" => self.enter_kernel(&envelope, saw)?,
                _ if envelope.name == NOTED => {
                    self.noted.extend(envelope.data.map(|it| it.get().to_owned()));
                }
                other => return Err(format!("an event of {other}")),
            }
        }
        self.check_decided(decision.as_ref())?;
        if causes.len() > 1 {
            saw.saw(CoverageMark::GroupLargerThanOne);
        }
        if log == 1 && self.told.len() > 2 {
            saw.saw(CoverageMark::SecondPartition);
        }
        Ok(())
    }

    /// Before a command decides about a SKU, the holds of it that are over have ended.
    fn check_decided(&self, decision: Option<&Decision>) -> Result<(), String> {
        decision.map_or(Ok(()), |it| self.stock.check_holds(Some(&it.sku), it.at_ms))
    }

    fn enter_kernel(&mut self, it: &Envelope<'_>, saw: &mut Coverage) -> Result<(), String> {
        match it.name.as_str() {
            "kernel.answered" => {
                let data = it.data.map_or("null", RawValue::get);
                let kept: Kept<'_> = serde_json::from_str(data).map_err(|e| e.to_string())?;
                let Some((how, bytes)) = kept.ending.into_iter().next() else {
                    return Err(format!("an answer without an ending: {data}"));
                };
                let answer = (how, bytes.get().to_owned());
                let before = self.answers.insert(it.key.clone(), answer.clone());
                if let Some(before) = before {
                    let key = &it.key;
                    return Err(format!("{key} is answered twice: {before:?}, {answer:?}"));
                }
            }
            "kernel.parked" => saw.saw(CoverageMark::ParkedMessage),
            "kernel.unparked" => saw.saw(CoverageMark::ParkedMessageServed),
            _ => {}
        }
        Ok(())
    }

    fn note_effect(&mut self, it: &Envelope<'_>, event: Option<&StockEvent>) {
        let Some(key) = &it.correlation else { return };
        let follows = match event {
            Some(StockEvent::Allocated(fact)) => fact.again,
            Some(StockEvent::BatchClosed(fact)) => fact.expired,
            Some(StockEvent::StockExhausted(fact)) => fact.queued,
            Some(StockEvent::Deallocated(_) | StockEvent::HoldEnded(_)) => true,
            _ => false,
        };
        let line = event.and_then(StockEvent::line).map(|(line, _)| line_id(&it.key, line));
        if let (Some(StockEvent::Allocated(fact)), Some(line)) = (event, &line)
            && !fact.again
        {
            self.takers.insert(line.clone(), key.clone());
        }
        let (name, causation) = (it.name.clone(), it.causation.clone());
        let effect = Effect { name, causation, line, follows };
        self.effects.entry(key.clone()).or_default().push(effect);
    }
}

fn sight(event: &StockEvent, saw: &mut Coverage) {
    match event {
        StockEvent::HoldEnded(_) => saw.saw(CoverageMark::ExpiredHold),
        StockEvent::BatchClosed(it) if it.expired => saw.saw(CoverageMark::ExpiredBatch),
        StockEvent::Deallocated(_) => saw.saw(CoverageMark::LineLostItsPlace),
        StockEvent::Allocated(it) if it.again => saw.saw(CoverageMark::LinePlacedAgain),
        StockEvent::HoldConfirmed(_) => saw.saw(CoverageMark::HoldConfirmed),
        StockEvent::Shipped(_) => saw.saw(CoverageMark::GoodsShipped),
        StockEvent::Returned(_) => saw.saw(CoverageMark::GoodsReturned),
        _ => {}
    }
}
