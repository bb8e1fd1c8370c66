//! What an error of PostgreSQL means for the caller: whether a retry may succeed.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use earmark_kernel::log::{AppendError, StoreError};
use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;

use super::tls;

/// Why a request was not executed. Nothing was changed: errors of a commit are not reported by
/// this type.
#[derive(Debug)]
pub(super) enum Error {
    /// Caused by the connection, the server's present state or another client: a retry may succeed.
    Transient(String),
    /// A retry would fail in the same way.
    Permanent(String),
    /// There is no space left.
    Full(String),
    /// A record that this process has read is no longer in the log.
    Lost(String),
}

/// The SQLSTATE that the SQL function `earmark.expect` fails with.
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
        // Connections, rollbacks (serialization, deadlock), resources, and interventions by an
        // operator. During a failover the old server accepts only reads.
        let class = code.code().get(..2).unwrap_or_default();
        let is_transient = matches!(class, "08" | "40" | "53" | "57")
            || [SqlState::LOCK_NOT_AVAILABLE, SqlState::READ_ONLY_SQL_TRANSACTION].contains(code)
            || code.code() == "25P03";
        if is_transient { Self::Transient(text) } else { Self::Permanent(text) }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            // The server has an unsafe setting, which may be corrected meanwhile.
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

/// The client's text with the server's message and code, which the client leaves out.
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
