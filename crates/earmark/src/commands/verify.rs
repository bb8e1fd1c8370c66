//! `earmark verify`: checks every guarantee over the whole log.

use std::process::ExitCode;

use clap::Args;

use crate::args::Folder;
use crate::error::CliError;
use crate::node::Node;
use crate::output;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;
use crate::verification::verify;

/// Reads the whole log, checks every invariant after every command, and compares the result with
/// the views and with the state in memory. Exits with 1 and the first difference if there is one.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark verify\n  \
                        earmark verify --data /var/lib/earmark --json")]
pub struct Verify {
    #[command(flatten)]
    folder: Folder,
    /// Print the counts as JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub fn flags(&self, flags: &mut Flags) {
        self.folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let node = Node::open_existing(&StorageConfig::of(settings)?)?;
        let verified = verify(&node.bus);
        node.close();
        let verified = verified?;
        if self.json {
            output::json(&verified)?;
        } else {
            for it in &verified {
                output::say(it.sentence())?;
                let notes = it.notes.iter().map(|note| format!("{}: {note}", it.service));
                notes.into_iter().try_for_each(output::say)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
