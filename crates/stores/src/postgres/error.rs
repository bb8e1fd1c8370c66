//! What an error of PostgreSQL means for whoever asked: whether asking again may help.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use earmark_kernel::log::{AppendError, StoreError};
use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;

use super::tls;

/// Why something was not done. Nothing of it was: whoever may have committed does not use this.
#[derive(Debug)]
pub(super) enum Error {
    /// Of the connection, of the server's present state or of a neighbour: may be gone next time.
    Transient(String),
    /// The same would be answered again.
    Permanent(String),
    /// There is no space left.
    Full(String),
    /// What was read from the log before is not in it any more.
    Lost(String),
}

/// The code with which the function `expect` fails.
const LOST: &str = "EA001";

impl Error {
    pub(super) fn text(self) -> String {
        match self {
            Self::Transient(text) | Self::Permanent(text) | Self::Full(text) | Self::Lost(text) => {
                text
            }
        }
    }
}

impl From<PgError> for Error {
    fn from(error: PgError) -> Self {
        let text = explain(&error);
        let Some(code) = error.code() else {
            return Self::Transient(text);
        };
        if *code == SqlState::DISK_FULL {
            return Self::Full(text);
        }
        if code.code() == LOST {
            return Self::Lost(text);
        }
        // Connections, rollbacks (serialization, deadlock), resources, and operators; a server that
        // is being failed over from takes reads only.
        let class = code.code().get(..2).unwrap_or_default();
        let passes = matches!(class, "08" | "40" | "53" | "57")
            || [SqlState::LOCK_NOT_AVAILABLE, SqlState::READ_ONLY_SQL_TRANSACTION].contains(code)
            || code.code() == "25P03";
        if passes { Self::Transient(text) } else { Self::Permanent(text) }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            // A server that may lose what it confirms: its settings can be set right meanwhile.
            other => Self::Transient(other.to_string()),
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self(error.text())
    }
}

impl From<Error> for AppendError {
    fn from(error: Error) -> Self {
        match error {
            Error::Full(text) => Self::Full(text),
            Error::Transient(text) | Error::Permanent(text) | Error::Lost(text) => {
                Self::Failed(text)
            }
        }
    }
}

/// The client's text with the server's words, which it leaves out.
pub(super) fn explain(error: &PgError) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(db), _) => {
            let detail = db.detail().map(|it| format!(" ({it})")).unwrap_or_default();
            format!("{}{detail} (PostgreSQL code {})", db.message(), db.code().code())
        }
        (None, Some(source)) => {
            let advice = tls::advice(source).map(|it| format!("; {it}")).unwrap_or_default();
            format!("{error}: {source}{advice}")
        }
        (None, None) => error.to_string(),
    }
}
