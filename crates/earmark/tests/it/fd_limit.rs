//! How the program uses the limit of open files.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::program::{Server, program, text};

/// Below the usual soft limit and the number of connections in the test.
const SOFT: usize = 128;
/// An unrealistically low limit.
const HARD: usize = 64;

/// A server in a shell that has set limits: `-S` sets the soft limit, otherwise both are set.
fn serve(limits: &str, place: &Path) -> Server {
    let data = place.join("data");
    let command = program(&["serve", "--listen", "127.0.0.1:0", "--data", text(&data)]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limits} && exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.stderr(File::create(place.join("told")).unwrap());
    Server::of(shell)
}

/// A connection that stays open after its response.
fn answered(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    asks(&mut stream);
    is_answered(&mut stream);
    stream
}

fn asks(stream: &mut TcpStream) {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: earmark\r\n\r\n").unwrap();
}

fn is_answered(stream: &mut TcpStream) {
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

/// The soft and the hard limit of the process.
fn limits(server: &Server) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn a_server_raises_its_descriptor_limit() {
    let place = tempfile::tempdir().unwrap();
    let server = serve(&format!("-S -n {SOFT}"), place.path());
    let (soft, hard) = limits(&server);
    assert_eq!(soft, hard);
    assert_ne!(soft, SOFT.to_string());
    let open: Vec<_> = (0..2 * SOFT).map(|_| answered(&server)).collect();
    assert_eq!(server.post("/add_batch", r#"{"ref":"b","sku":"A","qty":1}"#).0, 201);
    drop(open);
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_low_limit_is_reported_and_stores_keep_descriptors() {
    let place = tempfile::tempdir().unwrap();
    let server = serve(&format!("-n {HARD}"), place.path());
    let told = fs::read_to_string(place.path().join("told")).unwrap();
    let says = "the system allows 64 open files, so at most 32 connections are served at a time \
                instead of 10000. To serve them all, allow 10256: `ulimit -Hn 10256` or, in a \
                systemd unit, LimitNOFILE=10256";
    assert!(told.contains(says), "{told}");
    // One connection is left; the others wait and are served when it is free.
    let mut open: Vec<_> = (0..HARD / 2 - 1).map(|_| answered(&server)).collect();
    let line = r#"{"order_id":"o","sku":"A","quantity":1}"#;
    assert_eq!(server.post("/add_batch", r#"{"ref":"b","sku":"A","qty":1}"#).0, 201);
    assert_eq!(server.post("/v1/allocations", line).0, 201);
    let waiting = (0..2 * HARD).map(|_| TcpStream::connect(&server.address).unwrap());
    let mut waiting: Vec<_> = waiting.collect();
    waiting.iter_mut().for_each(asks);
    open.clear();
    for mut stream in waiting {
        is_answered(&mut stream);
    }
    let told = fs::read_to_string(place.path().join("told")).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert_eq!(server.stop(), 0);
}
