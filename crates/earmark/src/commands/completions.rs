//! `earmark completions`: shell completions.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::error::CliError;
use crate::output;

/// Prints completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  \
                        earmark completions bash > \
                        ~/.local/share/bash-completion/completions/earmark")]
pub struct Completions {
    /// Shell
    shell: Shell,
}

impl Completions {
    pub fn run(self, mut program: Command) -> Result<ExitCode, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "earmark", &mut script);
        output::print(&String::from_utf8(script).map_err(CliError::new)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
