//! `earmark outbox`: emails that have not been sent.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::args::Folder;
use crate::error::CliError;
use crate::integrations::{self, Waiting};
use crate::node::Node;
use crate::output::{self, number, table};
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;

/// Maximum emails shown.
const SHOWN_MAX: usize = 1_000;

/// Shows the emails that have not been sent: all of them if no mail server is set ([mail] smtp),
/// otherwise those that it has not accepted yet.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark outbox --json\n  \
                        earmark outbox --discard")]
pub struct Outbox {
    #[command(flatten)]
    folder: Folder,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Discard these emails: they are never sent
    #[arg(long)]
    discard: bool,
}

#[derive(Serialize)]
struct Shown {
    count: usize,
    emails: Vec<Waiting>,
}

impl Outbox {
    pub fn flags(&self, flags: &mut Flags) {
        self.folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let node = Node::open_existing(&StorageConfig::of(settings)?)?;
        let waiting = integrations::waiting(&node.bus, settings, SHOWN_MAX);
        let done = waiting.and_then(|it| match self.discard {
            true => block_on(integrations::discard(&node.bus)).map(|()| it),
            false => Ok(it),
        });
        node.close();
        let (emails, count) = done?;
        if self.json {
            output::json(&Shown { count, emails })?;
        } else if self.discard {
            output::say(format!("{} emails discarded", number(count as u64)))?;
        } else if count == 0 {
            output::say("no emails are waiting")?;
        } else {
            let rows = emails.into_iter().map(|it| {
                let text = it.text.lines().last().unwrap_or_default().to_owned();
                vec![it.to, it.subject, text]
            });
            output::say(table(&["to", "subject", "text"], &[], rows))?;
            if count > SHOWN_MAX {
                output::say(format!("the first of {} emails", number(count as u64)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
