//! Errors shown to users: what happened, and what to do.

use std::fmt::Display;
use std::process::ExitCode;

use miette::Diagnostic;
use thiserror::Error;

/// Exit code for a failure or a failed check.
pub const FAILED: u8 = 1;
/// Exit code for a usage error.
pub const USAGE: u8 = 2;

/// Why a command failed.
#[derive(Debug, Diagnostic, Error)]
#[error("{what}")]
pub struct CliError {
    what: String,
    #[help]
    advice: Option<String>,
    code: u8,
}

impl CliError {
    /// Something failed.
    pub fn new(what: impl Display) -> Self {
        Self { what: what.to_string(), advice: None, code: FAILED }
    }

    /// The command line or the settings are wrong.
    pub fn usage(what: impl Display) -> Self {
        Self { code: USAGE, ..Self::new(what) }
    }

    /// Adds what to do about it.
    pub fn advise(self, advice: impl Display) -> Self {
        let advice = Some(advice.to_string());
        Self { advice, ..self }
    }

    /// What to do about it, if that is known.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// Prints it to stderr and returns the exit code.
    pub fn report(self) -> ExitCode {
        let code = self.code;
        eprintln!("{:?}", miette::Report::new(self));
        ExitCode::from(code)
    }
}

impl From<earmark_kernel::Failure> for CliError {
    fn from(failure: earmark_kernel::Failure) -> Self {
        Self::new(failure).advise("Nothing was changed. Run `earmark doctor` to find the cause.")
    }
}

impl From<earmark_loadgen::Error> for CliError {
    fn from(error: earmark_loadgen::Error) -> Self {
        let code = if error.is_usage { USAGE } else { FAILED };
        Self { what: error.what, advice: error.advice, code }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}
