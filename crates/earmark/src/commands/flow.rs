//! `earmark flow`: the flow of commands and events, from the tables of the services.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use earmark_kernel::Flow as Map;

use crate::error::CliError;
use crate::output;
use crate::wiring;

/// Draws every edge of every service: which command is handled where and records what, what follows
/// from which event, which question is answered by what.
#[derive(Args, Debug)]
pub struct Flow {
    /// How it is drawn; `markdown` is the page docs/FLOWS.md
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Mermaid,
    Json,
    Markdown,
}

impl Flow {
    pub fn run(self) -> Result<ExitCode, CliError> {
        let maps: Vec<Map> = wiring::services().iter().map(earmark_kernel::Service::flow).collect();
        match self.format {
            Format::Json => output::json(&maps)?,
            Format::Text => output::print(&joined(&maps, Map::text))?,
            Format::Mermaid => output::print(&joined(&maps, Map::mermaid))?,
            Format::Markdown => output::print(&page(&maps))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn joined(maps: &[Map], draw: fn(&Map) -> String) -> String {
    maps.iter().map(draw).collect::<Vec<_>>().join("\n")
}

/// The page docs/FLOWS.md.
fn page(maps: &[Map]) -> String {
    let mut page = String::from(
        "# Flows\n\nWhat leads to what, drawn from the services' tables by `cargo xtask flows`. Do \
         not edit: change the table.\n",
    );
    for map in maps {
        let (table, picture) = (map.markdown(), map.mermaid());
        write!(page, "\n{table}\n```mermaid\n{picture}```\n").expect("writing to a string");
    }
    page
}
