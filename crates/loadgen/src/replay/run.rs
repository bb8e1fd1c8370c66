//! A running replay: sends supply and lines in order of time through the bus, on virtual time.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;

use earmark_contracts::allocation::{Allocate, MovedLine};
use earmark_kernel::clock::VirtualClock;
use earmark_kernel::{Bus, Command, Meta, Reply, UnixMillis};

use super::chunks::{Chunk, Commands, Script, line_id};
use super::figures::Figures;
use super::pipeline::{Answers, Pipeline};
use crate::error::Error;

/// What a replay works with.
pub struct Stage<'a> {
    pub bus: &'a Bus,
    pub clock: &'a VirtualClock,
    pub script: Script<'a>,
    /// Called with the number of lines that were answered.
    pub progress: &'a dyn Fn(u64),
    /// Where answered lines are written, if anywhere.
    pub acks: Option<Box<dyn Write>>,
}

/// A running replay.
pub struct Run<'a> {
    stage: Stage<'a>,
    pipeline: Pipeline,
    /// The lines of the chunks in flight, oldest first.
    offered: VecDeque<Range<usize>>,
    figures: Figures,
}

impl<'a> Run<'a> {
    /// A replay that continues after an earlier part, which the figures include.
    pub fn after(figures: Figures, stage: Stage<'a>) -> Self {
        (stage.progress)(figures.lines_offered);
        Self { pipeline: Pipeline::new(stage.bus), offered: VecDeque::new(), figures, stage }
    }

    /// Sends everything. The figures include the earlier part.
    pub async fn all(mut self) -> Result<Figures, Error> {
        let mut chunks = self.stage.script.chunks();
        let mut next = chunks.next();
        while let Some(chunk) = next {
            let is_awaited = matches!(chunk.commands, Commands::Create(_));
            self.chunk(chunk).await?;
            // Prepared while the previous one is decided.
            next = chunks.next();
            if is_awaited {
                self.answer_all().await?;
            }
        }
        self.answer_all().await?;
        Ok(self.figures)
    }

    async fn chunk(&mut self, Chunk { at, commands }: Chunk) -> Result<(), Error> {
        match commands {
            Commands::Lines(commands, lines) => {
                self.offered.push_back(lines);
                self.send(commands, at, Answers::Lines).await
            }
            Commands::Change(commands) => self.send(commands, at, Answers::Changed).await,
            Commands::Close(commands) => self.send(commands, at, Answers::Closed).await,
            Commands::Create(commands) => {
                self.stage.clock.set(at);
                self.pipeline.create(commands).await;
                Ok(())
            }
        }
    }

    async fn send<C: Command>(
        &mut self,
        commands: Vec<(C, Meta)>,
        at: UnixMillis,
        answers: fn(Vec<Reply<C>>) -> Answers,
    ) -> Result<(), Error> {
        while !self.pipeline.has_room_for(commands.len()) {
            self.answer_one().await?;
        }
        self.stage.clock.set(at);
        self.pipeline.send(commands, answers).await;
        Ok(())
    }

    async fn answer_one(&mut self) -> Result<(), Error> {
        match self.pipeline.next().await {
            Some(answers) => self.count(answers),
            None => Ok(()),
        }
    }

    async fn answer_all(&mut self) -> Result<(), Error> {
        while let Some(answers) = self.pipeline.next().await {
            self.count(answers)?;
        }
        Ok(())
    }

    fn count(&mut self, answers: Answers) -> Result<(), Error> {
        match answers {
            Answers::Lines(replies) => self.count_lines(replies),
            Answers::Changed(replies) => self.count_moved(replies, |it| &it.moved),
            Answers::Closed(replies) => self.count_moved(replies, |it| &it.moved),
            Answers::Created(replies) => self.count_moved(replies, |it| &it.moved),
        }
    }

    fn count_lines(&mut self, replies: Vec<Reply<Allocate>>) -> Result<(), Error> {
        let lines = self.offered.pop_front().unwrap_or_default();
        for (line, reply) in lines.clone().zip(replies) {
            let line = self.stage.script.orders.lines[line];
            let placement = reply.ending.map_err(|error| stopped(&error))?;
            let counted = self.figures.offered(&placement.outcome, line.at);
            counted.map_err(|error| stopped(&error))?;
        }
        (self.stage.progress)(self.figures.lines_offered);
        self.acknowledge(lines)
    }

    /// Writes which lines were answered, one row per chunk.
    fn acknowledge(&mut self, lines: Range<usize>) -> Result<(), Error> {
        let orders = self.stage.script.orders;
        let Some(acks) = &mut self.stage.acks else {
            return Ok(());
        };
        let named = orders.lines[lines]
            .iter()
            .map(|line| (&orders.ids[line.order as usize], line_id(line.place)));
        let named: Vec<_> = named.collect();
        let row = serde_json::to_string(&named).map_err(Error::new)?;
        writeln!(acks, "{row}")?;
        Ok(acks.flush()?)
    }

    fn count_moved<C: Command>(
        &mut self,
        replies: Vec<Reply<C>>,
        moved: fn(&C::Answer) -> &[MovedLine],
    ) -> Result<(), Error> {
        for reply in replies {
            let answer = reply.ending.map_err(|error| stopped(&error))?;
            for line in moved(&answer) {
                self.figures.moved(line.from.is_some(), line.to.is_some());
            }
        }
        Ok(())
    }
}

fn stopped(error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("the replay stopped: {error}")).advise(
        "Answered lines are stored. To continue, run the same command with --data and --resume.",
    )
}
