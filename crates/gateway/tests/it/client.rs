//! A client that sends exactly the bytes of a test, and shows the response.

use std::fmt;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to the server.
pub struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Headers that are not shown: the same in every response, or different in every run.
const HIDDEN_HEADERS: [&str; 8] = [
    "content-length",
    "date",
    "x-content-type-options",
    "cache-control",
    "referrer-policy",
    "x-frame-options",
    "content-security-policy",
    "transfer-encoding",
];

impl Client {
    pub async fn connect(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).await.unwrap(), unread: Vec::new() }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends bytes; false if the server has closed the connection.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Sends a request (`METHOD target`, then header lines) and reads the response.
    pub async fn request(&mut self, head: &str, body: &str) -> Reply {
        self.send(request(head, body)).await;
        self.read().await.expect("a response")
    }

    /// Reads one response; none if the server closes the connection instead.
    pub async fn read(&mut self) -> Option<Reply> {
        let head = self.read_head().await?;
        let mut lines = head.trim_end().split("\r\n");
        let mut status_line = lines.next().unwrap().splitn(3, ' ').skip(1);
        let status: u16 = status_line.next().unwrap().parse().unwrap();
        let reason = status_line.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
        while self.unread.len() < length && self.more().await {}
        let body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        Some(Reply { status, reason, headers, body })
    }

    /// Reads the header of a response.
    pub async fn read_head(&mut self) -> Option<String> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at;
            }
            if !self.more().await {
                return None;
            }
        };
        Some(String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap())
    }

    /// Closes the sending side.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Waits until the server closes the connection; discards what it still sends.
    pub async fn is_closed(&mut self) -> bool {
        while self.more().await {}
        true
    }

    async fn more(&mut self) -> bool {
        self.unread.reserve(4 * 1024);
        self.stream.read_buf(&mut self.unread).await.is_ok_and(|read| read > 0)
    }
}

/// The bytes of a request: `METHOD target`, then header lines; a body is JSON by default.
pub fn request(head: &str, body: &str) -> String {
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let mut request = format!("{line} HTTP/1.1\r\nHost: test\r\n");
    for header in headers.lines() {
        request += &format!("{header}\r\n");
    }
    if !body.is_empty() {
        if !headers.to_ascii_lowercase().contains("content-type:") {
            request += "Content-Type: application/json\r\n";
        }
        request += &format!("Content-Length: {}\r\n", body.len());
    } else if line.starts_with("POST") || line.starts_with("PATCH") {
        request += "Content-Length: 0\r\n";
    }
    request + "\r\n" + body
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.status, self.reason)?;
        for (name, value) in &self.headers {
            if !HIDDEN_HEADERS.contains(&name.as_str()) {
                writeln!(f, "{name}: {value}")?;
            }
        }
        write!(f, "{}", self.body)
    }
}
