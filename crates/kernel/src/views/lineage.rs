//! Checks that derived rows belong to the log: a digest of the last flushed record detects a log
//! that was restored from an older copy and has diverged since.

use crate::model::envelope::digest;
use crate::ports::log::StoreError;
use crate::ports::rows::Changes;
use crate::ports::stores::Stores;

/// The table with one row per service: the digest of the last record that the rows reflect.
const TABLE: &str = "kernel_end";

/// The row that a flush writes, as the table's name and its changes.
pub(crate) fn row<'s>(service: &'s str, digest: &str) -> (String, Box<dyn Changes + 's>) {
    let value = format!("\"{digest}\"");
    (TABLE.to_owned(), Box::new(vec![(service, Some(value))]))
}

/// Whether the rows were derived from this log, that is, the log holds the last flushed record.
pub(crate) fn is_in_log(service: &str, stores: &Stores) -> Result<bool, StoreError> {
    let flushed = stores.rows.flushed()?;
    if flushed == 0 {
        return Ok(true);
    }
    let records = stores.log.read_after(flushed - 1, 1)?;
    let Some(last) = records.first().filter(|record| record.last_seq == flushed) else {
        return Ok(false);
    };
    let stored = stores.rows.row(TABLE, service)?;
    Ok(stored == Some(format!("\"{}\"", digest(&last.events))))
}
