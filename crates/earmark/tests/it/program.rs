//! Runs the program: to its end, or as a server that receives HTTP requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// The sample of real orders in the project.
pub fn slice() -> PathBuf {
    root().join("demo/online-retail-slice.csv.gz")
}

/// The root of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program, without the settings in this process' environment.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earmark"));
    let variables = std::env::vars_os().map(|(name, _)| name);
    let settings = variables.filter(|name| {
        name.to_str().is_some_and(|it| it.starts_with("EARMARK_") && it != "EARMARK_FAILPOINT")
    });
    for name in settings {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").args(arguments);
    command
}

/// The result of a run.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Its output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its error message on one line.
    pub fn complaint(&self) -> String {
        let words = self.err.split_whitespace().filter(|word| *word != "│");
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Said {
    Said::of(&mut program(arguments))
}

/// Runs the program to its end; it must succeed.
pub fn done(arguments: &[&str]) -> Said {
    let said = run(arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    said
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A response with its headers.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let (first, fields) = head.split_once("\r\n").unwrap();
        let fields = fields.lines().map(|line| line.split_once(": ").unwrap());
        Self {
            status: first.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect(),
            body: body.to_owned(),
        }
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(it, _)| it == name);
        header.map(|(_, value)| value.as_str())
    }
}

/// A running server; it is killed if it still runs at the end of the test.
pub struct Server {
    pub child: Child,
    pub address: String,
    /// Kept open, so that the server can keep writing.
    out: BufReader<ChildStdout>,
}

impl Server {
    pub fn on(data: &Path) -> Self {
        Self::begin(&["serve", "--listen", "127.0.0.1:0", "--data", text(data)])
    }

    /// Starts a command that serves, and waits until it listens.
    pub fn begin(arguments: &[&str]) -> Self {
        Self::of(program(arguments))
    }

    /// The same for a given command.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, address: String::new(), out };
        while server.address.is_empty() {
            let mut line = String::new();
            assert!(server.out.read_line(&mut line).unwrap() > 0, "it ended before it listened");
            let address = line.trim().strip_prefix("listening on http://");
            address.unwrap_or_default().clone_into(&mut server.address);
        }
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a signal by its name, like kill(1).
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success());
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &str) -> (u16, String) {
        self.ask("POST", path, Some(body))
    }

    fn ask(&self, method: &str, path: &str, body: Option<&str>) -> (u16, String) {
        let headers = [("content-type", "application/json")];
        let answer = self.exchange(method, path, &headers, body.unwrap_or_default());
        (answer.status, answer.body)
    }

    /// Sends a request with additional headers.
    pub fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: earmark\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        Answer::read(&answer)
    }

    /// Stops it and returns its exit code.
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
