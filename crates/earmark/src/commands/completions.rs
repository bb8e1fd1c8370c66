//! `earmark completions`: completion scripts for shells.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::error::CliError;
use crate::output;

/// Prints completions, say for `earmark completions bash >
/// ~/.local/share/bash-completion/completions/earmark`.
#[derive(Args, Debug)]
pub struct Completions {
    /// Which shell
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
