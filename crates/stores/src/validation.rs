//! What every store refuses: records out of order, and invalid table names.

use earmark_kernel::log::{AppendError, Record, StoreError};

/// The longest name of a derived table, in characters.
const TABLE_NAME_LENGTH_MAX: usize = 40;

/// Refuses a record that does not start at `head + 1`, or that holds no event.
pub(crate) fn check_next_record(head: u64, record: &Record) -> Result<(), AppendError> {
    let (first, last) = (record.first_seq, record.last_seq);
    if head.checked_add(1) != Some(first) {
        return Err(AppendError::Failed(format!(
            "the record begins at {first}, but the log ends at {head}"
        )));
    }
    if last < first || i64::try_from(last).is_err() {
        return Err(AppendError::Failed(format!(
            "a record cannot hold the numbers {first}..={last}"
        )));
    }
    Ok(())
}

/// Refuses a table name that is not `[a-z_]{1,40}`.
pub(crate) fn check_table_name(name: &str) -> Result<(), StoreError> {
    let is_valid = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    if is_valid && (1..=TABLE_NAME_LENGTH_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(StoreError(format!(
        "{name:?} is not a valid table name: use 1 to {TABLE_NAME_LENGTH_MAX} of the characters \
         a-z and _"
    )))
}
