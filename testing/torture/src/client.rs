//! HTTP/1.1 as a client speaks it, byte by byte: it knows what it has sent when the line goes dead.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::Moment;
use crate::request::Request;

/// Header fields of an answer.
const HEADERS_MAX: usize = 32;

/// A client with one connection, which is made when it is needed.
pub(crate) struct Client {
    address: SocketAddr,
    socket: Option<TcpStream>,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
    /// It was given before.
    pub(crate) is_replayed: bool,
    pub(crate) has_retry_after: bool,
    closes: bool,
}

/// No answer came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// There was no connection: nothing was sent.
    Unsent,
    /// The connection ended; the whole request had been handed to the system then, if at all.
    Broken(Option<Moment>),
}

impl Client {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address, socket: None, unread: Vec::new() }
    }

    /// Connects, unless there is a connection.
    pub(crate) async fn connect(&mut self) -> Result<(), Cut> {
        if self.socket.is_none() {
            let socket = TcpStream::connect(self.address).await.map_err(|_| Cut::Unsent)?;
            // Only costs time when it does not work.
            let _ = socket.set_nodelay(true);
            self.unread.clear();
            self.socket = Some(socket);
        }
        Ok(())
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Reply, Cut> {
        self.send(&request.bytes()).await?;
        self.reply(Some(Moment::now())).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Reply, Cut> {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: earmark\r\n\r\n").as_bytes()).await?;
        self.reply(Some(Moment::now())).await
    }

    /// Sends some bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        self.connect().await?;
        let Some(socket) = &mut self.socket else { return Err(Cut::Unsent) };
        if socket.write_all(bytes).await.is_err() {
            self.socket = None;
            return Err(Cut::Broken(None));
        }
        Ok(())
    }

    /// Reads the answer to what was sent at `sent`.
    pub(crate) async fn reply(&mut self, sent: Option<Moment>) -> Result<Reply, Cut> {
        let reply = self.read().await;
        if reply.as_ref().is_none_or(|it| it.closes) {
            self.socket = None;
        }
        reply.ok_or(Cut::Broken(sent))
    }

    /// Hangs up; `hard` takes back what the other side has not read.
    pub(crate) fn hang_up(&mut self, hard: bool) {
        if let Some(socket) = self.socket.take().filter(|_| hard) {
            // Without it the end is a polite one.
            let _ = socket.set_zero_linger();
        }
    }

    async fn read(&mut self) -> Option<Reply> {
        let socket = self.socket.as_mut()?;
        loop {
            if let Some((reply, length)) = parse(&self.unread) {
                let end = length.checked_add(reply.1)?;
                while self.unread.len() < end {
                    read_more(socket, &mut self.unread).await?;
                }
                let mut reply = reply.0;
                reply.body = self.unread[length..end].to_vec();
                self.unread.drain(..end);
                return Some(reply);
            }
            read_more(socket, &mut self.unread).await?;
        }
    }
}

async fn read_more(socket: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let read = socket.read_buf(unread).await.ok()?;
    (read > 0).then_some(())
}

/// The head of an answer without its body, the body's length, and where it begins.
fn parse(bytes: &[u8]) -> Option<((Reply, usize), usize)> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let Ok(httparse::Status::Complete(length)) = head.parse(bytes) else { return None };
    let field = |name: &str| {
        let found = head.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        found.and_then(|it| std::str::from_utf8(it.value).ok()).map(str::to_owned)
    };
    let reply = Reply {
        status: head.code?,
        body: Vec::new(),
        etag: field("etag"),
        location: field("location"),
        is_replayed: field("idempotent-replayed").is_some(),
        has_retry_after: field("retry-after").is_some(),
        closes: field("connection").is_some_and(|it| it.eq_ignore_ascii_case("close")),
    };
    let body = field("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    Some(((reply, body), length))
}
