//! A Redis server for tests: it can be killed, restarted, emptied, and restored to an older
//! snapshot.

use std::fs;
use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::process::{Process, free_port};

/// A Redis server with its own port and data folder, killed on drop.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
    encrypted: Option<(u16, Certificate)>,
}

impl Redis {
    /// Starts an empty server.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not start.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir()?;
        let mut redis = Self { process: None, port: free_port()?, folder, encrypted: None };
        redis.start_again()?;
        Ok(redis)
    }

    /// Starts an empty server that also accepts TLS connections, with this certificate.
    ///
    /// # Errors
    /// When `redis-server` is not installed or does not start.
    pub fn start_encrypted(certificate: &Certificate) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir()?;
        let encrypted = Some((free_port()?, certificate.clone()));
        let mut redis = Self { process: None, port: free_port()?, folder, encrypted };
        redis.start_again()?;
        Ok(redis)
    }

    /// Its URL for TLS with a name of this machine; `None` without a certificate.
    #[must_use]
    pub fn encrypted_url(&self, host: &str) -> Option<String> {
        self.encrypted.as_ref().map(|(port, _)| format!("rediss://{host}:{port}"))
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its address, which stays valid while it is killed and restarted.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { port: self.port }
    }

    /// Restarts it with its last snapshot.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        let port = self.port.to_string();
        let mut server = Command::new("redis-server");
        server.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        server.args(["--loglevel", "warning", "--dir"]).arg(self.folder.path());
        if let Some((port, certificate)) = &self.encrypted {
            server.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            server.arg("--tls-cert-file").arg(&certificate.file);
            server.arg("--tls-key-file").arg(&certificate.key);
        }
        let is_ready = || self.ask(&["PING"]).is_ok_and(|response| response == "PONG");
        self.process = Some(Process::start(&mut server, is_ready)?);
        Ok(())
    }

    /// Kills it without a snapshot.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().ok_or_else(|| Error::other("the server is not running"))?.kill()
    }

    /// Pauses it: connections stay open, and nothing is answered until [`Redis::resume`].
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |it| it.signal(Signal::STOP))
    }

    /// Resumes it after [`Redis::pause`].
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |it| it.signal(Signal::CONT))
    }

    /// Writes a snapshot, which the next restart loads.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn save(&self) -> Result<()> {
        self.ask(&["SAVE"]).map(drop)
    }

    /// Deletes the snapshot: the next restart is empty.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn delete_snapshot(&self) -> Result<()> {
        let file = self.snapshot();
        if file.exists() { fs::remove_file(file) } else { Ok(()) }
    }

    fn snapshot(&self) -> PathBuf {
        self.folder.path().join("dump.rdb")
    }

    /// Like [`Endpoint::ask`].
    ///
    /// # Errors
    /// When the server is down or returns an error.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        self.endpoint().ask(words)
    }

    /// Like [`Endpoint::subscribe`].
    ///
    /// # Errors
    /// When the server is down.
    pub fn subscribe(&self, channels: &[&str]) -> Result<Messages> {
        self.endpoint().subscribe(channels)
    }
}

/// The address of a server, which may be down.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    port: u16,
}

/// Messages published on subscribed channels.
#[derive(Debug)]
pub struct Messages {
    messages: Receiver<(String, String)>,
}

impl Messages {
    /// The next message as (channel, text); `None` after 20 s or when the connection is lost.
    #[must_use]
    pub fn next(&self) -> Option<(String, String)> {
        self.messages.recv_timeout(Duration::from_secs(20)).ok()
    }

    /// All messages received so far and not returned yet.
    #[must_use]
    pub fn drain(&self) -> Vec<(String, String)> {
        self.messages.try_iter().collect()
    }

    /// The next message, if one has been received.
    ///
    /// # Errors
    /// When the connection is lost and all messages have been returned.
    pub fn next_if_any(&self) -> Result<Option<(String, String)>> {
        match self.messages.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Error::other("the connection is lost")),
        }
    }
}

impl Endpoint {
    /// Sends a command on a new connection and returns the response; the items of an array are
    /// joined by line breaks.
    ///
    /// # Errors
    /// When the server is down or returns an error.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        (&stream).write_all(command.as_bytes())?;
        let mut lines = Vec::new();
        read(&mut BufReader::new(stream), &mut lines)?;
        Ok(lines.join("\n"))
    }

    /// Subscribes to channels until the connection is lost.
    ///
    /// # Errors
    /// When the server is down.
    #[expect(clippy::disallowed_methods, reason = "a subscriber blocks while the test continues")]
    pub fn subscribe(&self, channels: &[&str]) -> Result<Messages> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(format!("SUBSCRIBE {}\r\n", channels.join(" ")).as_bytes())?;
        let mut from = BufReader::new(stream);
        for _ in channels {
            read(&mut from, &mut Vec::new())?;
        }
        let (send, messages) = channel();
        std::thread::spawn(move || {
            loop {
                let mut parts = Vec::new();
                let received = read(&mut from, &mut parts);
                let [_, channel, text] = parts.as_slice() else { return };
                if received.is_err() || send.send((channel.clone(), text.clone())).is_err() {
                    return;
                }
            }
        });
        Ok(Messages { messages })
    }
}

/// Reads a response (RESP2) as a flat list of texts.
fn read(from: &mut impl BufRead, lines: &mut Vec<String>) -> Result<()> {
    let mut head = String::new();
    from.read_line(&mut head)?;
    let (kind, rest) = head.trim_end().split_at_checked(1).unwrap_or_default();
    let number =
        || rest.parse::<i64>().map_err(|_| Error::other(format!("invalid RESP: {head:?}")));
    match kind {
        "+" | ":" => lines.push(rest.to_owned()),
        "$" => match usize::try_from(number()?) {
            Ok(length) => {
                let mut text = vec![0; length + 2];
                from.read_exact(&mut text)?;
                text.truncate(length);
                lines.push(String::from_utf8_lossy(&text).into_owned());
            }
            Err(_) => lines.push("(nil)".to_owned()),
        },
        "*" => {
            for _ in 0..number()? {
                read(from, lines)?;
            }
        }
        _ => return Err(Error::other(head)),
    }
    Ok(())
}
