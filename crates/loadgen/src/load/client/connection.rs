//! One keep-alive connection: sends rendered bytes, returns a status and a body.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for the response to a hundred lines.
const BUFFER_BYTES: usize = 64 * 1024;
/// Maximum header fields in a response.
const FIELDS_MAX: usize = 32;

/// A connection with one request at a time.
///
/// Requests are rendered beforehand, and only the needed parts of a response are read: the
/// generator often shares the machine with the server, and must leave it the CPU.
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Sends a request and reads the whole response.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Response<'_>> {
        self.buffer.clear();
        self.socket.write_all(request).await?;
        let head = loop {
            self.read().await?;
            if let Some(head) = Head::read(&self.buffer)? {
                break head;
            }
        };
        let end = head.bytes + head.body_bytes;
        while self.buffer.len() < end {
            self.read().await?;
        }
        Ok(Response { status: head.status, body: &self.buffer[head.bytes..end] })
    }

    async fn read(&mut self) -> io::Result<()> {
        if self.buffer.capacity() - self.buffer.len() < BUFFER_BYTES / 4 {
            self.buffer.reserve(BUFFER_BYTES);
        }
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The header of a response.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Length of the header.
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// None while the header is incomplete.
    fn read(buffer: &[u8]) -> io::Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(buffer).map_err(io::Error::other)?;
        let httparse::Status::Complete(bytes) = parsed else {
            return Ok(None);
        };
        let mut fields = response.headers.iter();
        let length = fields.find(|it| it.name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|it| std::str::from_utf8(it.value).ok()?.parse().ok());
        let none = || io::Error::other("a response has no Content-Length");
        let body_bytes = length.ok_or_else(none)?;
        Ok(Some(Self { status: response.code.unwrap_or_default(), bytes, body_bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::Head;

    #[test]
    fn a_header_is_read_when_it_is_complete() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nx: y\r\n\r\n{\"a\":";
        let head = Head { status: 201, bytes: answer.len() - 5, body_bytes: 12 };
        assert_eq!(Head::read(answer).unwrap(), Some(head));
        assert_eq!(Head::read(&answer[..30]).unwrap(), None);
        assert!(Head::read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
