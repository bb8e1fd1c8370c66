//! Logging to stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::error::CliError;
use crate::settings::Server;

/// Starts logging.
pub fn start(settings: &Server) -> Result<(), CliError> {
    let filter = &settings.log;
    let parsed = EnvFilter::try_new(filter).map_err(|error| {
        CliError::usage(format!("{filter:?} is not a log filter: {error}")).advise(
            "Use off, error, warn, info, debug or trace, or a filter such as `earmark=debug`.",
        )
    })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if settings.log_json {
        subscriber.json().init();
    } else {
        subscriber.init();
    }
    Ok(())
}
