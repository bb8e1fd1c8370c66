//! A socket that does not wait for ever: for a request, for its header, for an answer to be taken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::settings::Settings;

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Phase {
    /// The first byte of a request.
    Idle = 0,
    /// The end of a request's header.
    Head = 1,
    /// The answer; the body of the request has its own times.
    Busy = 2,
}

/// The phase of one connection, known to its socket and to those who answer on it: the phase in
/// the two lowest bits, above them a count of its changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct PhaseCell(Arc<AtomicU32>);

impl PhaseCell {
    pub(crate) fn set(&self, phase: Phase) {
        let changed = |old: u32| Some((old & !3).wrapping_add(4) | phase as u32);
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, changed);
    }

    pub(crate) fn get(&self) -> Phase {
        phase_of(self.raw())
    }

    fn raw(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

fn phase_of(raw: u32) -> Phase {
    match raw & 3 {
        0 => Phase::Idle,
        1 => Phase::Head,
        _ => Phase::Busy,
    }
}

/// A timer that runs while something is waited for. The system's own timer is left running when
/// it stops, and looked at again when it rings: most waits are short, and setting it is dear.
#[derive(Default)]
struct Timer {
    until: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn stop(&mut self) {
        self.until = None;
    }

    /// Starts when it does not run, and says whether the time is over.
    fn is_over(&mut self, context: &mut Context<'_>, time: Duration) -> bool {
        let until = *self.until.get_or_insert_with(|| after(time));
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= until {
                (self.until, self.sleep) = (None, None);
                return true;
            }
            sleep.as_mut().reset(until);
        }
        false
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the seam through which sockets learn that time has passed"
)]
fn sleep_until(moment: Instant) -> Sleep {
    tokio::time::sleep_until(moment)
}

#[expect(clippy::disallowed_methods, reason = "as above: when a wait that begins now is over")]
fn after(time: Duration) -> Instant {
    Instant::now() + time
}

/// A socket with the patience of the [`Settings`].
pub(crate) struct PatientStream {
    socket: TcpStream,
    phase: PhaseCell,
    /// The phase (and its count) that the reading timer was started in.
    timed: u32,
    header_timed_out: bool,
    reading: Timer,
    writing: Timer,
    idle_timeout: Duration,
    header_timeout: Duration,
    write_timeout: Duration,
}

impl PatientStream {
    pub(crate) fn new(socket: TcpStream, phase: PhaseCell, settings: &Settings) -> Self {
        Self {
            socket,
            phase,
            timed: 0,
            header_timed_out: false,
            reading: Timer::default(),
            writing: Timer::default(),
            idle_timeout: settings.idle_timeout,
            header_timeout: settings.header_timeout,
            write_timeout: settings.write_timeout,
        }
    }

    fn waited_too_long(&mut self, context: &mut Context<'_>) -> bool {
        let raw = self.phase.raw();
        if raw != self.timed {
            self.timed = raw;
            self.reading.stop();
        }
        match phase_of(raw) {
            Phase::Idle => self.reading.is_over(context, self.idle_timeout),
            Phase::Head => {
                self.header_timed_out = self.reading.is_over(context, self.header_timeout);
                self.header_timed_out
            }
            Phase::Busy => false,
        }
    }

    /// Whether reading ended because a header did not come to its end.
    pub(crate) fn header_timed_out(&self) -> bool {
        self.header_timed_out
    }

    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.writing.stop();
            return done;
        }
        if self.writing.is_over(context, self.write_timeout) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if read.is_ready() && buffer.filled().len() > before && self.phase.get() == Phase::Idle {
            self.phase.set(Phase::Head);
        }
        if read.is_pending() && self.waited_too_long(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.written(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
