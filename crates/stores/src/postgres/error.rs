//! What an error of PostgreSQL means for whoever asked: whether asking again may help.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use earmark_kernel::log::{AppendError, StoreError};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::tls;

/// Why something was not done. Nothing of it was: whoever may have committed does not use this.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Of the connection, of the server's present state or of a neighbour: may be gone next time.
    Passing(String),
    /// The same would be answered again.
    Lasting(String),
    /// There is no space left.
    Full(String),
    /// What was read from the log before is not in it any more.
    Lost(String),
}

/// The code with which the function `expect` fails.
const LOST: &str = "EA001";

impl Trouble {
    pub(super) fn text(self) -> String {
        match self {
            Self::Passing(text) | Self::Lasting(text) | Self::Full(text) | Self::Lost(text) => text,
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let text = explain(&error);
        let Some(code) = error.code() else {
            return Self::Passing(text);
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
        if passes { Self::Passing(text) } else { Self::Lasting(text) }
    }
}

impl From<PoolError> for Trouble {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            // A server that may lose what it confirms: its settings can be set right meanwhile.
            other => Self::Passing(other.to_string()),
        }
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Self(trouble.text())
    }
}

impl From<Trouble> for AppendError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Full(text) => Self::Full(text),
            Trouble::Passing(text) | Trouble::Lasting(text) | Trouble::Lost(text) => {
                Self::Failed(text)
            }
        }
    }
}

/// The client's text with the server's words, which it leaves out.
pub(super) fn explain(error: &Error) -> String {
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
