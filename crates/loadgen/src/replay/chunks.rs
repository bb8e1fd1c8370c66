//! The commands of a replay in order of time, in chunks of one type each.

use std::ops::Range;

use earmark_contracts::allocation::{Allocate, ChangeBatch, CloseBatch, CreateBatch, WhenShort};
use earmark_contracts::values::{Level, LineId, Priority, Quantity, Text};
use earmark_kernel::{Meta, UnixMillis};

use super::resume::command_id;
use super::supply::{Plan, Step, Turn, date, midnight};
use crate::orders::{Line, Orders};

/// Maximum commands in a chunk.
const CHUNK: usize = 2_048;

/// Commands that are sent to the bus together.
pub struct Chunk {
    /// The virtual time at which they are sent.
    pub at: UnixMillis,
    pub commands: Commands,
}

/// Commands, each with its id and time.
pub enum Commands {
    /// With the range of their lines.
    Lines(Vec<(Allocate, Meta)>, Range<usize>),
    Change(Vec<(ChangeBatch, Meta)>),
    Close(Vec<(CloseBatch, Meta)>),
    /// Nothing that needs one of these batches may be sent before they are created.
    Create(Vec<(CreateBatch, Meta)>),
}

/// What the commands of a replay are derived from.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    pub orders: &'a Orders,
    pub plan: &'a Plan,
    /// Names the replay: the same lines and the same seed give the same name.
    pub name: u64,
    /// An earlier part has done the commands up to this number.
    pub done_through: u64,
}

/// A part of the script, at most a chunk.
enum Part<'a> {
    Lines(Range<usize>),
    Steps(&'a [Step]),
}

impl<'a> Script<'a> {
    /// The chunks that are not done, produced lazily.
    pub fn chunks(self) -> impl Iterator<Item = Chunk> + 'a {
        let mut number = 1;
        self.parts().filter_map(move |part| {
            let first_number = number;
            match part {
                Part::Lines(lines) => {
                    number += lines.len() as u64;
                    self.lines(lines, first_number)
                }
                Part::Steps(steps) => {
                    number += steps.len() as u64;
                    self.steps(steps, first_number)
                }
            }
        })
    }

    /// The steps of a day come before its lines.
    fn parts(self) -> impl Iterator<Item = Part<'a>> {
        let mut done = 0;
        let mut lines_before = move |at: Option<UnixMillis>| {
            let rest = &self.orders.lines[done..];
            let through = done + at.map_or(rest.len(), |at| rest.partition_point(|it| it.at < at));
            let lines = std::mem::replace(&mut done, through)..through;
            lines.clone().step_by(CHUNK).map(move |it| Part::Lines(it..lines.end.min(it + CHUNK)))
        };
        let days = self.plan.steps.chunk_by(|a, b| a.day == b.day).map(Some).chain([None]);
        days.flat_map(move |steps| {
            let lines = lines_before(steps.map(|steps| midnight(steps[0].day)));
            let kinds = steps.unwrap_or_default().chunk_by(|a, b| Kind::of(a) == Kind::of(b));
            lines.chain(kinds.flat_map(|steps| steps.chunks(CHUNK)).map(Part::Steps))
        })
    }

    fn lines(self, lines: Range<usize>, first_number: u64) -> Option<Chunk> {
        let done = (self.done_through + 1).saturating_sub(first_number);
        let done = usize::try_from(done).unwrap_or(usize::MAX).min(lines.len());
        let undone = lines.start + done..lines.end;
        let at = self.orders.lines[undone.clone()].last()?.at;
        let numbered = undone.clone().zip(first_number + done as u64..);
        let commands = numbered.map(|(line, number)| {
            let line = self.orders.lines[line];
            (self.allocate(line), self.meta(number, true, line.at))
        });
        Some(Chunk { at, commands: Commands::Lines(commands.collect(), undone) })
    }

    fn steps(self, steps: &[Step], first_number: u64) -> Option<Chunk> {
        let (kind, at) = (Kind::of(&steps[0]), midnight(steps[0].day));
        let last_number = first_number + steps.len() as u64 - 1;
        // Creating a batch takes two steps, so the last ones may be incomplete. Repeating is
        // harmless.
        let is_made = matches!(kind, Kind::Create { .. });
        let repeat = is_made && self.done_through <= last_number;
        let done_through = if repeat { 0 } else { self.done_through };
        if last_number <= done_through {
            return None;
        }
        let undone = (first_number..).zip(steps).filter(|(number, _)| *number > done_through);
        let undone = undone.map(|(number, step)| (step, self.meta(number, false, at)));
        let commands = match kind {
            Kind::Change => {
                Commands::Change(undone.map(|(step, meta)| (self.change(step), meta)).collect())
            }
            Kind::Close => {
                Commands::Close(undone.map(|(step, meta)| (self.close(step), meta)).collect())
            }
            Kind::Create { .. } => Commands::Create(
                undone.map(|(step, meta)| (self.create(step.batch), meta)).collect(),
            ),
        };
        Some(Chunk { at, commands })
    }

    fn meta(self, number: u64, is_line: bool, at: UnixMillis) -> Meta {
        Meta { command_id: command_id(self.name, number, is_line), at: Some(at), ..Meta::default() }
    }

    fn allocate(self, line: Line) -> Allocate {
        let (order, sku) = (line.order as usize, line.sku as usize);
        Allocate {
            order_id: self.orders.ids[order].clone(),
            line_id: Some(line_id(line.place)),
            sku: self.orders.skus[sku].clone(),
            quantity: line.quantity,
            need_by: None,
            priority: Priority::default(),
            short: WhenShort::Queue,
        }
    }

    fn change(self, step: &Step) -> ChangeBatch {
        let level = |units: u32| Some(Level::new(u64::from(units)).expect("less than a batch had"));
        let (quantity, eta, reason) = match step.turn {
            Turn::Slips { eta } => (None, Some(Some(date(eta))), "the supplier is late"),
            Turn::Shrinks { quantity } => (level(quantity), None, "the supplier sends less"),
            Turn::Spoils { quantity } => (level(quantity), None, "some of it is damaged"),
            Turn::Arrives | Turn::Closes | Turn::IsOrdered { .. } => (None, Some(None), "arrived"),
        };
        ChangeBatch {
            reference: self.plan.reference(self.orders, step.batch),
            quantity,
            eta,
            reason: reason.to_owned(),
            if_match: Vec::new(),
        }
    }

    fn close(self, step: &Step) -> CloseBatch {
        CloseBatch {
            reference: self.plan.reference(self.orders, step.batch),
            reason: "the supplier cancelled it".to_owned(),
            if_match: Vec::new(),
        }
    }

    fn create(self, batch: u32) -> CreateBatch {
        let made = self.plan.batches[batch as usize];
        CreateBatch {
            reference: self.plan.reference(self.orders, batch),
            sku: self.orders.skus[made.sku as usize].clone(),
            quantity: Quantity::new(u64::from(made.quantity)).expect("at least one unit"),
            eta: made.eta.map(date),
            expires: None,
        }
    }
}

/// Steps of one kind become one type of command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change,
    Close,
    /// No two batches of one SKU have the same rank on one day.
    Create {
        rank: u8,
    },
}

impl Kind {
    fn of(step: &Step) -> Self {
        match step.turn {
            Turn::Slips { .. } | Turn::Shrinks { .. } | Turn::Spoils { .. } | Turn::Arrives => {
                Self::Change
            }
            Turn::Closes => Self::Close,
            Turn::IsOrdered { rank } => Self::Create { rank },
        }
    }
}

/// The id of the line at a position in its order.
pub fn line_id(place: u32) -> LineId {
    LineId(Text::parse(&place.to_string()).expect("digits are a text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::supply::tests::orders;

    /// Each command with its metadata, and whether it creates a batch.
    fn shown(script: Script<'_>) -> Vec<Vec<(bool, String)>> {
        fn each<C: std::fmt::Debug>(at: UnixMillis, commands: Vec<(C, Meta)>) -> Vec<String> {
            commands.into_iter().map(|(it, meta)| format!("{at:?} {it:?} {meta:?}")).collect()
        }
        let chunks = script.chunks().map(|Chunk { at, commands }| {
            let is_made = matches!(commands, Commands::Create(_));
            let shown = match commands {
                Commands::Lines(commands, lines) => {
                    assert_eq!(commands.len(), lines.len());
                    each(at, commands)
                }
                Commands::Change(commands) => each(at, commands),
                Commands::Close(commands) => each(at, commands),
                Commands::Create(commands) => each(at, commands),
            };
            shown.into_iter().map(|it| (is_made, it)).collect()
        });
        chunks.collect()
    }

    #[test]
    fn finished_commands_are_left_out_and_incomplete_batches_are_created_again() {
        let orders = orders(&["A", "B", "C"]);
        let plan = Plan::derive(&orders, 7);
        let script = |done_through| Script { orders: &orders, plan: &plan, name: 1, done_through };
        let all = shown(script(0));
        let commands: usize = all.iter().map(Vec::len).sum();
        assert_eq!(commands, orders.lines.len() + plan.steps.len());
        let mut rest = 0;
        for done in 0..=commands {
            let mut number = 0;
            let left = all.iter().map(|chunk| {
                let last = number + chunk.len();
                let numbered = chunk.iter().zip(number + 1..);
                number = last;
                let again = last >= done;
                let left = numbered.filter(|((is_made, _), it)| *it > done || (*is_made && again));
                left.map(|(command, _)| command.clone()).collect::<Vec<_>>()
            });
            let left: Vec<_> = left.filter(|chunk| !chunk.is_empty()).collect();
            assert_eq!(shown(script(done as u64)), left, "done through {done}");
            rest += left.iter().map(Vec::len).sum::<usize>();
        }
        assert!(rest > commands * (commands + 1) / 2, "no batch was created again");
    }

    #[test]
    fn the_steps_of_a_day_come_before_its_lines() {
        let orders = orders(&["A", "B", "C"]);
        let plan = Plan::derive(&orders, 7);
        let script = Script { orders: &orders, plan: &plan, name: 1, done_through: 0 };
        let (mut lines_seen, mut day, mut of_lines) = (0, i64::MIN, false);
        for Chunk { at, commands } in script.chunks() {
            let is_of_lines = if let Commands::Lines(_, lines) = &commands {
                assert_eq!(lines.start, lines_seen);
                lines_seen = lines.end;
                let first = orders.lines[lines.start].at;
                assert!(first.days_since_epoch() >= day && orders.lines[lines.end - 1].at == at);
                true
            } else {
                assert!(at.days_since_epoch() > day || !of_lines, "lines came first");
                false
            };
            (day, of_lines) = (at.days_since_epoch(), is_of_lines);
        }
        assert_eq!(lines_seen, orders.lines.len());
    }
}
