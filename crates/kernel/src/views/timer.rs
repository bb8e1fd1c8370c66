//! Timers: rows ordered by the time at which they fire.

use crate::model::kinds::KindIndex;
use crate::model::message::Key;
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::views::table::Table;

const SEPARATOR: char = '\u{1f}';

/// A timer that is due, and its aggregate.
pub(crate) struct Due {
    pub(crate) row: Key,
    pub(crate) kind: KindIndex,
    pub(crate) key: Key,
}

/// The key of a timer's row. Keys sort by time; times before 1970 count as 1970.
pub(crate) fn row_key(due: UnixMillis, kind: KindIndex, key: &str) -> Key {
    let due_ms = due.0.max(0);
    Key::from(format!("{due_ms:016x}{SEPARATOR}{}{SEPARATOR}{key}", kind.0))
}

/// The timers that are due at `now`, earliest first, at most `limit`. Stops at the first row whose
/// key cannot be parsed.
pub(crate) fn due(
    timers: &Table<()>,
    now: UnixMillis,
    limit: usize,
) -> Result<Vec<Due>, StoreError> {
    let rows = timers.scan("", None, limit)?.into_iter().map(|(row, ())| row);
    Ok(rows
        .map_while(|row| parse_row_key(row).filter(|(at, _)| *at <= now))
        .map(|(_, due)| due)
        .collect())
}

fn parse_row_key(row: Key) -> Option<(UnixMillis, Due)> {
    let mut parts = row.splitn(3, SEPARATOR);
    let at = i64::from_str_radix(parts.next()?, 16).ok()?;
    let kind = KindIndex(parts.next()?.parse().ok()?);
    let key = Key::from(parts.next()?);
    Some((UnixMillis(at), Due { row, kind, key }))
}
