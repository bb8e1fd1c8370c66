//! `earmark db`: works on the files of the log.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_stores::sqlite::backup;

use crate::args::Folder;
use crate::error::CliError;
use crate::output;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;

/// Works on the log as files.
#[derive(Args, Debug)]
pub struct Db {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Copy the log into a new folder, while a server has it or not. Name that folder with --data
    /// to go on from it: views are made anew.
    Backup {
        /// The new folder
        to: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
}

impl Db {
    pub fn flags(&self, flags: &mut Flags) {
        let What::Backup { folder, .. } = &self.what;
        folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let What::Backup { to, .. } = self.what;
        let storage = StorageConfig::of(settings)?;
        if let Some(store) = storage.store {
            let what = format!("{store} must be backed up with PostgreSQL's own tools");
            return Err(CliError::new(what).advise(
                "`pg_dump --format=custom --schema=earmark --file=FILE DATABASE` copies it while it \
                 is written to; point-in-time recovery loses less. docs/OPERATIONS.md has both.",
            ));
        }
        for path in backup(&storage.folder, &to).map_err(CliError::new)? {
            output::say(format!("copied {}", path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
