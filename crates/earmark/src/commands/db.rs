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

/// Works on the files of the log
#[derive(Args, Debug)]
pub struct Db {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Copy the log to a new folder, also while a server runs. To restore it, use that folder as
    /// --data: views are rebuilt.
    #[command(after_help = "Example:\n  \
                            earmark db backup /backup/shop --data ./shop")]
    Backup {
        /// New folder
        to: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
}

impl Db {
    pub fn flags(&self, flags: &mut Flags) {
        let Action::Backup { folder, .. } = &self.action;
        folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let Action::Backup { to, .. } = self.action;
        let storage = StorageConfig::of(settings)?;
        if let Some(store) = storage.store {
            let what = format!("{store} must be backed up with PostgreSQL's own tools");
            return Err(CliError::new(what).advise(
                "`pg_dump --format=custom --schema=earmark --file=FILE DATABASE` copies it while it \
                 is in use; point-in-time recovery loses less. See docs/OPERATIONS.md.",
            ));
        }
        for path in backup(&storage.folder, &to).map_err(CliError::new)? {
            output::say(format!("copied {}", path.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
