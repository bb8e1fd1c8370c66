//! Import: rows of a file become commands, sent so that bringing a file in again changes nothing.

pub mod batches;
pub mod lines;

use earmark_contracts::values::{Day, Quantity, Text};
use earmark_kernel::{Bus, Command, Meta, NotDone, Reply};
use earmark_loadgen::concurrent;
use earmark_loadgen::orders::BadRow;
use serde::Serialize;

use crate::error::CliError;
use crate::progress;

/// Commands sent per batch.
const CHUNK: usize = 2_048;

/// A row that can be used.
#[derive(Clone, Debug)]
pub struct Row<C> {
    /// Where it begins in the file.
    pub line: u64,
    pub command: C,
}

/// What a file holds.
#[derive(Debug)]
pub struct Read<C> {
    pub good: Vec<Row<C>>,
    pub bad: Vec<BadRow>,
}

/// How rows are to be brought in.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Keep nothing.
    pub dry_run: bool,
    /// All rows or none.
    pub strict: bool,
}

/// What came of the rows.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub rows: u64,
    /// Rows that made a batch, or placed a line.
    pub new: u64,
    /// Rows that were there before.
    pub existed: u64,
    /// Lines that wait for stock.
    pub short: u64,
    /// Lines for which there is no stock and that were not kept.
    pub out_of_stock: u64,
    pub dry_run: bool,
    /// Nothing was brought in, because some rows cannot be used.
    pub refused: bool,
    /// Rows that cannot be used, in order of the file.
    pub bad: Vec<BadRow>,
}

impl Report {
    /// What came of the rows, as a sentence.
    pub fn sentence(&self) -> String {
        let Self { rows, new, existed, short, out_of_stock, .. } = self;
        let bad = self.bad.len();
        if self.refused {
            return format!("{rows} rows: {bad} cannot be used, so nothing was brought in");
        }
        let mut parts = vec![format!("{new} new"), format!("{existed} there before")];
        let named = [(*short, "short"), (*out_of_stock, "out of stock"), (bad as u64, "left out")];
        let named = named.into_iter().filter(|(count, _)| *count > 0);
        parts.extend(named.map(|(count, what)| format!("{count} {what}")));
        let kept = if self.dry_run { " (a dry run: nothing was kept)" } else { "" };
        format!("{rows} rows: {}{kept}", parts.join(", "))
    }
}

/// What is brought in: how it is sent, and how its answers are counted.
pub struct Way<C: Command> {
    /// Which rows may be sent at the same time: rows of the same rank.
    pub rank: fn(&[Row<C>]) -> Vec<u32>,
    pub send: Sends,
    pub count: fn(&mut Report, &C::Answer),
}

/// How commands are sent.
#[derive(Clone, Copy, Debug)]
pub enum Sends {
    /// In order, as one job.
    Together,
    /// Side by side, each taking several steps.
    SideBySide,
}

/// Brings rows in.
pub async fn bring<C: Command>(
    bus: &Bus,
    read: Read<C>,
    way: Way<C>,
    asked: Asked,
) -> Result<Report, CliError> {
    let Read { good, bad } = read;
    let rows = (good.len() + bad.len()) as u64;
    let mut report = Report { rows, bad, dry_run: asked.dry_run, ..Report::default() };
    if asked.strict && report.bad.is_empty() && !asked.dry_run {
        // What the stock as it is would refuse is known beforehand, too.
        let mut rehearsal = Report::default();
        send_all(bus, good.clone(), &way, true, &mut rehearsal).await?;
        report.bad = rehearsal.bad;
    }
    if asked.strict && !report.bad.is_empty() {
        report.refused = true;
        return Ok(report);
    }
    send_all(bus, good, &way, asked.dry_run, &mut report).await?;
    report.bad.sort_by_key(|row| row.line);
    report.refused = asked.strict && !report.bad.is_empty();
    Ok(report)
}

async fn send_all<C: Command>(
    bus: &Bus,
    rows: Vec<Row<C>>,
    way: &Way<C>,
    dry_run: bool,
    report: &mut Report,
) -> Result<(), CliError> {
    let bar = progress::bar("bringing in rows", rows.len() as u64);
    let mut ranked: Vec<(u32, Row<C>)> = (way.rank)(&rows).into_iter().zip(rows).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut ranked = ranked.into_iter().peekable();
    while let Some((rank, first)) = ranked.next() {
        let mut chunk = vec![first];
        while chunk.len() < CHUNK
            && let Some((_, row)) = ranked.next_if(|(next, _)| *next == rank)
        {
            chunk.push(row);
        }
        let lines: Vec<u64> = chunk.iter().map(|row| row.line).collect();
        let meta = || Meta { dry_run, ..Meta::default() };
        let commands = chunk.into_iter().map(|row| (row.command, meta())).collect();
        let replies: Vec<Reply<C>> = match way.send {
            Sends::Together => bus.send_many(commands).await,
            Sends::SideBySide => concurrent::send(bus, commands).await,
        };
        for (line, reply) in lines.into_iter().zip(replies) {
            match reply.ending {
                Ok(answer) => (way.count)(report, &answer),
                Err(NotDone::Refused(refusal)) => {
                    report.bad.push(BadRow { line, reason: refusal.to_string() });
                }
                Err(not_done) => return Err(stopped(line, &not_done)),
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn stopped(line: u64, why: &dyn std::fmt::Display) -> CliError {
    CliError::new(format!("stopped at line {line}: {why}")).advise(
        "What was brought in is kept. Bring the file in again: what is there changes nothing.",
    )
}

fn text(what: &str, text: &str) -> Result<Text, String> {
    Text::parse(text).map_err(|why| format!("{what} {text:?} {why}"))
}

fn quantity(text: &str) -> Result<Quantity, String> {
    let units = text.parse::<u64>().map_err(|_| why_quantity(text))?;
    Quantity::new(units).map_err(|_| why_quantity(text))
}

fn why_quantity(text: &str) -> String {
    format!("quantity {text:?} {}", earmark_contracts::values::InvalidValue::Quantity)
}

fn day(what: &str, text: &str) -> Result<Option<Day>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Day::parse(text).map(Some).map_err(|why| format!("{what} {text:?} {why}"))
}
