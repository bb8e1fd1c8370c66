//! How a task fails: a message for people and an exit code for scripts.

/// What went wrong, and the exit code: 2 for a usage error, else the code of the program that
/// failed, or 1.
#[derive(Debug)]
pub struct CliError {
    pub message: String,
    pub code: u8,
}

impl CliError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }
}

/// True if the one flag of a task was given; any other argument is a usage error.
pub fn only_flag(flag: &str, arguments: &[String]) -> Result<bool, CliError> {
    match arguments {
        [] => Ok(false),
        [one] if one == flag => Ok(true),
        _ => Err(CliError::usage(format!(
            "takes {flag} or nothing, not `{}`; see `cargo xtask help`",
            arguments.join(" ")
        ))),
    }
}

/// Any argument is a usage error.
pub fn no_arguments(arguments: &[String]) -> Result<(), CliError> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "takes no arguments, not `{}`; see `cargo xtask help`",
        arguments.join(" ")
    )))
}
