//! `earmark flow`: which message leads to which, from the services' tables.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use earmark_kernel::Flow as Map;

use crate::error::CliError;
use crate::output;
use crate::wiring;

/// Shows every edge of every service: which handler decides a command and which events it records,
/// what follows from an event, and what answers a query.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark flow\n  \
                        earmark flow --format mermaid")]
pub struct Flow {
    /// Output format; `markdown` is the page docs/FLOWS.md
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
        "# Flows\n\nWhich message leads to which, generated from the services' tables by `cargo xtask \
         flows`. Do not edit: change the table.\n",
    );
    for map in maps {
        let (table, picture) = (map.markdown(), map.mermaid());
        write!(page, "\n{table}\n```mermaid\n{picture}```\n").expect("writing to a string");
    }
    page
}
