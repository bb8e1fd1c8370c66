//! A TCP proxy before a server, which cuts connections where it is told to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::Failure;

/// Where the next connection is cut that gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// After so many more bytes went to the server, all connections together.
    AfterBytesSent(u64),
    /// After so many more bytes came from the server.
    AfterBytesReceived(u64),
    /// When these bytes went to the server: they arrive, and no answer comes back.
    BeforeAnswerTo(Vec<u8>),
}

#[derive(Debug, Default)]
struct Orders {
    cut: Mutex<Option<Cut>>,
    done: AtomicU64,
    server_port: AtomicU16,
}

/// A proxy; it listens as long as the process lives.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    orders: Arc<Orders>,
}

impl Proxy {
    /// Starts one before a server on this machine.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn start(server_port: u16) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let orders = Arc::new(Orders::default());
        orders.server_port.store(server_port, Ordering::SeqCst);
        let of_all = Arc::clone(&orders);
        thread(move || {
            for near in listener.incoming().flatten() {
                let server_port = of_all.server_port.load(Ordering::SeqCst);
                let server = SocketAddr::from(([127, 0, 0, 1], server_port));
                if let Ok(far) = TcpStream::connect(server) {
                    // What cannot be joined is a connection that ended at once.
                    let _ = join(&near, &far, &of_all);
                }
            }
        });
        Ok(Self { port, orders })
    }

    /// The port to go through.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads new connections to another server.
    pub fn lead_to(&self, server_port: u16) {
        self.orders.server_port.store(server_port, Ordering::SeqCst);
    }

    /// Orders the next cut.
    pub fn cut(&self, cut: Cut) {
        *self.orders.lock() = Some(cut);
    }

    /// How many connections were cut.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.orders.done.load(Ordering::SeqCst)
    }
}

impl Orders {
    fn lock(&self) -> MutexGuard<'_, Option<Cut>> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of these bytes still get through, and whether the connection is mute after it.
    fn judge(&self, bytes: &[u8], is_sent: bool) -> Option<usize> {
        let mut order = self.lock();
        let through = match order.as_mut()? {
            Cut::AfterBytesSent(left) if is_sent => passed(left, bytes.len())?,
            Cut::AfterBytesReceived(left) if !is_sent => passed(left, bytes.len())?,
            Cut::BeforeAnswerTo(words) if is_sent => bytes
                .windows(words.len())
                .any(|it| it == words.as_slice())
                .then_some(bytes.len())?,
            _ => return None,
        };
        *order = None;
        self.done.fetch_add(1, Ordering::SeqCst);
        Some(through)
    }
}

/// How many of `bytes` pass before `left` are used up; none if all do.
fn passed(left: &mut u64, bytes: usize) -> Option<usize> {
    let here = usize::try_from(*left).unwrap_or(usize::MAX);
    if here >= bytes {
        *left -= bytes as u64;
        return None;
    }
    Some(here)
}

fn join(near: &TcpStream, far: &TcpStream, orders: &Arc<Orders>) -> io::Result<()> {
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let is_mute = Arc::new(AtomicBool::new(false));
    for is_sent in [true, false] {
        let (from, to) = if is_sent { (near, far) } else { (far, near) };
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let (orders, is_mute) = (Arc::clone(orders), Arc::clone(&is_mute));
        thread(move || {
            // However it ends, both sides learn it.
            let _ = pump(&from, &to, &orders, &is_mute, is_sent);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    orders: &Orders,
    is_mute: &AtomicBool,
    is_sent: bool,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        // An answer that comes after the cut is lost.
        if !is_sent && is_mute.load(Ordering::SeqCst) {
            return Ok(());
        }
        match orders.judge(&buffer[..read], is_sent) {
            None => to.write_all(&buffer[..read])?,
            Some(through) if is_sent && through == read => {
                is_mute.store(true, Ordering::SeqCst);
                to.write_all(&buffer[..read])?;
            }
            Some(through) => return to.write_all(&buffer[..through]),
        }
    }
}

/// Starts a thread that ends by itself.
#[expect(clippy::disallowed_methods, reason = "this is the seam through which threads come in")]
fn thread(run: impl FnOnce() + Send + 'static) {
    drop(std::thread::spawn(run));
}
