//! An HTTP/1.1 client on a raw socket, which knows what it had sent when the connection was lost.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::Moment;
use crate::request::Request;

/// Most header fields of a response.
const HEADERS_MAX: usize = 32;

/// A client with one connection, which is opened when it is needed.
pub(crate) struct Client {
    address: SocketAddr,
    socket: Option<TcpStream>,
    unread: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
    /// It is marked as replayed.
    pub(crate) is_replayed: bool,
    pub(crate) has_retry_after: bool,
    closes: bool,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RequestError {
    /// There was no connection, so nothing was sent.
    NotSent,
    /// The connection was lost. The time at which the whole request had been passed to the kernel,
    /// if it had.
    ConnectionLost(Option<Moment>),
}

impl Client {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address, socket: None, unread: Vec::new() }
    }

    /// Opens the connection, unless it is open.
    pub(crate) async fn connect(&mut self) -> Result<(), RequestError> {
        if self.socket.is_none() {
            let socket =
                TcpStream::connect(self.address).await.map_err(|_| RequestError::NotSent)?;
            // A failure only costs time.
            let _ = socket.set_nodelay(true);
            self.unread.clear();
            self.socket = Some(socket);
        }
        Ok(())
    }

    /// Sends a request and waits for the response.
    pub(crate) async fn request(&mut self, request: &Request) -> Result<Response, RequestError> {
        self.send(&request.bytes()).await?;
        self.response(Some(Moment::now())).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Response, RequestError> {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: earmark\r\n\r\n").as_bytes()).await?;
        self.response(Some(Moment::now())).await
    }

    /// Sends some bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), RequestError> {
        self.connect().await?;
        let Some(socket) = &mut self.socket else { return Err(RequestError::NotSent) };
        if socket.write_all(bytes).await.is_err() {
            self.socket = None;
            return Err(RequestError::ConnectionLost(None));
        }
        Ok(())
    }

    /// Reads the response to a request that was sent at `sent`.
    pub(crate) async fn response(
        &mut self,
        sent: Option<Moment>,
    ) -> Result<Response, RequestError> {
        let response = self.read().await;
        if response.as_ref().is_none_or(|it| it.closes) {
            self.socket = None;
        }
        response.ok_or(RequestError::ConnectionLost(sent))
    }

    /// Closes the connection; `reset` discards data that the server has not read.
    pub(crate) fn disconnect(&mut self, reset: bool) {
        if let Some(socket) = self.socket.take().filter(|_| reset) {
            // If this fails, the connection is closed normally.
            let _ = socket.set_zero_linger();
        }
    }

    async fn read(&mut self) -> Option<Response> {
        let socket = self.socket.as_mut()?;
        loop {
            if let Some((response, length)) = parse(&self.unread) {
                let end = length.checked_add(response.1)?;
                while self.unread.len() < end {
                    read_more(socket, &mut self.unread).await?;
                }
                let mut response = response.0;
                response.body = self.unread[length..end].to_vec();
                self.unread.drain(..end);
                return Some(response);
            }
            read_more(socket, &mut self.unread).await?;
        }
    }
}

async fn read_more(socket: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let read = socket.read_buf(unread).await.ok()?;
    (read > 0).then_some(())
}

/// The response without its body, the length of the body, and the position where it begins.
fn parse(bytes: &[u8]) -> Option<((Response, usize), usize)> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let Ok(httparse::Status::Complete(length)) = head.parse(bytes) else { return None };
    let field = |name: &str| {
        let found = head.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        found.and_then(|it| std::str::from_utf8(it.value).ok()).map(str::to_owned)
    };
    let response = Response {
        status: head.code?,
        body: Vec::new(),
        etag: field("etag"),
        location: field("location"),
        is_replayed: field("idempotent-replayed").is_some(),
        has_retry_after: field("retry-after").is_some(),
        closes: field("connection").is_some_and(|it| it.eq_ignore_ascii_case("close")),
    };
    let body = field("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    Some(((response, body), length))
}
