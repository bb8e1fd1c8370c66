//! `earmark config`: the settings in effect.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::error::CliError;
use crate::output::{self, table};
use crate::settings::Layers;

/// Shows the settings in effect
#[derive(Args, Debug)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every setting with its value and origin; passwords are not shown, no data is opened
    #[command(after_help = "Examples:\n  \
                            earmark config show\n  \
                            earmark config show --json --config /etc/earmark.toml")]
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Config {
    pub fn run(self, layers: &Layers) -> Result<ExitCode, CliError> {
        let Action::Show { json } = self.action;
        if json {
            output::json(&layers.shown())?;
        } else {
            let rows = layers.shown().into_iter().map(|it| {
                let value = match it.value {
                    Value::Null => "-".to_owned(),
                    Value::String(text) => text,
                    value => value.to_string(),
                };
                vec![it.section.to_owned(), it.key, value, it.origin]
            });
            output::say(table(&["section", "key", "value", "origin"], &[], rows))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
