//! CSV files with a header row, plain or gzipped; columns are found by name.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};
use flate2::bufread::MultiGzDecoder;
use serde::Serialize;

use crate::error::Error;

/// The first two bytes of a gzip file (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BUFFER_BYTES: usize = 1 << 18;

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// The line on which it begins; the first line is 1.
    pub line: u64,
    /// Why it cannot be used.
    pub reason: String,
}

/// A CSV file with a header row.
pub struct CsvFile {
    reader: Reader<Box<dyn Read>>,
    heading: Vec<String>,
    name: String,
}

impl CsvFile {
    /// Opens a file by its path.
    ///
    /// # Errors
    /// If the file cannot be opened or has no header row.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| {
            Error::new(format!("cannot open {name}: {error}"))
                .advise("Name a CSV file with a header row, plain or gzipped.")
        })?;
        Self::read(Box::new(file), name)
    }

    /// Reads a file that is already open; `name` is used in messages.
    ///
    /// # Errors
    /// If the header row cannot be read.
    pub fn read(file: Box<dyn Read>, name: String) -> Result<Self, Error> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let is_gzip = file.fill_buf()?.starts_with(&GZIP_MAGIC);
        let plain: Box<dyn Read> =
            if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut builder = ReaderBuilder::new();
        builder.flexible(true).buffer_capacity(BUFFER_BYTES);
        let mut reader = builder.from_reader(plain);
        let heading = reader.headers().map_err(|error| broken(&name, &error))?;
        let heading = heading.iter().map(|it| it.trim_start_matches('\u{feff}').trim());
        let heading = heading.map(str::to_owned).collect();
        Ok(Self { reader, heading, name })
    }

    /// The index of a required column; `flag` names another one.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn column(&self, name: &str, flag: &str) -> Result<usize, Error> {
        self.column_if_present(name).ok_or_else(|| {
            let columns = self.heading.join(", ");
            Error::usage(format!("{} has no column {name:?}", self.name))
                .advise(format!("Its columns are: {columns}. Name the right one with {flag}."))
        })
    }

    /// The index of a column, if there is one of that name.
    pub fn column_if_present(&self, name: &str) -> Option<usize> {
        self.heading.iter().position(|it| it == name)
    }

    /// The index of the column that a flag named, or else of the default one, if it exists.
    ///
    /// # Errors
    /// If a flag named a column that does not exist.
    pub fn optional(
        &self,
        named: Option<&str>,
        default: &str,
        flag: &str,
    ) -> Result<Option<usize>, Error> {
        named.map_or_else(
            || Ok(self.column_if_present(default)),
            |named| self.column(named, flag).map(Some),
        )
    }

    /// Reads the next row into `row`; false at the end.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn next(&mut self, row: &mut ByteRecord) -> Result<bool, Error> {
        self.reader.read_byte_record(row).map_err(|error| broken(&self.name, &error))
    }
}

/// A field as text without surrounding blanks; empty if the row has no such field.
///
/// # Errors
/// If it is not UTF-8.
pub fn field(row: &ByteRecord, column: usize) -> Result<&str, String> {
    let bytes = row.get(column).unwrap_or_default().trim_ascii();
    std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// The line on which a row begins.
pub fn line_of(row: &ByteRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

fn broken(name: &str, error: &csv::Error) -> Error {
    Error::new(format!("cannot read {name}: {error}"))
        .advise("Is it a complete CSV file, plain or gzipped?")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn rows(bytes: Vec<u8>) -> Vec<(u64, String)> {
        let mut file =
            CsvFile::read(Box::new(std::io::Cursor::new(bytes)), "a.csv".into()).unwrap();
        let column = file.column("b", "--b").unwrap();
        let (mut row, mut rows) = (ByteRecord::new(), Vec::new());
        while file.next(&mut row).unwrap() {
            rows.push((line_of(&row), field(&row, column).unwrap().to_owned()));
        }
        rows
    }

    const TEXT: &[u8] = b"\xef\xbb\xbfa,b\n1,\"two\nlines\"\n2, x \n3\n";

    #[test]
    fn rows_have_their_line_even_if_fields_contain_newlines() {
        let expected = [(2, "two\nlines".into()), (4, "x".into()), (5, String::new())];
        assert_eq!(rows(TEXT.to_vec()), expected);
    }

    #[test]
    fn gzip_is_detected_by_its_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(TEXT).unwrap();
        assert_eq!(rows(gzip.finish().unwrap()), rows(TEXT.to_vec()));
    }

    #[test]
    fn a_missing_column_is_reported_with_the_existing_ones() {
        let file = CsvFile::read(Box::new(TEXT), "a.csv".into()).unwrap();
        let problem = file.column("c", "--sku").unwrap_err();
        assert!(problem.what.contains("a.csv has no column \"c\""), "{problem}");
        assert!(problem.advice.unwrap().contains("a, b"));
    }
}
