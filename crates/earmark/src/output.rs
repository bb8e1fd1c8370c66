//! Output: tables for people, JSON for programs.

use std::io::{ErrorKind, Write};

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;

use crate::error::CliError;

/// A table with a header row; the columns in `right` are aligned to the right.
pub fn table(
    heading: &[&str],
    right: &[usize],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(heading.to_vec());
    for row in rows {
        table.add_row(row.into_iter().map(Cell::new));
    }
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Prints indented JSON.
pub fn json<T: Serialize>(value: &T) -> Result<(), CliError> {
    say(serde_json::to_string_pretty(value).map_err(CliError::new)?)
}

/// Prints JSON on one line.
pub fn json_line<T: Serialize>(value: &T) -> Result<(), CliError> {
    say(serde_json::to_string(value).map_err(CliError::new)?)
}

/// Prints a line.
pub fn say(text: impl std::fmt::Display) -> Result<(), CliError> {
    print(&format!("{text}\n"))
}

/// Prints a text as it is. If the reader has closed the pipe (`| head`), the program exits
/// silently.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(CliError::from),
    }
}

/// A number with thousands separators: `1,234,567`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn thousands_are_separated() {
        let shown: Vec<_> = [0, 999, 1_000, 5_660_981].into_iter().map(number).collect();
        assert_eq!(shown, ["0", "999", "1,000", "5,660,981"]);
    }
}
