//! Entry points of fuzz targets: the parsers of files and of the command line.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;
use std::sync::LazyLock;

use clap::{Args, Command, Parser};
use earmark_contracts::allocation::WhenShort;
use earmark_loadgen::orders::{Columns, CsvFile, Orders};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::Cli;
use crate::import::{self, Read, batches, lines};
use crate::{server, settings};

/// Columns with their default names.
static BATCHES: LazyLock<batches::Columns> = LazyLock::new(default);
static LINES: LazyLock<lines::Columns> = LazyLock::new(default);

/// CSV files of batches, order lines and orders: as they are, and below the default header row.
///
/// # Panics
/// If a row is neither valid nor reported, or a command changes when it is written and read again.
pub fn rows(bytes: &[u8]) {
    let below = |heading: &str| [heading.as_bytes(), b"\n", bytes].concat();
    for bytes in [bytes, &below("reference,sku,quantity,eta,expires")] {
        if let Some(read) = open(bytes).and_then(|file| BATCHES.read(file).ok()) {
            is_sound(&read);
        }
    }
    for bytes in [bytes, &below("order_id,line_id,sku,quantity,need_by,priority")] {
        if let Some(read) = open(bytes).and_then(|file| LINES.read(file, WhenShort::Queue).ok()) {
            is_sound(&read);
        }
    }
    for bytes in [bytes, &below("InvoiceNo,StockCode,Quantity,InvoiceDate")] {
        let read = open(bytes).map(|file| Orders::read(file, &Columns::default(), u64::MAX));
        if let Some(Ok(orders)) = read {
            let lines = orders.lines.len() as u64;
            assert_eq!(orders.rows, lines + orders.below_one + orders.unreadable);
            assert!(orders.lines.is_sorted_by_key(|line| line.at));
        }
    }
}

/// A settings file, and a file of API keys.
pub fn settings(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = settings::parse(text);
        let _ = server::keys(text);
    }
}

/// A command line with one argument per line.
pub fn arguments(bytes: &[u8]) {
    let arguments = bytes.split(|byte| *byte == b'\n').map(OsStr::from_bytes);
    let _ = Cli::try_parse_from([OsStr::new("earmark")].into_iter().chain(arguments));
}

fn default<C: Args>() -> C {
    let arguments = C::augment_args(Command::new("default")).get_matches_from([""]);
    C::from_arg_matches(&arguments).expect("every column has a default name")
}

fn open(bytes: &[u8]) -> Option<CsvFile> {
    CsvFile::read(Box::new(Cursor::new(bytes.to_vec())), "a file".to_owned()).ok()
}

fn is_sound<C>(read: &Read<C>)
where
    C: DeserializeOwned + Serialize + PartialEq + Debug,
{
    assert!(read.good.is_sorted_by_key(|row| row.line));
    assert!(read.bad.iter().all(|row| row.line > 0 && !row.reason.is_empty()));
    for import::Row { command, .. } in &read.good {
        let text = serde_json::to_vec(command).expect("commands are plain data");
        let again: C = serde_json::from_slice(&text).expect("what was written is read");
        assert_eq!(*command, again);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A parser, with the folder of its corpus.
    type Target = (&'static str, fn(&[u8]));

    #[test]
    fn the_corpus_of_files_is_read_or_refused() {
        let targets: [Target; 3] =
            [("rows", super::rows), ("settings", super::settings), ("arguments", super::arguments)];
        for (name, target) in targets {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
            let seeds: Vec<_> = std::fs::read_dir(corpus.join(name)).unwrap().collect();
            assert!(seeds.len() > 5, "{name}");
            for seed in seeds {
                target(&std::fs::read(seed.unwrap().path()).unwrap());
            }
        }
    }
}
