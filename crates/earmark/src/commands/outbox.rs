//! `earmark outbox`: letters that were not sent yet.

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

/// So many letters are shown.
const SHOWN_MAX: usize = 1_000;

/// Shows the letters that wait to be sent: all of them while no mail server is named (smtp), else
/// those that it has not taken yet.
#[derive(Args, Debug)]
pub struct Outbox {
    #[command(flatten)]
    folder: Folder,
    /// Tell it as JSON
    #[arg(long)]
    json: bool,
    /// Never send what waits now
    #[arg(long)]
    discard: bool,
}

#[derive(Serialize)]
struct Shown {
    count: usize,
    letters: Vec<Waiting>,
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
        let (letters, count) = done?;
        if self.json {
            output::json(&Shown { count, letters })?;
        } else if self.discard {
            output::say(format!("{} letters will never be sent", number(count as u64)))?;
        } else if count == 0 {
            output::say("no letter waits")?;
        } else {
            let rows = letters.into_iter().map(|it| {
                let text = it.text.lines().last().unwrap_or_default().to_owned();
                vec![it.to, it.subject, text]
            });
            output::say(table(&["to", "subject", "text"], &[], rows))?;
            if count > SHOWN_MAX {
                output::say(format!("the first of {}", number(count as u64)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
