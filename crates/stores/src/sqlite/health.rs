//! Whether the files of a partition may still be written, known to everybody who works on them.

use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// The health of the files of one partition: good until a write or a sync fails in a way after
/// which nobody knows what the disk holds. Then it stays bad, and the process has to end: the
/// system may say of the next sync that it went well, and be wrong about what the failed one left.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<OnceLock<String>>);

impl Health {
    /// Why nothing may be written any more, if so.
    pub(super) fn broken(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// From now on nothing is written. The first reason stands.
    pub(super) fn lose(&self, why: String) {
        tracing::error!(why, "the disk failed; nothing is written any more");
        let _ = self.0.set(why);
    }

    /// Where the disk failed, a connection must not tidy up as it is closed: it would copy and
    /// delete the write-ahead file, which may be the only good copy.
    pub(super) fn leave_as_it_is(&self, connection: &Connection) {
        if self.broken().is_some() {
            let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            if let Err(error) = connection.set_db_config(keep, true) {
                tracing::warn!(%error, "a connection will tidy up as it is closed");
            }
        }
    }
}
