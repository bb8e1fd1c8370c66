//! Errors of commands: what failed, what to do, and the exit code.

use std::fmt::Display;
use std::process::ExitCode;

use miette::Diagnostic;
use thiserror::Error;

/// It is not so, or it was not done.
pub const FAILED: u8 = 1;
/// The program was asked in a way it does not understand.
pub const USAGE: u8 = 2;

/// Why a command of the program ends with an error.
#[derive(Debug, Diagnostic, Error)]
#[error("{what}")]
pub struct CliError {
    what: String,
    #[help]
    advice: Option<String>,
    code: u8,
}

impl CliError {
    /// Something happened, or did not.
    pub fn new(what: impl Display) -> Self {
        Self { what: what.to_string(), advice: None, code: FAILED }
    }

    /// The program was asked in a way it does not understand.
    pub fn usage(what: impl Display) -> Self {
        Self { code: USAGE, ..Self::new(what) }
    }

    /// What to do about it.
    pub fn advise(self, advice: impl Display) -> Self {
        let advice = Some(advice.to_string());
        Self { advice, ..self }
    }

    /// What to do about it, if that is known.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// Says it on stderr.
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
