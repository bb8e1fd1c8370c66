//! A replay at work: supply and lines in order of time, through the bus, on virtual time.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;

use earmark_contracts::allocation::{Allocate, MovedLine};
use earmark_kernel::clock::VirtualClock;
use earmark_kernel::{Bus, Command, Meta, Reply, UnixMillis};
use indicatif::ProgressBar;

use super::chunks::{Chunk, Commands, Script, line_id};
use super::figures::Figures;
use super::pipeline::{Answers, Pipeline};
use crate::error::CliError;

/// What a replay works on.
pub struct Stage<'a> {
    pub bus: &'a Bus,
    pub clock: &'a VirtualClock,
    pub script: Script<'a>,
    pub bar: &'a ProgressBar,
    /// Where answered lines are written down, if anywhere.
    pub acks: Option<Box<dyn Write>>,
}

/// A replay under way.
pub struct Run<'a> {
    stage: Stage<'a>,
    pipeline: Pipeline,
    /// The lines that the chunks under way hold, oldest first.
    offered: VecDeque<Range<usize>>,
    figures: Figures,
}

impl<'a> Run<'a> {
    /// A replay that goes on after what was done before, which the figures count.
    pub fn after(figures: Figures, stage: Stage<'a>) -> Self {
        stage.bar.set_position(figures.lines_offered);
        stage.bar.reset_eta();
        Self { pipeline: Pipeline::new(stage.bus), offered: VecDeque::new(), figures, stage }
    }

    /// Sends everything; the figures count what was done before, too.
    pub async fn all(mut self) -> Result<Figures, CliError> {
        let mut chunks = self.stage.script.chunks();
        let mut next = chunks.next();
        while let Some(chunk) = next {
            let is_awaited = matches!(chunk.commands, Commands::Make(_));
            self.chunk(chunk).await?;
            // Made while the one before is decided.
            next = chunks.next();
            if is_awaited {
                self.answer_all().await?;
            }
        }
        self.answer_all().await?;
        Ok(self.figures)
    }

    async fn chunk(&mut self, Chunk { at, commands }: Chunk) -> Result<(), CliError> {
        match commands {
            Commands::Lines(commands, lines) => {
                self.offered.push_back(lines);
                self.give(commands, at, Answers::Lines).await
            }
            Commands::Change(commands) => self.give(commands, at, Answers::Changed).await,
            Commands::Close(commands) => self.give(commands, at, Answers::Closed).await,
            Commands::Make(commands) => {
                self.stage.clock.set(at);
                self.pipeline.make(commands).await;
                Ok(())
            }
        }
    }

    async fn give<C: Command>(
        &mut self,
        commands: Vec<(C, Meta)>,
        at: UnixMillis,
        answers: fn(Vec<Reply<C>>) -> Answers,
    ) -> Result<(), CliError> {
        while !self.pipeline.has_room_for(commands.len()) {
            self.answer_one().await?;
        }
        self.stage.clock.set(at);
        self.pipeline.give(commands, answers).await;
        Ok(())
    }

    async fn answer_one(&mut self) -> Result<(), CliError> {
        match self.pipeline.next().await {
            Some(answers) => self.count(answers),
            None => Ok(()),
        }
    }

    async fn answer_all(&mut self) -> Result<(), CliError> {
        while let Some(answers) = self.pipeline.next().await {
            self.count(answers)?;
        }
        Ok(())
    }

    fn count(&mut self, answers: Answers) -> Result<(), CliError> {
        match answers {
            Answers::Lines(replies) => self.count_lines(replies),
            Answers::Changed(replies) => self.count_moved(replies, |it| &it.moved),
            Answers::Closed(replies) => self.count_moved(replies, |it| &it.moved),
            Answers::Made(replies) => self.count_moved(replies, |it| &it.moved),
        }
    }

    fn count_lines(&mut self, replies: Vec<Reply<Allocate>>) -> Result<(), CliError> {
        let lines = self.offered.pop_front().unwrap_or_default();
        for (line, reply) in lines.clone().zip(replies) {
            let line = self.stage.script.orders.lines[line];
            let placement = reply.ending.map_err(|error| stopped(&error))?;
            let counted = self.figures.offered(&placement.outcome, line.at);
            counted.map_err(|error| stopped(&error))?;
        }
        self.stage.bar.inc(lines.len() as u64);
        self.acknowledge(lines)
    }

    /// Writes down which lines were answered, a row for the whole chunk.
    fn acknowledge(&mut self, lines: Range<usize>) -> Result<(), CliError> {
        let orders = self.stage.script.orders;
        let Some(acks) = &mut self.stage.acks else {
            return Ok(());
        };
        let named = orders.lines[lines]
            .iter()
            .map(|line| (&orders.ids[line.order as usize], line_id(line.place)));
        let named: Vec<_> = named.collect();
        let row = serde_json::to_string(&named).map_err(CliError::new)?;
        writeln!(acks, "{row}")?;
        Ok(acks.flush()?)
    }

    fn count_moved<C: Command>(
        &mut self,
        replies: Vec<Reply<C>>,
        moved: fn(&C::Answer) -> &[MovedLine],
    ) -> Result<(), CliError> {
        for reply in replies {
            let answer = reply.ending.map_err(|error| stopped(&error))?;
            for line in moved(&answer) {
                self.figures.moved(line.from.is_some(), line.to.is_some());
            }
        }
        Ok(())
    }
}

fn stopped(error: &dyn std::fmt::Display) -> CliError {
    CliError::new(format!("the replay stopped: {error}")).advise(
        "What was answered is kept. Run the same command again with --data and --resume to go on.",
    )
}
