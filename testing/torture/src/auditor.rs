//! The auditor: reads `earmark log`, checks every event, and folds the events with code that is
//! independent of the server's.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::server::program;
use crate::setup::Setup;
use crate::violation::{Checked, Violation};

/// An event as printed by `earmark log --json`.
#[derive(Debug, Deserialize)]
struct LogEvent {
    sequence: u64,
    #[serde(rename = "type")]
    name: String,
    of: String,
    key: String,
    causation: String,
    #[serde(default)]
    data: Value,
}

/// A batch, folded from its events; quantities in units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) sku: String,
    pub(crate) purchased: i64,
    pub(crate) allocated: i64,
    pub(crate) closed: bool,
}

/// Order, line and SKU.
pub(crate) type LineId = (String, String, String);

/// A line, folded from its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// How many times it was accepted; at most once is valid.
    pub(crate) accepted: u32,
    quantity: i64,
    allocation: Allocation,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Allocation {
    #[default]
    None,
    Waiting,
    In(String),
}

/// The state of the log up to the last event read.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    pub(crate) events: u64,
    pub(crate) batches: BTreeMap<String, Batch>,
    pub(crate) lines: HashMap<LineId, Line>,
    /// Sequence of the event with the answer, by idempotency key.
    pub(crate) answers: HashMap<String, u64>,
    /// Public events: sequence and name.
    pub(crate) public: Vec<(u64, String)>,
    causation: String,
    touched: Vec<String>,
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
    "allocation.reservation_released",
    "allocation.reservation_expired",
];

impl Auditor {
    /// Reads the new events of a log that no process has open.
    pub(crate) async fn read(&mut self, setup: &Setup, folder: &Path) -> Checked<()> {
        let (folder, after) = (folder.to_string_lossy(), self.events.to_string());
        let arguments = ["log", "--json", "--data", &folder, "--after", &after];
        let mut child = program(setup, &arguments).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| "no stdout".to_owned())?;
        let mut out = BufReader::with_capacity(1 << 20, out);
        let mut line = String::new();
        while out.read_line(&mut line).await? > 0 {
            self.add_event(&line)?;
            line.clear();
        }
        self.check_touched()?;
        let status = child.wait().await?;
        status.success().then_some(()).ok_or_else(|| format!("the log: {status}").into())
    }

    /// The state of a line.
    pub(crate) fn line(&self, id: &LineId) -> Line {
        self.lines.get(id).cloned().unwrap_or_default()
    }

    /// For each SKU: units allocated, units in stock or incoming, and units that lines wait for.
    pub(crate) fn sums(&self) -> BTreeMap<String, (i64, i64, i64)> {
        let mut sums: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
        for batch in self.batches.values() {
            let sum = sums.entry(batch.sku.clone()).or_default();
            sum.0 += batch.allocated;
            sum.1 += if batch.closed { 0 } else { batch.purchased };
        }
        let mut waiting: Vec<_> =
            self.lines.iter().filter(|(_, line)| line.allocation == Allocation::Waiting).collect();
        waiting.sort_by_key(|(id, _)| *id);
        for ((_, _, sku), line) in waiting {
            sums.entry(sku.clone()).or_default().2 += line.quantity;
        }
        sums
    }

    fn add_event(&mut self, text: &str) -> Checked<()> {
        let event: LogEvent = serde_json::from_str(text).map_err(|e| format!("{e} in {text}"))?;
        if event.sequence != self.events + 1 {
            let (last, next) = (self.events, event.sequence);
            return Err(format!("the log has a gap: {last} is followed by {next}").into());
        }
        self.events = event.sequence;
        if event.causation != self.causation {
            self.check_touched()?;
            self.causation.clone_from(&event.causation);
        }
        if PUBLIC.contains(&event.name.as_str()) {
            self.public.push((event.sequence, event.name.clone()));
        }
        match event.of.as_str() {
            "stock" => self.stock(&event).map_err(|what| format!("{what}: {text}").into()),
            "kernel" => self.kernel(&event),
            _ => Ok(()),
        }
    }

    fn kernel(&mut self, event: &LogEvent) -> Checked<()> {
        if event.name == "kernel.parked" {
            return Err(format!("a message was parked: {event:?}").into());
        }
        let is_answer = event.name == "kernel.answered";
        if is_answer && self.answers.insert(event.key.clone(), event.sequence).is_some() {
            return Err(Violation::of_key(&event.key, "has two answers in the log"));
        }
        Ok(())
    }

    /// After every command: no batch is oversold.
    fn check_touched(&mut self) -> Checked<()> {
        for reference in std::mem::take(&mut self.touched) {
            let batch = &self.batches[&reference];
            if batch.allocated < 0 || batch.allocated > batch.purchased {
                let at = self.events;
                return Err(format!("oversold at {at}: {reference}: {batch:?}").into());
            }
        }
        Ok(())
    }

    fn stock(&mut self, event: &LogEvent) -> Result<(), String> {
        let data = &event.data;
        match event.name.as_str() {
            "allocation.batch_created" => {
                let batch = Batch {
                    sku: event.key.clone(),
                    purchased: number(data, "quantity")?,
                    ..Batch::default()
                };
                let previous = self.batches.insert(text(data, "batch")?, batch);
                previous.is_none().then_some(()).ok_or("a batch was created twice")?;
            }
            "allocation.batch_resized" => {
                let to = number(data, "to")?;
                self.batch(data)?.purchased = to;
            }
            "allocation.batch_closed" => self.batch(data)?.closed = true,
            "allocation.allocated" => self.allocated(event)?,
            "allocation.queued" => {
                let line = self.lines.entry(line_id(event)?).or_default();
                (line.allocation == Allocation::None)
                    .then_some(())
                    .ok_or("the line is allocated or waiting")?;
                line.accepted += 1;
                (line.accepted == 1).then_some(()).ok_or("the line was accepted before")?;
                (line.quantity, line.allocation) = (number(data, "quantity")?, Allocation::Waiting);
            }
            "allocation.deallocated" => self.deallocate(event, Allocation::Waiting)?,
            "allocation.released" | "allocation.hold_ended" => {
                self.deallocate(event, Allocation::None)?;
            }
            "allocation.shipped" => self.shipped(event)?,
            "allocation.returned" if data.get("batch").is_some_and(Value::is_string) => {
                self.batch(data)?.purchased += number(data, "quantity")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn allocated(&mut self, event: &LogEvent) -> Result<(), String> {
        let (reference, units) = (text(&event.data, "batch")?, number(&event.data, "quantity")?);
        let is_again = event.data.get("again") == Some(&Value::Bool(true));
        let line = self.lines.entry(line_id(event)?).or_default();
        if matches!(line.allocation, Allocation::In(_))
            || (line.allocation == Allocation::Waiting) != is_again
        {
            return Err(format!("a second allocation of a line: it was {:?}", line.allocation));
        }
        line.accepted += u32::from(!is_again);
        (line.accepted == 1).then_some(()).ok_or("the line was accepted before")?;
        (line.quantity, line.allocation) = (units, Allocation::In(reference));
        let batch = self.batch(&event.data)?;
        batch.allocated += units;
        (!batch.closed).then_some(()).ok_or_else(|| "the batch is closed".to_owned())
    }

    fn deallocate(&mut self, event: &LogEvent, to: Allocation) -> Result<(), String> {
        let (data, units) = (&event.data, number(&event.data, "quantity")?);
        let from = match data.get("batch").and_then(Value::as_str) {
            Some(reference) => Allocation::In(reference.to_owned()),
            None => Allocation::Waiting,
        };
        let line = self.lines.entry(line_id(event)?).or_default();
        // The release of an ended hold is valid and changes nothing.
        let is_ended = from == Allocation::Waiting
            && line.allocation == Allocation::None
            && line.accepted == 1;
        if (line.allocation != from && !is_ended) || line.quantity != units {
            return Err(format!("the line was {line:?}"));
        }
        line.allocation = to;
        if from != Allocation::Waiting {
            self.batch(data)?.allocated -= units;
        }
        Ok(())
    }

    fn shipped(&mut self, event: &LogEvent) -> Result<(), String> {
        let units = number(&event.data, "quantity")?;
        let batch = self.batch(&event.data)?;
        batch.purchased -= units;
        batch.allocated -= units;
        let line = self.lines.entry(line_id(event)?).or_default();
        if line.allocation != Allocation::In(text(&event.data, "batch")?) || line.quantity < units {
            return Err(format!("the line was {line:?}"));
        }
        line.quantity -= units;
        if event.data.get("finished") == Some(&Value::Bool(true)) {
            line.allocation = Allocation::None;
        }
        Ok(())
    }

    fn batch(&mut self, data: &Value) -> Result<&mut Batch, String> {
        let reference = text(data, "batch")?;
        self.touched.push(reference.clone());
        self.batches.get_mut(&reference).ok_or_else(|| "unknown batch".into())
    }
}

impl Line {
    pub(crate) fn is_open(&self) -> bool {
        self.allocation != Allocation::None
    }
}

fn line_id(event: &LogEvent) -> Result<LineId, String> {
    Ok((text(&event.data, "order_id")?, text(&event.data, "line_id")?, event.key.clone()))
}

fn text(data: &Value, name: &str) -> Result<String, String> {
    let found = data.get(name).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("{name} is missing"))
}

fn number(data: &Value, name: &str) -> Result<i64, String> {
    let found = data.get(name).and_then(Value::as_i64);
    found.ok_or_else(|| format!("{name} is missing"))
}
