//! `earmark outbox`: letters that were not sent yet.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::block_on;
use crate::cli::Folder;
use crate::config::Settings;
use crate::house::House;
use crate::outside::{self, Waiting};
use crate::problem::Problem;
use crate::screen::{self, number, table};

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
    pub fn run(self, settings: &Settings) -> Result<ExitCode, Problem> {
        let house = House::open_existing(&settings.site(self.folder.data.as_ref())?)?;
        let waiting = outside::waiting(&house.bus, settings, SHOWN_MAX);
        let done = waiting.and_then(|it| match self.discard {
            true => block_on(outside::discard(&house.bus)).map(|()| it),
            false => Ok(it),
        });
        house.close();
        let (letters, count) = done?;
        if self.json {
            screen::json(&Shown { count, letters })?;
        } else if self.discard {
            screen::say(format!("{} letters will never be sent", number(count as u64)))?;
        } else if count == 0 {
            screen::say("no letter waits")?;
        } else {
            let rows = letters.into_iter().map(|it| {
                let text = it.text.lines().last().unwrap_or_default().to_owned();
                vec![it.to, it.subject, text]
            });
            screen::say(table(&["to", "subject", "text"], &[], rows))?;
            if count > SHOWN_MAX {
                screen::say(format!("the first of {}", number(count as u64)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
