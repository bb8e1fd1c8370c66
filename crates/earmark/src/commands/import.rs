//! `earmark import`: batches or orders from a CSV file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use earmark_contracts::allocation::WhenShort;
use earmark_kernel::Command;
use earmark_loadgen::orders::CsvFile;

use crate::args::Folder;
use crate::error::CliError;
use crate::import::{Asked, Read, Way, batches, bring, lines};
use crate::node::Node;
use crate::output;
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;

/// Brings in batches or order lines from a CSV file, plain or gzipped. A row that is there already
/// changes nothing, so a file may come in again. Rows that cannot be used are named with their
/// line and left out.
#[derive(Args, Debug)]
pub struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Stock, in the warehouse or on its way
    Batches {
        #[command(flatten)]
        columns: batches::Columns,
        #[command(flatten)]
        how: How,
    },
    /// Lines of orders, to be promised stock
    Orders {
        #[command(flatten)]
        columns: lines::Columns,
        /// What becomes of a line for which there is no stock
        #[arg(long, value_enum, default_value_t = Short::Queue)]
        short: Short,
        #[command(flatten)]
        how: How,
    },
}

#[derive(Args, Debug)]
struct How {
    /// The rows, with a heading
    file: PathBuf,
    #[command(flatten)]
    folder: Folder,
    /// Tell what would come of each row by itself, and keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Bring in nothing, and end with 1, if any row cannot be used
    #[arg(long)]
    strict: bool,
    /// Tell what came of it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Short {
    /// It waits
    Queue,
    /// It is counted and not kept
    Reject,
}

impl Import {
    pub fn flags(&self, flags: &mut Flags) {
        let (What::Batches { how, .. } | What::Orders { how, .. }) = &self.what;
        how.folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        match self.what {
            What::Batches { columns, how } => {
                let read = columns.read(CsvFile::open(&how.file)?)?;
                how.bring(read, batches::way(), settings)
            }
            What::Orders { columns, short, how } => {
                let short = match short {
                    Short::Queue => WhenShort::Queue,
                    Short::Reject => WhenShort::Reject,
                };
                let read = columns.read(CsvFile::open(&how.file)?, short)?;
                how.bring(read, lines::way(), settings)
            }
        }
    }
}

impl How {
    fn bring<C: Command>(
        self,
        read: Read<C>,
        way: Way<C>,
        settings: &Settings,
    ) -> Result<ExitCode, CliError> {
        let mut storage = StorageConfig::of(settings)?;
        // A rehearsal leaves nothing behind, not even a folder.
        let nowhere = (self.dry_run && !Node::is_there(&storage.folder))
            .then(tempfile::tempdir)
            .transpose()?;
        if let Some(nowhere) = &nowhere {
            nowhere.path().clone_into(&mut storage.folder);
        }
        let node = Node::open_readonly(&storage)?;
        let asked = Asked { dry_run: self.dry_run, strict: self.strict };
        let report = block_on(bring(&node.bus, read, way, asked));
        node.close();
        let report = report?;
        if self.json {
            output::json(&report)?;
        } else {
            for row in &report.bad {
                eprintln!("line {}: {}", row.line, row.reason);
            }
            output::say(report.sentence())?;
        }
        Ok(ExitCode::from(u8::from(report.refused)))
    }
}
