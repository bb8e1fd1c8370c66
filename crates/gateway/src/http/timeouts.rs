//! A socket with timeouts: for the next request, for a header, for a client that reads slowly.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::timer::{deadline_after, sleep_until};
use crate::settings::Settings;

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Phase {
    /// The first byte of a request.
    Idle = 0,
    /// The end of a request's header.
    Head = 1,
    /// The response; the body of the request has its own timeouts.
    Busy = 2,
}

/// The phase of one connection, shared by its socket and its requests: the two lowest bits hold the
/// phase, the bits above them count its changes.
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

/// A timer for one kind of wait. Stopping it leaves the runtime's timer armed, and its deadline is
/// checked again when it fires: most waits are short, and arming the runtime's timer is expensive.
#[derive(Default)]
struct Timer {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn stop(&mut self) {
        self.deadline = None;
    }

    /// Starts the timer if it does not run, and returns whether the time is over.
    fn is_over(&mut self, context: &mut Context<'_>, timeout: Duration) -> bool {
        let deadline = *self.deadline.get_or_insert_with(|| deadline_after(timeout));
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= deadline {
                (self.deadline, self.sleep) = (None, None);
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        false
    }
}

/// A socket with the timeouts of the [`Settings`].
pub(crate) struct TimeoutStream {
    socket: TcpStream,
    phase: PhaseCell,
    /// The phase, with its count, in which the read timer was started.
    timed_phase: u32,
    header_timed_out: bool,
    read_timer: Timer,
    write_timer: Timer,
    idle_timeout: Duration,
    header_timeout: Duration,
    write_timeout: Duration,
}

impl TimeoutStream {
    pub(crate) fn new(socket: TcpStream, phase: PhaseCell, settings: &Settings) -> Self {
        Self {
            socket,
            phase,
            timed_phase: 0,
            header_timed_out: false,
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            idle_timeout: settings.idle_timeout,
            header_timeout: settings.header_timeout,
            write_timeout: settings.write_timeout,
        }
    }

    fn read_timed_out(&mut self, context: &mut Context<'_>) -> bool {
        let raw = self.phase.raw();
        if raw != self.timed_phase {
            self.timed_phase = raw;
            self.read_timer.stop();
        }
        match phase_of(raw) {
            Phase::Idle => self.read_timer.is_over(context, self.idle_timeout),
            Phase::Head => {
                self.header_timed_out = self.read_timer.is_over(context, self.header_timeout);
                self.header_timed_out
            }
            Phase::Busy => false,
        }
    }

    /// Whether reading ended because a header did not arrive completely in time.
    pub(crate) fn header_timed_out(&self) -> bool {
        self.header_timed_out
    }

    fn check_written<T>(
        &mut self,
        context: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.write_timer.stop();
            return done;
        }
        if self.write_timer.is_over(context, self.write_timeout) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncRead for TimeoutStream {
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
        if read.is_pending() && self.read_timed_out(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.check_written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.check_written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.check_written(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
