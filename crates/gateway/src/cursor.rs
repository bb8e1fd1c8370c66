//! Cursors: where a page ended, as a text that clients give back and do not read.

use crate::problem::Problem;

/// The cursor of a place.
pub(crate) fn write(place: &str) -> String {
    place.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The place of a cursor.
///
/// # Errors
/// When no page ended with it.
pub(crate) fn read(cursor: &str) -> Result<String, Problem> {
    if !cursor.len().is_multiple_of(2) || !cursor.is_ascii() {
        return Err(no_cursor());
    }
    let bytes = (0..cursor.len()).step_by(2).map(|at| {
        let pair = &cursor[at..at + 2];
        let is_ours = pair.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        is_ours.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.and_then(|it| String::from_utf8(it).ok()).ok_or_else(no_cursor)
}

/// What is said of an `after` that no page ended with.
pub(crate) fn no_cursor() -> Problem {
    Problem::input("after", "after must be the `next` of a page")
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for place in ["", "85123A", "BANK CHARGES", "tête-à-tête", "0"] {
            assert_eq!(read(&write(place)).unwrap(), place);
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for bad in ["a", "zz", "+1", "FF", "ff", "é"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
