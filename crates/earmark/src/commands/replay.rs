//! `earmark replay`: order lines in order of time, on virtual time, with derived supply.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use earmark_loadgen::orders::{Columns, Orders};
use tempfile::TempDir;

use crate::args::Folder;
use crate::error::CliError;
use crate::output;
use crate::replay::{Request, replay, table};
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};

/// Sends order lines from a CSV file (plain or gzipped) through the bus in order of time. The
/// supply is derived from the seed: an opening batch and weekly deliveries for every SKU. Some
/// deliveries are short, late, damaged or cancelled, so that lines move and wait.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark replay orders.csv.gz --temporary\n  \
                        earmark replay orders.csv --data ./year --resume")]
pub struct Replay {
    /// CSV file of order lines; rows with a quantity below 1 are counted and left out
    file: PathBuf,
    #[command(flatten)]
    columns: Columns,
    #[command(flatten)]
    folder: Folder,
    /// Use a temporary folder that is deleted at the end
    #[arg(long, conflicts_with_all = ["data", "resume"])]
    temporary: bool,
    /// Continue an interrupted replay of the same lines into the folder
    #[arg(long)]
    resume: bool,
    /// Seed of the supply: the same seed gives the same supply
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Read at most N rows
    #[arg(long, value_name = "N")]
    limit_rows: Option<u64>,
    /// Write the lines that were answered to a file: a JSON array per row, [[order, line], …]
    #[arg(long, value_name = "FILE")]
    acks: Option<PathBuf>,
    /// Print the report as JSON
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
        let request = Request {
            data,
            seed: self.seed,
            resume: self.resume,
            acks: acks.map(|it| Box::new(it) as Box<dyn Write>),
        };
        let (report, node) = block_on(replay(&orders, request))?;
        node.close();
        if self.json {
            output::json(&report)?;
        } else {
            output::say(table(&report))?;
        }
        Ok(ExitCode::from(u8::from(report.oversold > 0)))
    }
}

fn open_acks(path: &PathBuf) -> Result<BufWriter<File>, CliError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    let opened = opened.map_err(|error| {
        CliError::new(format!("cannot write {}: {error}", path.display()))
            .advise("Name a file for --acks in an existing folder.")
    })?;
    Ok(BufWriter::new(opened))
}
