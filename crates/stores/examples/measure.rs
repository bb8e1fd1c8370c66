//! Measures the SQLite stores against a bare file on the same disk, in one run:
//! `cargo run --release -p earmark-stores --example measure [FOLDER]`.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use earmark_kernel::log::{LogStore, Record};
use earmark_kernel::rows::{Changes, FlushBatch, RowStore};
use earmark_stores::sqlite::{DataFolder, Settings, SqliteStore};

/// The duration of each measurement of appends.
const APPENDING: Duration = Duration::from_secs(2);

fn main() {
    let argument = std::env::args().nth(1);
    let base = argument.map_or_else(std::env::temp_dir, PathBuf::from);
    let scratch = tempfile::tempdir_in(base).expect("a scratch folder can be made");
    for events in [1, 500] {
        let events = events_of(150, events);
        let count = usize_as_f64(events.matches("\"type\"").count());
        let (file_rate, slowest) = file_appends_per_s(scratch.path(), &events);
        println!("file   {count:>3} events: {file_rate:>7.0} appends/s, slowest {slowest:?}");
        for page_bytes in [4096, 8192, 16_384] {
            let settings = Settings { log_page_bytes: page_bytes, ..Settings::default() };
            let (rate, slowest) = log_appends_per_s(scratch.path(), &events, settings);
            println!(
                "log    {count:>3} events, page {page_bytes:>5}: {rate:>7.0} appends/s, slowest \
                 {slowest:?}, ratio {:.2}",
                rate / file_rate
            );
        }
    }
    for page_bytes in [4096, 8192, 16_384] {
        for checkpoint_mib in [8, 32] {
            let settings = Settings {
                rows_page_bytes: page_bytes,
                rows_checkpoint_bytes: checkpoint_mib << 20,
                ..Settings::default()
            };
            let us = flush_us_per_row(scratch.path(), settings);
            println!("flush page {page_bytes:>5}, checkpoint {checkpoint_mib:>3} MiB: {us}");
        }
    }
}

fn file_appends_per_s(folder: &Path, events: &str) -> (f64, Duration) {
    let path = folder.join("bare");
    let mut file = File::create(&path).expect("a file can be made");
    let result = rate(|_| {
        file.write_all(events.as_bytes()).expect("the file can be written");
        file.sync_data().expect("the file can be synced");
    });
    std::fs::remove_file(path).expect("the file can be deleted");
    result
}

fn log_appends_per_s(folder: &Path, events: &str, settings: Settings) -> (f64, Duration) {
    let folder = folder.join("log");
    let data = DataFolder::open(&folder).expect("the folder can be opened");
    let (log, rows) =
        SqliteStore::open_with(&data, "measure", 0, "id", settings).expect("the store opens");
    let count = events.matches("\"type\"").count() as u64;
    let result = rate(|turn| {
        let first_seq = turn * count + 1;
        let last_seq = first_seq + count - 1;
        let record = Record { first_seq, last_seq, at_ms: 0, events: events.to_owned() };
        log.append(&record).expect("the record is appended");
    });
    drop((log, rows, data));
    std::fs::remove_dir_all(folder).expect("the folder can be deleted");
    result
}

/// Calls per second, and the duration of the slowest.
fn rate(mut call: impl FnMut(u64)) -> (f64, Duration) {
    let start = Instant::now();
    let (mut turns, mut slowest, mut last) = (0, Duration::ZERO, start);
    while last - start < APPENDING {
        call(turns);
        let now = Instant::now();
        slowest = slowest.max(now - last);
        last = now;
        turns += 1;
    }
    (u64_as_f64(turns) / (last - start).as_secs_f64(), slowest)
}

fn flush_us_per_row(folder: &Path, settings: Settings) -> String {
    let folder = folder.join("rows");
    let data = DataFolder::open(&folder).expect("the folder can be opened");
    let (log, rows) =
        SqliteStore::open_with(&data, "measure", 0, "id", settings).expect("the store opens");
    let mut seed = 1;
    let mut keys: Vec<u64> = (0..500_000).map(|_| random(&mut seed)).collect();
    // Ten flushes, so that pages are filled as with random keys.
    let parts = keys.chunks_mut(50_000);
    let fill = parts.map(|part| flush_us(&rows, part, 1)).sum::<f64>() / 10.0;
    let mut new: Vec<u64> = (0..50_000).map(|_| random(&mut seed)).collect();
    let inserts = flush_us(&rows, &mut new, 2);
    let mut old: Vec<u64> = keys.iter().copied().step_by(10).collect();
    let updates = flush_us(&rows, &mut old, 3);
    let mut few: Vec<u64> = keys.iter().copied().skip(3).step_by(500).collect();
    let thousand = flush_us(&rows, &mut few, 4);
    drop((log, rows, data));
    std::fs::remove_dir_all(folder).expect("the folder can be deleted");
    format!(
        "us per row: 500,000 into an empty one {fill:.2}, 50,000 new {inserts:.2}, 50,000 changed \
         {updates:.2}, 1,000 changed {thousand:.2}"
    )
}

fn flush_us(rows: &impl RowStore, keys: &mut [u64], through_seq: u64) -> f64 {
    keys.sort_unstable();
    let value = format!("{{\"seq\":{through_seq},\"pad\":\"{}\"}}", "x".repeat(182));
    let changes: Vec<_> = keys.iter().map(|key| (format!("{key:016x}"), Some(&value))).collect();
    let count = usize_as_f64(changes.len());
    let changes: Box<dyn Changes> = Box::new(changes);
    let batch = FlushBatch { through_seq: 0, tables: vec![("lines".to_owned(), changes)] };
    let start = Instant::now();
    rows.flush(&batch).expect("the rows are flushed");
    start.elapsed().as_secs_f64() * 1e6 / count
}

fn events_of(bytes: usize, count: usize) -> String {
    let head = "{\"type\":\"t\",\"data\":\"";
    let event = format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2));
    format!("[{}]", vec![event; count].join(","))
}

/// xorshift64*: the same keys in every run.
fn random(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn u64_as_f64(number: u64) -> f64 {
    number as f64
}

fn usize_as_f64(number: usize) -> f64 {
    u64_as_f64(number as u64)
}
