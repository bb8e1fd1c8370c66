//! Where the derived rows end: by a digest of the last record that they reflect, a log is known
//! that came back from an older copy and went on another way.

use crate::model::envelope::digest;
use crate::ports::log::StoreError;
use crate::ports::rows::Changes;
use crate::ports::stores::Stores;

/// One row a service: the digest of the record that ends where the rows are flushed.
const TABLE: &str = "kernel_end";

/// The row that a flush leaves: the table, and what changes there.
pub(crate) fn row<'s>(service: &'s str, digest: &str) -> (String, Box<dyn Changes + 's>) {
    let value = format!("\"{digest}\"");
    (TABLE.to_owned(), Box::new(vec![(service, Some(value))]))
}

/// Whether the rows reflect this log: it holds the record that they end with.
pub(crate) fn is_in_log(service: &str, stores: &Stores) -> Result<bool, StoreError> {
    let flushed = stores.rows.flushed()?;
    if flushed == 0 {
        return Ok(true);
    }
    let records = stores.log.read_after(flushed - 1, 1)?;
    let Some(last) = records.first().filter(|record| record.last_seq == flushed) else {
        return Ok(false);
    };
    let known = stores.rows.row(TABLE, service)?;
    Ok(known == Some(format!("\"{}\"", digest(&last.events))))
}
