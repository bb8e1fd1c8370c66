//! Auditor kept beside the server: what `earmark log` tells, folded by other code than the
//! server's.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::server::program;
use crate::violation::{Checked, Violation};
use crate::world::Ground;

/// An event as `earmark log --json` tells it.
#[derive(Debug, Deserialize)]
struct Told {
    sequence: u64,
    #[serde(rename = "type")]
    name: String,
    of: String,
    key: String,
    causation: String,
    #[serde(default)]
    data: Value,
}

/// A batch by its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) sku: String,
    pub(crate) purchased: i64,
    pub(crate) allocated: i64,
    pub(crate) closed: bool,
}

/// Order, line and SKU.
pub(crate) type LineId = (String, String, String);

/// A line by its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// How often it was taken in: never more than once.
    pub(crate) taken_in: u32,
    quantity: i64,
    place: Place,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Nowhere,
    Waits,
    In(String),
}

/// What the log says, through the number of its last event.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    pub(crate) events: u64,
    pub(crate) batches: BTreeMap<String, Batch>,
    pub(crate) lines: HashMap<LineId, Line>,
    /// Idempotency keys under which an answer is kept, and the number of the event that keeps it.
    pub(crate) answers: HashMap<String, u64>,
    /// Facts that others hear: number and name.
    pub(crate) public: Vec<(u64, String)>,
    causation: String,
    touched: Vec<String>,
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
    /// Reads what is new in the log of a folder that no process has.
    pub(crate) async fn read(&mut self, ground: &Ground, folder: &Path) -> Checked<()> {
        let (folder, after) = (folder.to_string_lossy(), self.events.to_string());
        let arguments = ["log", "--json", "--data", &folder, "--after", &after];
        let mut child = program(ground, &arguments).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| "no stdout".to_owned())?;
        let mut out = BufReader::with_capacity(1 << 20, out);
        let mut line = String::new();
        while out.read_line(&mut line).await? > 0 {
            self.enter(&line)?;
            line.clear();
        }
        self.look()?;
        let status = child.wait().await?;
        status.success().then_some(()).ok_or_else(|| format!("the log: {status}").into())
    }

    /// How the lines of a request stand: how many were taken in, and whether any has a place.
    pub(crate) fn line(&self, id: &LineId) -> Line {
        self.lines.get(id).cloned().unwrap_or_default()
    }

    /// Units of a SKU that are promised, that there are or will be, and that lines wait for.
    pub(crate) fn sums(&self) -> BTreeMap<String, (i64, i64, i64)> {
        let mut sums: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
        for batch in self.batches.values() {
            let sum = sums.entry(batch.sku.clone()).or_default();
            sum.0 += batch.allocated;
            sum.1 += if batch.closed { 0 } else { batch.purchased };
        }
        let mut waiting: Vec<_> =
            self.lines.iter().filter(|(_, line)| line.place == Place::Waits).collect();
        waiting.sort_by_key(|(id, _)| *id);
        for ((_, _, sku), line) in waiting {
            sums.entry(sku.clone()).or_default().2 += line.quantity;
        }
        sums
    }

    fn enter(&mut self, text: &str) -> Checked<()> {
        let told: Told = serde_json::from_str(text).map_err(|e| format!("{e} in {text}"))?;
        if told.sequence != self.events + 1 {
            let (last, next) = (self.events, told.sequence);
            return Err(format!("the log has a gap: after {last} comes {next}").into());
        }
        self.events = told.sequence;
        if told.causation != self.causation {
            self.look()?;
            self.causation.clone_from(&told.causation);
        }
        match told.of.as_str() {
            "stock" => {
                if PUBLIC.contains(&told.name.as_str()) {
                    self.public.push((told.sequence, told.name.clone()));
                }
                self.stock(&told).map_err(|what| format!("{what}: {text}").into())
            }
            "kernel" => self.kernel(&told),
            _ => Ok(()),
        }
    }

    fn kernel(&mut self, told: &Told) -> Checked<()> {
        if told.name == "kernel.parked" {
            return Err(format!("a message was parked: {told:?}").into());
        }
        let is_answer = told.name == "kernel.answered";
        if is_answer && self.answers.insert(told.key.clone(), told.sequence).is_some() {
            return Err(Violation::of_key(&told.key, "was answered twice by the log"));
        }
        Ok(())
    }

    /// After every command: nothing promised that is not there.
    fn look(&mut self) -> Checked<()> {
        for reference in std::mem::take(&mut self.touched) {
            let batch = &self.batches[&reference];
            if batch.allocated < 0 || batch.allocated > batch.purchased {
                let at = self.events;
                return Err(format!("oversold at {at}: {reference} is {batch:?}").into());
            }
        }
        Ok(())
    }

    fn stock(&mut self, told: &Told) -> Result<(), String> {
        let data = &told.data;
        match told.name.as_str() {
            "allocation.batch_created" => {
                let batch = Batch {
                    sku: told.key.clone(),
                    purchased: number(data, "quantity")?,
                    ..Batch::default()
                };
                let known = self.batches.insert(text(data, "batch")?, batch);
                known.is_none().then_some(()).ok_or("a batch was created twice")?;
            }
            "allocation.batch_quantity_changed" => {
                let to = number(data, "to")?;
                self.batch(data)?.purchased = to;
            }
            "allocation.batch_closed" => self.batch(data)?.closed = true,
            "allocation.allocated" => self.allocated(told)?,
            "allocation.queued" => {
                let line = self.lines.entry(line_id(told)?).or_default();
                (line.place == Place::Nowhere).then_some(()).ok_or("it has a place")?;
                line.taken_in += 1;
                (line.taken_in == 1).then_some(()).ok_or("it was taken in before")?;
                (line.quantity, line.place) = (number(data, "quantity")?, Place::Waits);
            }
            "allocation.deallocated" => self.leave(told, Place::Waits)?,
            "allocation.released" | "allocation.hold_ended" => self.leave(told, Place::Nowhere)?,
            "allocation.shipped" => self.shipped(told)?,
            "allocation.returned" if data.get("batch").is_some_and(Value::is_string) => {
                self.batch(data)?.purchased += number(data, "quantity")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn allocated(&mut self, told: &Told) -> Result<(), String> {
        let (reference, units) = (text(&told.data, "batch")?, number(&told.data, "quantity")?);
        let is_again = told.data.get("again") == Some(&Value::Bool(true));
        let line = self.lines.entry(line_id(told)?).or_default();
        if matches!(line.place, Place::In(_)) || (line.place == Place::Waits) != is_again {
            return Err(format!("a line in more than one place: it was {:?}", line.place));
        }
        line.taken_in += u32::from(!is_again);
        (line.taken_in == 1).then_some(()).ok_or("it was taken in before")?;
        (line.quantity, line.place) = (units, Place::In(reference));
        let batch = self.batch(&told.data)?;
        batch.allocated += units;
        (!batch.closed).then_some(()).ok_or_else(|| "the batch is closed".to_owned())
    }

    fn leave(&mut self, told: &Told, to: Place) -> Result<(), String> {
        let (data, units) = (&told.data, number(&told.data, "quantity")?);
        let from = match data.get("batch").and_then(Value::as_str) {
            Some(reference) => Place::In(reference.to_owned()),
            None => Place::Waits,
        };
        let line = self.lines.entry(line_id(told)?).or_default();
        // A hold that has ended may still be given back: that changes nothing.
        let is_ended = from == Place::Waits && line.place == Place::Nowhere && line.taken_in == 1;
        if (line.place != from && !is_ended) || line.quantity != units {
            return Err(format!("it was {line:?}"));
        }
        line.place = to;
        if from != Place::Waits {
            self.batch(data)?.allocated -= units;
        }
        Ok(())
    }

    fn shipped(&mut self, told: &Told) -> Result<(), String> {
        let units = number(&told.data, "quantity")?;
        let batch = self.batch(&told.data)?;
        batch.purchased -= units;
        batch.allocated -= units;
        let line = self.lines.entry(line_id(told)?).or_default();
        if line.place != Place::In(text(&told.data, "batch")?) || line.quantity < units {
            return Err(format!("it was {line:?}"));
        }
        line.quantity -= units;
        if told.data.get("finished") == Some(&Value::Bool(true)) {
            line.place = Place::Nowhere;
        }
        Ok(())
    }

    fn batch(&mut self, data: &Value) -> Result<&mut Batch, String> {
        let reference = text(data, "batch")?;
        self.touched.push(reference.clone());
        self.batches.get_mut(&reference).ok_or_else(|| "there is no such batch".into())
    }
}

impl Line {
    pub(crate) fn is_somewhere(&self) -> bool {
        self.place != Place::Nowhere
    }
}

fn line_id(told: &Told) -> Result<LineId, String> {
    Ok((text(&told.data, "order_id")?, text(&told.data, "line_id")?, told.key.clone()))
}

fn text(data: &Value, name: &str) -> Result<String, String> {
    let found = data.get(name).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("there is no {name}"))
}

fn number(data: &Value, name: &str) -> Result<i64, String> {
    let found = data.get(name).and_then(Value::as_i64);
    found.ok_or_else(|| format!("there is no {name}"))
}
