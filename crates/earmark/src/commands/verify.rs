//! `earmark verify`: every promise checked over the whole log.

use std::process::ExitCode;

use clap::Args;
use earmark_kernel::{Bus, NotVerified};
use serde::Serialize;

use crate::args::Folder;
use crate::error::CliError;
use crate::node::Node;
use crate::output::{self, number};
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;
use crate::{progress, wiring};

/// Reads the whole log again, checks what must always hold after every command, and compares the
/// outcome with the views and the stock in use. Ends with 1 and the first difference if there is
/// one.
#[derive(Args, Debug)]
pub struct Verify {
    #[command(flatten)]
    folder: Folder,
    /// Tell the counts as JSON
    #[arg(long)]
    json: bool,
}

/// What was checked in one service.
#[derive(Debug, Serialize)]
pub struct Checked {
    pub service: &'static str,
    pub records: u64,
    pub events: u64,
    pub aggregates: u64,
    pub checks: u64,
    pub rows: u64,
}

impl Verify {
    pub fn flags(&self, flags: &mut Flags) {
        self.folder.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let node = Node::open_existing(&StorageConfig::of(settings)?)?;
        let checked = verify(&node.bus);
        node.close();
        let checked = checked?;
        if self.json {
            output::json(&checked)?;
        } else {
            for it in &checked {
                output::say(sentence(it))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Verifies every service.
pub fn verify(bus: &Bus) -> Result<Vec<Checked>, CliError> {
    let names = wiring::services().into_iter().map(|it| it.flow().service);
    let checked = names.map(|service| {
        let bar = progress::bar("verifying events", 0);
        let verified = bus.verify(service, |reached, last| {
            bar.set_length(last);
            bar.set_position(reached);
        });
        bar.finish_and_clear();
        let it = verified.map_err(|error| different(service, &error))?;
        Ok(Checked {
            service,
            records: it.records,
            events: it.events,
            aggregates: it.aggregates,
            checks: it.checks,
            rows: it.rows,
        })
    });
    checked.collect()
}

/// What was checked, as a sentence.
pub fn sentence(it: &Checked) -> String {
    format!(
        "{}: {} events agree with {} aggregates and {} rows of views; {} checks held",
        it.service,
        number(it.events),
        number(it.aggregates),
        number(it.rows),
        number(it.checks)
    )
}

fn different(service: &str, error: &NotVerified) -> CliError {
    let problem = CliError::new(format!("{service}: {error}"));
    match error {
        NotVerified::Difference(_) => problem.advise(
            "If a view or a snapshot differs, delete the *.views.db files in the data folder: they \
             are made anew from the log. If it is the log itself, restore it from a backup.",
        ),
        NotVerified::Unreadable(_) => problem.advise("`earmark doctor` looks for the cause."),
    }
}
