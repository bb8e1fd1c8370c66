//! An import: rows become commands, sent so that importing a file again changes nothing.

use earmark_kernel::{Bus, Command, Meta, NotDone, Reply};
use earmark_loadgen::concurrent;
use earmark_loadgen::orders::BadRow;
use serde::Serialize;

use crate::error::CliError;
use crate::progress;

/// Maximum commands sent together.
const CHUNK: usize = 2_048;

/// A valid row.
#[derive(Clone, Debug)]
pub struct Row<C> {
    /// The line on which it begins.
    pub line: u64,
    pub command: C,
}

/// The rows of a file.
#[derive(Debug)]
pub struct Read<C> {
    pub good: Vec<Row<C>>,
    pub bad: Vec<BadRow>,
}

/// How to import rows.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// Change nothing.
    pub dry_run: bool,
    /// Import all rows or none.
    pub strict: bool,
}

/// The result of an import.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub rows: u64,
    /// Rows that created a batch or allocated a line.
    pub new: u64,
    /// Rows that existed before.
    pub existed: u64,
    /// Lines that are queued.
    pub short: u64,
    /// Lines that were rejected because there is no stock.
    pub out_of_stock: u64,
    pub dry_run: bool,
    /// Nothing was imported, because some rows are invalid.
    pub refused: bool,
    /// Invalid rows, in the order of the file.
    pub bad: Vec<BadRow>,
}

impl Report {
    /// The result as a sentence.
    pub fn sentence(&self) -> String {
        let Self { rows, new, existed, short, out_of_stock, .. } = self;
        let bad = self.bad.len();
        if self.refused {
            return format!("{rows} rows: {bad} invalid, so nothing was imported");
        }
        let mut parts = vec![format!("{new} new"), format!("{existed} existed before")];
        let named = [(*short, "short"), (*out_of_stock, "out of stock"), (bad as u64, "left out")];
        let named = named.into_iter().filter(|(count, _)| *count > 0);
        parts.extend(named.map(|(count, what)| format!("{count} {what}")));
        let kept = if self.dry_run { " (dry run: nothing was changed)" } else { "" };
        format!("{rows} rows: {}{kept}", parts.join(", "))
    }
}

/// How the commands of a file are sent, and how their answers are counted.
pub struct Method<C: Command> {
    /// The rank of each row: only rows of the same rank are sent together.
    pub rank: fn(&[Row<C>]) -> Vec<u32>,
    pub send: Sends,
    pub count: fn(&mut Report, &C::Answer),
}

/// How commands are sent.
#[derive(Clone, Copy, Debug)]
pub enum Sends {
    /// In order, as one batch.
    Together,
    /// Concurrently, in several steps each.
    Concurrently,
}

/// Imports rows.
pub async fn import<C: Command>(
    bus: &Bus,
    read: Read<C>,
    method: Method<C>,
    request: Import,
) -> Result<Report, CliError> {
    let Read { good, bad } = read;
    let rows = (good.len() + bad.len()) as u64;
    let mut report = Report { rows, bad, dry_run: request.dry_run, ..Report::default() };
    if request.strict && report.bad.is_empty() && !request.dry_run {
        // A dry run finds what would be refused in the present state.
        let mut tried = Report::default();
        send_all(bus, good.clone(), &method, true, &mut tried).await?;
        report.bad = tried.bad;
    }
    if request.strict && !report.bad.is_empty() {
        report.refused = true;
        return Ok(report);
    }
    send_all(bus, good, &method, request.dry_run, &mut report).await?;
    report.bad.sort_by_key(|row| row.line);
    report.refused = request.strict && !report.bad.is_empty();
    Ok(report)
}

async fn send_all<C: Command>(
    bus: &Bus,
    rows: Vec<Row<C>>,
    method: &Method<C>,
    dry_run: bool,
    report: &mut Report,
) -> Result<(), CliError> {
    let bar = progress::bar("importing rows", rows.len() as u64);
    let mut ranked: Vec<(u32, Row<C>)> = (method.rank)(&rows).into_iter().zip(rows).collect();
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
        let replies: Vec<Reply<C>> = match method.send {
            Sends::Together => bus.send_many(commands).await,
            Sends::Concurrently => concurrent::send(bus, commands).await,
        };
        for (line, reply) in lines.into_iter().zip(replies) {
            match reply.ending {
                Ok(answer) => (method.count)(report, &answer),
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
        "The rows before it are imported. Import the file again: existing rows change nothing.",
    )
}
