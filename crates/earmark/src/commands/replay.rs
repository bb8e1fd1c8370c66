//! `earmark replay`: real order lines in order of time, on virtual time, with derived supply.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tempfile::TempDir;

use crate::args::Folder;
use crate::error::CliError;
use crate::output;
use crate::replay::orders::{Columns, Orders};
use crate::replay::{Asked, replay};
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};

/// Sends order lines from a CSV file (plain or gzipped) through the bus in order of time. For every
/// SKU an opening batch and weekly deliveries are derived from the seed; some come short, late,
/// damaged or not at all, so that lines move and wait.
#[derive(Args, Debug)]
pub struct Replay {
    /// The order lines; rows with a quantity below 1 are counted and left out
    file: PathBuf,
    #[command(flatten)]
    columns: Columns,
    #[command(flatten)]
    folder: Folder,
    /// Use a temporary folder that is deleted at the end, and no other
    #[arg(long, conflicts_with_all = ["data", "resume"])]
    temporary: bool,
    /// Go on where an earlier replay of the same lines into the folder was stopped
    #[arg(long)]
    resume: bool,
    /// What the supply is derived from: the same seed gives the same supply
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Read no more than so many rows
    #[arg(long, value_name = "N")]
    limit_rows: Option<u64>,
    /// Write down the lines that were answered: a JSON array a row, [[order, line], …]
    #[arg(long, value_name = "FILE")]
    acks: Option<PathBuf>,
    /// Tell the figures as JSON
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub fn flags(&self, flags: &mut Flags) {
        self.folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let orders = Orders::open(&self.file, &self.columns, self.limit_rows.unwrap_or(u64::MAX))?;
        for row in &orders.named {
            tracing::warn!(line = row.line, reason = row.reason, "a row was left out");
        }
        let builder = || tempfile::Builder::new().prefix("earmark-replay-").tempdir();
        let temporary = self.temporary.then(builder).transpose()?;
        let data = temporary.as_ref().map_or(settings.server.data.as_path(), TempDir::path);
        let acks = self.acks.as_ref().map(open_acks).transpose()?;
        let asked = Asked {
            data,
            seed: self.seed,
            resume: self.resume,
            acks: acks.map(|it| Box::new(it) as Box<dyn Write>),
        };
        let (report, node) = block_on(replay(&orders, asked))?;
        node.close();
        if self.json {
            output::json(&report)?;
        } else {
            output::say(report.table())?;
        }
        Ok(report.exit_code())
    }
}

fn open_acks(path: &PathBuf) -> Result<BufWriter<File>, CliError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    let opened = opened.map_err(|error| {
        CliError::new(format!("cannot write {}: {error}", path.display()))
            .advise("Name a file for --acks in a folder that is there.")
    })?;
    Ok(BufWriter::new(opened))
}
