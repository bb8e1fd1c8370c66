//! A Redis server of a test's own: killed, started again, emptied, put back to an older copy.

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

/// A server on a port of its own, with its data in a folder of its own.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
    encrypted: Option<(u16, Certificate)>,
}

impl Redis {
    /// Starts an empty one.
    ///
    /// # Errors
    /// When it does not start: is `redis-server` there?
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir()?;
        let mut redis = Self { process: None, port: free_port()?, folder, encrypted: None };
        redis.start_again()?;
        Ok(redis)
    }

    /// Starts an empty one that can be reached over TLS too, where it shows this certificate.
    ///
    /// # Errors
    /// When it does not start: is `redis-server` there?
    pub fn start_encrypted(certificate: &Certificate) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir()?;
        let encrypted = Some((free_port()?, certificate.clone()));
        let mut redis = Self { process: None, port: free_port()?, folder, encrypted };
        redis.start_again()?;
        Ok(redis)
    }

    /// Where it is over TLS, under a name of this machine; none where it shows no certificate.
    #[must_use]
    pub fn encrypted_url(&self, host: &str) -> Option<String> {
        self.encrypted.as_ref().map(|(port, _)| format!("rediss://{host}:{port}"))
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it is, for who goes on asking while it dies and comes back.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { port: self.port }
    }

    /// Starts it again with what it last saved.
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
        let is_ready = || self.ask(&["PING"]).is_ok_and(|said| said == "PONG");
        self.process = Some(Process::start(&mut server, is_ready)?);
        Ok(())
    }

    /// Ends it at once, without a word and without saving.
    ///
    /// # Errors
    /// When it is not there.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().ok_or_else(|| Error::other("it is not there"))?.kill()
    }

    /// Stands still: connections stay open, and nothing is answered until [`Redis::go_on`].
    ///
    /// # Errors
    /// When it is not there.
    pub fn stand_still(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |it| it.signal(Signal::STOP))
    }

    /// Goes on after [`Redis::stand_still`].
    ///
    /// # Errors
    /// When it is not there.
    pub fn go_on(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |it| it.signal(Signal::CONT))
    }

    /// Saves what it has now: what it comes back with after a kill, until it is saved again.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub fn save(&self) -> Result<()> {
        self.ask(&["SAVE"]).map(drop)
    }

    /// Takes away what was saved: it comes back empty.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self) -> Result<()> {
        let file = self.saved();
        if file.exists() { fs::remove_file(file) } else { Ok(()) }
    }

    fn saved(&self) -> PathBuf {
        self.folder.path().join("dump.rdb")
    }

    /// As [`Place::ask`].
    ///
    /// # Errors
    /// When it is away, or refuses.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        self.place().ask(words)
    }

    /// As [`Place::subscribe`].
    ///
    /// # Errors
    /// When it is away.
    pub fn subscribe(&self, channels: &[&str]) -> Result<Heard> {
        self.place().subscribe(channels)
    }
}

/// Where a server is, or was.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    port: u16,
}

/// What is published on some channels, as it comes.
#[derive(Debug)]
pub struct Heard {
    messages: Receiver<(String, String)>,
}

impl Heard {
    /// The next message, as (channel, text); none within 20 s or when the server is gone.
    #[must_use]
    pub fn next(&self) -> Option<(String, String)> {
        self.messages.recv_timeout(Duration::from_secs(20)).ok()
    }

    /// What has come by now.
    #[must_use]
    pub fn waiting(&self) -> Vec<(String, String)> {
        self.messages.try_iter().collect()
    }

    /// What came before this; an error once the server is gone and everything was taken.
    ///
    /// # Errors
    /// When nothing will come any more.
    pub fn next_if_any(&self) -> Result<Option<(String, String)>> {
        match self.messages.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Error::other("the server is gone")),
        }
    }
}

impl Place {
    /// Sends a command on a connection of its own, and reads the answer: an array line by line.
    ///
    /// # Errors
    /// When it is away, or refuses.
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

    /// Hears channels until the server is gone.
    ///
    /// # Errors
    /// When the server is away.
    #[expect(clippy::disallowed_methods, reason = "a subscriber waits while the test goes on")]
    pub fn subscribe(&self, channels: &[&str]) -> Result<Heard> {
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
                let came = read(&mut from, &mut parts);
                let [_, channel, text] = parts.as_slice() else { return };
                if came.is_err() || send.send((channel.clone(), text.clone())).is_err() {
                    return;
                }
            }
        });
        Ok(Heard { messages })
    }
}

/// Reads an answer (RESP2), its texts one after another.
fn read(from: &mut impl BufRead, lines: &mut Vec<String>) -> Result<()> {
    let mut head = String::new();
    from.read_line(&mut head)?;
    let (kind, rest) = head.trim_end().split_at_checked(1).unwrap_or_default();
    let number = || rest.parse::<i64>().map_err(|_| Error::other(format!("strange: {head:?}")));
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
