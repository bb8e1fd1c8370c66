//! The released program on a disk that fails a sync or is full.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{done, program, text};

/// The numbers of the syncs that fail, one per server.
const FAILED_SYNCS: [u32; 5] = [1, 2, 7, 20, 33];
/// Maximum lines sent, one sync each.
const LINES: u32 = 60;
/// The time in which the process must end after the failed sync.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// A disk that fails on request, with its own server.
struct Disk {
    place: TempDir,
    layer: PathBuf,
}

impl Disk {
    /// Builds the library that is preloaded between the program and the system.
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/disk.c");
        let layer = place.path().join("disk.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&layer).arg(source).arg("-ldl");
        assert!(compiler.status().unwrap().success(), "the C compiler that built SQLite works");
        fs::create_dir(place.path().join("data")).unwrap();
        Self { place, layer }
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    fn folder(&self) -> PathBuf {
        self.place.path().canonicalize().unwrap()
    }

    fn order(&self, name: &str, what: &str) {
        fs::write(self.place.path().join(name), what).unwrap();
    }

    fn serve(&self) -> Running {
        let mut command =
            program(&["serve", "--listen", "127.0.0.1:0", "--data", text(&self.data())]);
        command.env("LD_PRELOAD", &self.layer).env("EARMARK_TEST_DISK", self.folder());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Running { child, address }
    }
}

/// A server on such a disk.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    /// Status and body; none if the server ended before.
    fn ask(&self, ask: &str, body: &str, key: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let length = body.len();
        let request = format!(
            "{ask} HTTP/1.1\r\nhost: earmark\r\nconnection: close\r\nidempotency-key: {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn allocate(&self, number: u32) -> Option<(u16, String)> {
        let line = format!(r#"{{"order_id":"o{number}","sku":"LAMP","quantity":1}}"#);
        self.ask("POST /v1/allocations", &line, &format!("key-{number}"))
    }

    fn stock(&self) {
        let stock = r#"{"reference":"b1","sku":"LAMP","quantity":1000}"#;
        assert_eq!(self.ask("POST /v1/batches", stock, "stock").unwrap().0, 201);
    }

    fn stop(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_failed_sync_stops_the_server_at_once_and_the_next_one_recovers() {
    for n in FAILED_SYNCS {
        let disk = Disk::new();
        let mut server = disk.serve();
        server.stock();
        disk.order("sync-fails", &n.to_string());
        let mut answers = Vec::new();
        for number in 0..LINES {
            match server.allocate(number) {
                Some(answer) => answers.push(answer),
                None => break,
            }
            if answers.last().is_some_and(|(status, _)| *status >= 500) {
                break;
            }
        }
        let failed = now();
        let said = ended(&mut server.child);
        assert!(failed.elapsed() < EXIT_TIMEOUT, "sync {n}: it ended after {:?}", failed.elapsed());
        let (code, words) = said;
        assert_eq!(code, 1, "sync {n}: {words}");
        assert!(words.contains("the server stopped by itself"), "sync {n}: {words}");
        let (last, answered) = answers.split_last().unwrap();
        assert!(answered.iter().all(|(status, _)| *status == 201), "sync {n}: {answers:?}");
        assert_eq!(problem(&last.1), "/problems/unknown-outcome", "sync {n}: {last:?}");
        clear_up(&disk, &answers);
        done(&["verify", "--data", text(&disk.data())]);
    }
}

/// The next server repeats the answers that were given, and handles the rest once.
fn clear_up(disk: &Disk, answers: &[(u16, String)]) {
    fs::remove_file(disk.folder().join("sync-fails")).unwrap();
    let server = disk.serve();
    for number in 0..LINES {
        let first = server.allocate(number).unwrap();
        let index = usize::try_from(number).unwrap();
        if let Some(before) = answers.get(index).filter(|(status, _)| *status == 201) {
            assert_eq!(*before, first);
        }
        assert_eq!(first.0, 201, "{first:?}");
        assert_eq!(server.allocate(number).unwrap(), first);
    }
    let (_, stock) = server.ask("GET /v1/stock/LAMP", "", "").unwrap();
    let stock: Value = serde_json::from_str(&stock).unwrap();
    assert_eq!(stock["allocated"], LINES);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_full_disk_is_reported_and_needs_no_restart() {
    let disk = Disk::new();
    let server = disk.serve();
    server.stock();
    disk.order("full", "");
    let mut number = 0;
    let refused = loop {
        let (status, body) = server.allocate(number).unwrap();
        if status != 201 {
            break (status, body);
        }
        number += 1;
        assert!(number < LINES, "the disk must become full");
    };
    assert_eq!((refused.0, problem(&refused.1).as_str()), (503, "/problems/storage-full"));
    let (status, stock) = server.ask("GET /v1/stock/LAMP", "", "").unwrap();
    assert_eq!(status, 200, "{stock}");
    assert_eq!(server.ask("GET /readyz", "", "").unwrap().0, 200);
    assert_eq!(server.allocate(number).unwrap().0, 503);
    fs::remove_file(disk.folder().join("full")).unwrap();
    assert_eq!(server.allocate(number).unwrap().0, 201);
    assert_eq!(server.stop(), 0);
    done(&["verify", "--data", text(&disk.data())]);
}

fn problem(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["type"].as_str().unwrap().to_owned()
}

/// Waits for the end of the process; returns its exit code and error message.
fn ended(child: &mut Child) -> (i32, String) {
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    let words = words.split_whitespace().filter(|word| *word != "│");
    (code, words.collect::<Vec<_>>().join(" "))
}

#[expect(clippy::disallowed_methods, reason = "how fast a process ends is measured in real time")]
fn now() -> Instant {
    Instant::now()
}
