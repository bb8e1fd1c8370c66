//! `earmark parked`: messages that were set aside, shown and sent again.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_kernel::{Failure, JsonReply, NotDone};
use serde::Serialize;

use super::block_on;
use crate::cli::Folder;
use crate::config::Settings;
use crate::house::House;
use crate::problem::Problem;
use crate::screen::{self, table};
use crate::wiring;

/// So many messages are shown of each service.
const SHOWN_MAX: usize = 1_000;

/// Shows the messages that could not be read or kept failing, with the reason, or sends one again.
#[derive(Args, Debug)]
pub struct Parked {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    folder: Folder,
    /// Tell it as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show them
    List,
    /// Send one again; it is parked no more once it is decided
    Replay {
        /// Its id, as `list` shows it
        id: String,
        /// Tell what would come of it, and keep nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Serialize)]
struct Shown {
    service: &'static str,
    id: String,
    message: String,
    reason: String,
    body: String,
}

impl Parked {
    pub fn run(self, settings: &Settings) -> Result<ExitCode, Problem> {
        let house = House::open_existing(&settings.site(self.folder.data.as_ref())?)?;
        let done = match &self.what {
            None | Some(What::List) => self.list(&house),
            Some(What::Replay { id, dry_run }) => self.replay(&house, id, *dry_run),
        };
        house.close();
        done
    }

    fn list(&self, house: &House) -> Result<ExitCode, Problem> {
        let shown = parked(house)?;
        if self.json {
            screen::json(&shown)?;
        } else if shown.is_empty() {
            screen::say("nothing is parked")?;
        } else {
            let rows = shown.into_iter().map(|it| vec![it.id, it.message, it.reason, it.body]);
            screen::say(table(&["id", "message", "reason", "body"], &[], rows))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn replay(&self, house: &House, id: &str, dry_run: bool) -> Result<ExitCode, Problem> {
        let found = parked(house)?.into_iter().find(|it| it.id == id);
        let service = found.map(|it| it.service).ok_or_else(|| {
            Problem::new(format!("nothing is parked under {id:?}"))
                .advise("`earmark parked list` shows what is.")
        })?;
        let reply = block_on(async { Ok(house.bus.replay_parked(service, id, dry_run).await) })?;
        let JsonReply { ending, events, .. } = reply.map_err(failed)?;
        for event in events {
            screen::say(format!("would record {event}"))?;
        }
        match ending {
            Ok(answer) => screen::say(answer)?,
            Err(NotDone::Refused(refused)) => {
                return Err(Problem::new(format!("it was refused: {}", refused.text)));
            }
            Err(NotDone::Failed(failure)) => return Err(failed(failure)),
            Err(NotDone::Unknown(why)) => {
                return Err(Problem::new(why).advise("Look at `earmark log`, then try again."));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn parked(house: &House) -> Result<Vec<Shown>, Problem> {
    let mut shown = Vec::new();
    for service in wiring::services().iter().map(|it| it.flow().service) {
        let parked = house.bus.parked(service, None, SHOWN_MAX)?;
        shown.extend(parked.into_iter().map(|(id, it)| Shown {
            service,
            id: id.to_string(),
            message: it.message,
            reason: it.reason,
            body: it.body,
        }));
    }
    Ok(shown)
}

fn failed(failure: Failure) -> Problem {
    Problem::new(format!("it failed again and stays parked: {failure}"))
}
