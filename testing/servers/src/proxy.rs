//! A TCP proxy in front of a server, which cuts connections at chosen points.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::Failure;

/// The point at which a connection is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// After this number of bytes to the server, over all connections.
    AfterBytesSent(u64),
    /// After this number of bytes from the server, over all connections.
    AfterBytesReceived(u64),
    /// After these bytes went to the server: they arrive, but the response is lost.
    BeforeAnswerTo(Vec<u8>),
}

#[derive(Debug, Default)]
struct State {
    next_cut: Mutex<Option<Cut>>,
    cuts: AtomicU64,
    server_port: AtomicU16,
}

/// A proxy; it listens until the process exits.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Starts a proxy in front of a local server.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(server_port: u16) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State::default());
        state.server_port.store(server_port, Ordering::SeqCst);
        let shared = Arc::clone(&state);
        thread(move || {
            for client in listener.incoming().flatten() {
                let server_port = shared.server_port.load(Ordering::SeqCst);
                let server = SocketAddr::from(([127, 0, 0, 1], server_port));
                if let Ok(server) = TcpStream::connect(server) {
                    // If this fails, the connection has already been closed.
                    let _ = join(&client, &server, &shared);
                }
            }
        });
        Ok(Self { port, state })
    }

    /// The port that the proxy listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Routes new connections to another server.
    pub fn route_to(&self, server_port: u16) {
        self.state.server_port.store(server_port, Ordering::SeqCst);
    }

    /// Schedules the next cut.
    pub fn cut(&self, cut: Cut) {
        *self.state.lock() = Some(cut);
    }

    /// Number of cut connections.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Option<Cut>> {
        self.next_cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If the connection is cut within these bytes, returns how many of them are still forwarded.
    fn cut_within(&self, bytes: &[u8], is_sent: bool) -> Option<usize> {
        let mut next_cut = self.lock();
        let through = match next_cut.as_mut()? {
            Cut::AfterBytesSent(left) if is_sent => bytes_before_cut(left, bytes.len())?,
            Cut::AfterBytesReceived(left) if !is_sent => bytes_before_cut(left, bytes.len())?,
            Cut::BeforeAnswerTo(words) if is_sent => bytes
                .windows(words.len())
                .any(|it| it == words.as_slice())
                .then_some(bytes.len())?,
            _ => return None,
        };
        *next_cut = None;
        self.cuts.fetch_add(1, Ordering::SeqCst);
        Some(through)
    }
}

/// Number of `bytes` before `left` is used up; `None` if all are within it.
fn bytes_before_cut(left: &mut u64, bytes: usize) -> Option<usize> {
    let here = usize::try_from(*left).unwrap_or(usize::MAX);
    if here >= bytes {
        *left -= bytes as u64;
        return None;
    }
    Some(here)
}

fn join(client: &TcpStream, server: &TcpStream, state: &Arc<State>) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let is_response_lost = Arc::new(AtomicBool::new(false));
    for is_sent in [true, false] {
        let (from, to) = if is_sent { (client, server) } else { (server, client) };
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let (state, is_response_lost) = (Arc::clone(state), Arc::clone(&is_response_lost));
        thread(move || {
            // In any case both sides are closed.
            let _ = pump(&from, &to, &state, &is_response_lost, is_sent);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    state: &State,
    is_response_lost: &AtomicBool,
    is_sent: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        // A response after the cut is lost.
        if !is_sent && is_response_lost.load(Ordering::SeqCst) {
            return Ok(());
        }
        match state.cut_within(&buffer[..read], is_sent) {
            None => to.write_all(&buffer[..read])?,
            Some(through) if is_sent && through == read => {
                is_response_lost.store(true, Ordering::SeqCst);
                to.write_all(&buffer[..read])?;
            }
            Some(through) => return to.write_all(&buffer[..through]),
        }
    }
}

/// Starts a thread that is not joined.
#[expect(clippy::disallowed_methods, reason = "the only place that starts threads")]
fn thread(run: impl FnOnce() + Send + 'static) {
    drop(std::thread::spawn(run));
}
