//! `earmark import`: batches or orders from a CSV file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use earmark_contracts::allocation::WhenShort;
use earmark_kernel::Command;
use earmark_loadgen::orders::CsvFile;

use crate::args::Folder;
use crate::error::CliError;
use crate::import::{Import as Request, Method, Read, batches, import, lines};
use crate::node::Node;
use crate::output;
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;

/// Imports batches or order lines from a CSV file, plain or gzipped. A row that exists already
/// changes nothing, so a file can be imported again. Invalid rows are reported with their line and
/// left out.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark import batches batches.csv\n  \
                        earmark import orders orders.csv.gz --dry-run")]
pub struct Import {
    #[command(subcommand)]
    rows: Rows,
}

#[derive(Debug, Subcommand)]
enum Rows {
    /// Import stock, in the warehouse or incoming
    #[command(after_help = "Example:\n  \
                            earmark import batches batches.csv --eta arrives_on")]
    Batches {
        #[command(flatten)]
        columns: batches::Columns,
        #[command(flatten)]
        options: Options,
    },
    /// Import order lines and allocate stock to them
    #[command(after_help = "Example:\n  \
                            earmark import orders orders.csv --short reject --strict")]
    Orders {
        #[command(flatten)]
        columns: lines::Columns,
        /// What to do with a line for which there is no stock
        #[arg(long, value_enum, default_value_t = Short::Queue)]
        short: Short,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Args, Debug)]
struct Options {
    /// CSV file with a header row
    file: PathBuf,
    #[command(flatten)]
    folder: Folder,
    /// Report the result of each row without changing anything
    #[arg(long)]
    dry_run: bool,
    /// Import nothing and exit with 1 if any row is invalid
    #[arg(long)]
    strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Short {
    /// Queue the line until there is stock
    Queue,
    /// Count the line and reject it
    Reject,
}

impl Import {
    pub fn flags(&self, flags: &mut Flags) {
        let (Rows::Batches { options, .. } | Rows::Orders { options, .. }) = &self.rows;
        options.folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        match self.rows {
            Rows::Batches { columns, options } => {
                let read = columns.read(CsvFile::open(&options.file)?)?;
                options.import(read, batches::method(), settings)
            }
            Rows::Orders { columns, short, options } => {
                let short = match short {
                    Short::Queue => WhenShort::Queue,
                    Short::Reject => WhenShort::Reject,
                };
                let read = columns.read(CsvFile::open(&options.file)?, short)?;
                options.import(read, lines::method(), settings)
            }
        }
    }
}

impl Options {
    fn import<C: Command>(
        self,
        read: Read<C>,
        method: Method<C>,
        settings: &Settings,
    ) -> Result<ExitCode, CliError> {
        let mut storage = StorageConfig::of(settings)?;
        // A dry run leaves nothing behind, not even a folder.
        let temporary = (self.dry_run && !Node::is_there(&storage.folder))
            .then(tempfile::tempdir)
            .transpose()?;
        if let Some(temporary) = &temporary {
            temporary.path().clone_into(&mut storage.folder);
        }
        let node = Node::open_readonly(&storage)?;
        let request = Request { dry_run: self.dry_run, strict: self.strict };
        let report = block_on(import(&node.bus, read, method, request));
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
