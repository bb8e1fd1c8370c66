//! How a task ends badly: one sentence for the person and the exit code for the script.

/// What went wrong, and the exit code: 2 for a wrong call, else what the failed program said.
#[derive(Debug)]
pub struct Failure {
    pub says: String,
    pub code: u8,
}

impl Failure {
    pub fn new(says: impl Into<String>) -> Self {
        Self { says: says.into(), code: 1 }
    }

    pub fn usage(says: impl Into<String>) -> Self {
        Self { says: says.into(), code: 2 }
    }
}

/// True if the one flag that a task knows was given; anything else is refused.
pub fn only_flag(flag: &str, arguments: &[String]) -> Result<bool, Failure> {
    match arguments {
        [] => Ok(false),
        [one] if one == flag => Ok(true),
        _ => Err(Failure::usage(format!(
            "takes {flag} or nothing, not `{}`; see `cargo xtask help`",
            arguments.join(" ")
        ))),
    }
}

/// Refuses every argument.
pub fn no_arguments(arguments: &[String]) -> Result<(), Failure> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "takes no arguments, not `{}`; see `cargo xtask help`",
        arguments.join(" ")
    )))
}
