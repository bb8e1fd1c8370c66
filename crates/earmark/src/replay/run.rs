//! A replay at work: supply and lines in order of time, through the bus, on virtual time.

use std::io::Write;
use std::ops::Range;

use earmark_contracts::allocation::{
    Allocate, ChangeBatch, CloseBatch, CreateBatch, MovedLine, WhenShort,
};
use earmark_contracts::values::{Level, LineId, Quantity, Text};
use earmark_kernel::clock::VirtualClock;
use earmark_kernel::{Bus, Command, Meta, Now, Reply};
use indicatif::ProgressBar;

use super::figures::Figures;
use super::orders::Orders;
use super::past::{Past, command_id};
use super::pipeline::{Answers, Pipeline};
use super::supply::{Plan, Step, Turn, date, midnight};
use crate::problem::Problem;

/// So many commands are given to the bus at once.
const CHUNK: usize = 2_048;

/// What a replay works on.
pub struct Stage<'a> {
    pub bus: &'a Bus,
    pub clock: &'a VirtualClock,
    pub orders: &'a Orders,
    pub plan: &'a Plan,
    /// Names the replay: the same lines and the same seed give the same name.
    pub name: u64,
    pub bar: &'a ProgressBar,
    /// Where answered lines are written down, if anywhere.
    pub acks: Option<Box<dyn Write>>,
}

/// A replay under way.
pub struct Run<'a> {
    stage: Stage<'a>,
    pipeline: Pipeline,
    /// The number of the last command made.
    number: u64,
    /// Commands up to this number were done before.
    done_through: u64,
    /// The lines that the chunks under way hold, oldest first.
    offered: std::collections::VecDeque<Range<usize>>,
    figures: Figures,
}

impl<'a> Run<'a> {
    /// A replay that goes on after what was done before.
    pub fn after(past: &Past, stage: Stage<'a>) -> Self {
        Self {
            pipeline: Pipeline::new(stage.bus),
            number: 0,
            done_through: past.through,
            offered: std::collections::VecDeque::new(),
            figures: past.figures,
            stage,
        }
    }

    /// Sends everything; the figures count what was done before, too.
    pub async fn all(mut self) -> Result<Figures, Problem> {
        let (orders, plan) = (self.stage.orders, self.stage.plan);
        let mut next_line = 0;
        for steps in plan.steps.chunk_by(|a, b| a.day == b.day) {
            let begin = midnight(steps[0].day);
            let before = orders.lines[next_line..].partition_point(|line| line.at < begin);
            self.lines(next_line..next_line + before).await?;
            next_line += before;
            for steps in steps.chunk_by(|a, b| Kind::of(a) == Kind::of(b)) {
                for steps in steps.chunks(CHUNK) {
                    self.steps(steps).await?;
                }
            }
        }
        self.lines(next_line..orders.lines.len()).await?;
        self.answer_all().await?;
        Ok(self.figures)
    }

    async fn lines(&mut self, lines: Range<usize>) -> Result<(), Problem> {
        let mut from = lines.start;
        while from < lines.end {
            let chunk = from..lines.end.min(from + CHUNK);
            from = chunk.end;
            self.chunk_of_lines(chunk).await?;
        }
        Ok(())
    }

    async fn chunk_of_lines(&mut self, mut lines: Range<usize>) -> Result<(), Problem> {
        let first_number = self.number + 1;
        self.number += lines.len() as u64;
        let done = (self.done_through + 1).saturating_sub(first_number);
        let done = usize::try_from(done).unwrap_or(usize::MAX).min(lines.len());
        lines.start += done;
        self.stage.bar.inc(done as u64);
        if lines.is_empty() {
            return Ok(());
        }
        let numbers = first_number + done as u64..;
        let commands = lines.clone().zip(numbers).map(|(line, number)| {
            let line = self.stage.orders.lines[line];
            let meta = self.meta(number, true, line.at);
            (self.allocate(line), meta)
        });
        let commands: Vec<_> = commands.collect();
        let last = self.stage.orders.lines[lines.end - 1].at;
        self.offered.push_back(lines);
        self.give(commands, last, Answers::Lines).await
    }

    async fn steps(&mut self, steps: &[Step]) -> Result<(), Problem> {
        let (kind, at) = (Kind::of(&steps[0]), midnight(steps[0].day));
        let first_number = self.number + 1;
        self.number += steps.len() as u64;
        let made = matches!(kind, Kind::Make { .. });
        // Making a batch takes two steps, so the last ones may be half done; again does no harm.
        let done_through = match made && self.done_through <= self.number {
            true => 0,
            false => self.done_through,
        };
        let undone = (first_number..).zip(steps).filter(|(number, _)| *number > done_through);
        let undone: Vec<_> =
            undone.map(|(number, step)| (step, self.meta(number, false, at))).collect();
        if undone.is_empty() {
            return Ok(());
        }
        let undone = undone.into_iter();
        match kind {
            Kind::Change => {
                let commands = undone.map(|(step, meta)| (self.change(step), meta)).collect();
                self.give(commands, at, Answers::Changed).await
            }
            Kind::Close => {
                let commands = undone.map(|(step, meta)| (self.close(step), meta)).collect();
                self.give(commands, at, Answers::Closed).await
            }
            Kind::Make { .. } => {
                let commands = undone.map(|(step, meta)| (self.make(step.batch), meta)).collect();
                self.stage.clock.set(at);
                self.pipeline.make(commands).await;
                self.answer_all().await
            }
        }
    }

    async fn give<C: Command>(
        &mut self,
        commands: Vec<(C, Meta)>,
        at: Now,
        answers: fn(Vec<Reply<C>>) -> Answers,
    ) -> Result<(), Problem> {
        while !self.pipeline.has_room_for(commands.len()) {
            self.answer_one().await?;
        }
        self.stage.clock.set(at);
        self.pipeline.give(commands, answers).await;
        Ok(())
    }

    async fn answer_one(&mut self) -> Result<(), Problem> {
        match self.pipeline.next().await {
            Some(answers) => self.count(answers),
            None => Ok(()),
        }
    }

    async fn answer_all(&mut self) -> Result<(), Problem> {
        while let Some(answers) = self.pipeline.next().await {
            self.count(answers)?;
        }
        Ok(())
    }

    fn meta(&self, number: u64, is_line: bool, at: Now) -> Meta {
        Meta {
            command_id: command_id(self.stage.name, number, is_line),
            at: Some(at),
            ..Meta::default()
        }
    }

    fn allocate(&self, line: super::orders::Line) -> Allocate {
        let (order, sku) = (line.order as usize, line.sku as usize);
        Allocate {
            order_id: self.stage.orders.ids[order].clone(),
            line_id: Some(line_id(line.place)),
            sku: self.stage.orders.skus[sku].clone(),
            quantity: line.quantity,
            need_by: None,
            priority: earmark_contracts::values::Priority::default(),
            short: WhenShort::Queue,
        }
    }

    fn change(&self, step: &Step) -> ChangeBatch {
        let level = |units: u32| Some(Level::new(u64::from(units)).expect("less than a batch had"));
        let (quantity, eta, reason) = match step.turn {
            Turn::Slips { eta } => (None, Some(Some(date(eta))), "the supplier is late"),
            Turn::Shrinks { quantity } => (level(quantity), None, "the supplier sends less"),
            Turn::Spoils { quantity } => (level(quantity), None, "some of it is damaged"),
            Turn::Arrives | Turn::Closes | Turn::IsMade { .. } => (None, Some(None), "arrived"),
        };
        ChangeBatch {
            reference: self.stage.plan.reference(self.stage.orders, step.batch),
            quantity,
            eta,
            reason: reason.to_owned(),
            if_match: Vec::new(),
        }
    }

    fn close(&self, step: &Step) -> CloseBatch {
        CloseBatch {
            reference: self.stage.plan.reference(self.stage.orders, step.batch),
            reason: "the supplier cancelled it".to_owned(),
            if_match: Vec::new(),
        }
    }

    fn make(&self, batch: u32) -> CreateBatch {
        let Stage { orders, plan, .. } = self.stage;
        let made = plan.batches[batch as usize];
        CreateBatch {
            reference: plan.reference(orders, batch),
            sku: orders.skus[made.sku as usize].clone(),
            quantity: Quantity::new(u64::from(made.quantity)).expect("at least one unit"),
            eta: made.eta.map(date),
            expires: None,
        }
    }

    fn count(&mut self, answers: Answers) -> Result<(), Problem> {
        match answers {
            Answers::Lines(replies) => self.count_lines(replies),
            Answers::Changed(replies) => self.count_moved(replies, |it| &it.moved),
            Answers::Closed(replies) => self.count_moved(replies, |it| &it.moved),
            Answers::Made(replies) => self.count_moved(replies, |it| &it.moved),
        }
    }

    fn count_lines(&mut self, replies: Vec<Reply<Allocate>>) -> Result<(), Problem> {
        let lines = self.offered.pop_front().unwrap_or_default();
        for (line, reply) in lines.clone().zip(replies) {
            let line = self.stage.orders.lines[line];
            let placement = reply.ending.map_err(|error| stopped(&error))?;
            let counted = self.figures.offered(&placement.outcome, line.at);
            counted.map_err(|error| stopped(&error))?;
        }
        self.stage.bar.inc(lines.len() as u64);
        self.acknowledge(lines)
    }

    /// Writes down which lines were answered, a row for the whole chunk.
    fn acknowledge(&mut self, lines: Range<usize>) -> Result<(), Problem> {
        let orders = self.stage.orders;
        let Some(acks) = &mut self.stage.acks else {
            return Ok(());
        };
        let named = orders.lines[lines]
            .iter()
            .map(|line| (&orders.ids[line.order as usize], line_id(line.place)));
        let named: Vec<_> = named.collect();
        let row = serde_json::to_string(&named).map_err(Problem::new)?;
        writeln!(acks, "{row}")?;
        Ok(acks.flush()?)
    }

    fn count_moved<C: Command>(
        &mut self,
        replies: Vec<Reply<C>>,
        moved: fn(&C::Answer) -> &[MovedLine],
    ) -> Result<(), Problem> {
        for reply in replies {
            let answer = reply.ending.map_err(|error| stopped(&error))?;
            for line in moved(&answer) {
                self.figures.moved(line.from.is_some(), line.to.is_some());
            }
        }
        Ok(())
    }
}

/// Steps of one kind are one type of command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change,
    Close,
    /// No two batches of one SKU have the same rank on one day.
    Make {
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
            Turn::IsMade { rank } => Self::Make { rank },
        }
    }
}

fn line_id(place: u32) -> LineId {
    LineId(Text::parse(&place.to_string()).expect("digits are a text"))
}

fn stopped(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(format!("the replay stopped: {error}")).advise(
        "What was answered is kept. Run the same command again with --data and --resume to go on.",
    )
}
