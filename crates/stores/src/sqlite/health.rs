//! Whether the files of a partition may still be written, shared by everything that writes them.

use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// The health of the files of one partition. It is lost when a write or a sync fails and leaves the
/// content of the disk unknown. It cannot be regained, so the process must end: the operating
/// system may report the next sync as successful although data of the failed one are missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Health(Arc<OnceLock<String>>);

impl Health {
    /// Why nothing may be written any more, once health is lost.
    pub(super) fn broken(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Forbids all further writes. The first reason is kept.
    pub(super) fn lose(&self, why: String) {
        tracing::error!(why, "the disk failed; nothing is written any more");
        let _ = self.0.set(why);
    }

    /// After a disk failure, keeps the write-ahead file when the connection closes. SQLite would
    /// copy it back and delete it, and it may be the only good copy.
    pub(super) fn keep_wal_if_broken(&self, connection: &Connection) {
        if self.broken().is_some() {
            let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            if let Err(error) = connection.set_db_config(keep, true) {
                tracing::warn!(%error, "closing the connection will delete the write-ahead file");
            }
        }
    }
}
