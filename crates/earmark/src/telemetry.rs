//! What the program tells of itself on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::error::CliError;

/// What is told unless somebody asks for more or less.
const FILTER: &str = "warn";

/// Begins to tell. `filter` is as in `RUST_LOG`, which counts where no filter is given.
pub fn start(filter: Option<&str>, as_json: bool) -> Result<(), CliError> {
    let from_environment = std::env::var("RUST_LOG").ok().filter(|it| !it.is_empty());
    let filter = filter.or(from_environment.as_deref());
    let filter = filter.unwrap_or(FILTER);
    let parsed = EnvFilter::try_new(filter).map_err(|error| {
        CliError::usage(format!("{filter:?} is no filter: {error}"))
            .advise("Say off, error, warn, info, debug or trace, or a filter like `earmark=debug`.")
    })?;
    let told = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if as_json {
        told.json().init();
    } else {
        told.init();
    }
    Ok(())
}
