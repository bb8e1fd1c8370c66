//! One connection: its requests one after another, and an end that lets the last answer arrive.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::Edge;
use crate::middleware::Guarded;
use crate::problem::{Problem, kinds};
use crate::tasks::rest;
use crate::timeouts::{PatientStream, Phase, PhaseCell};

/// A client gets so long to take the last answer and to stop sending.
const LINGER_DURATION: Duration = Duration::from_secs(2);
/// And so many bytes of what it still sends are read, so that the answer is not lost.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// When the server stops, so long is waited for what clients had sent before: it may still lie in
/// the system's buffers.
pub(crate) const LAST_RESPONSE_DURATION: Duration = Duration::from_millis(100);
/// A request may have so many header fields if hyper is told nothing; with more, it refuses the
/// request without saying why.
const HEADERS_OF_HYPER: usize = 100;
/// What one connection buffers while it reads a header.
const BUFFER_BYTES: usize = 128 * 1024;

/// Serves a connection until either side ends it.
pub(crate) async fn serve(edge: Arc<Edge>, socket: TcpStream) {
    // Only costs time when it does not work.
    let _ = socket.set_nodelay(true);
    let phase = PhaseCell::default();
    let settings = &edge.app.settings;
    let stream = TokioIo::new(PatientStream::new(socket, phase.clone(), settings));
    let mut builder = http1::Builder::new();
    builder
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES.max(settings.header_bytes_max * 2));
    // For as many as it takes by itself, hyper asks for no memory with each request.
    if settings.headers_max * 3 / 2 > HEADERS_OF_HYPER {
        builder.max_headers(settings.headers_max * 4);
    }
    let one = OneByOne { edge: Arc::clone(&edge), phase: phase.clone() };
    let mut connection = builder.serve_connection(stream, one);
    let mut stop = edge.app.stopping.subscribe();
    let is_stopping = edge.app.stopping.subscribe();
    let mut last_call = pin!(async move {
        let _ = stop.wait_for(|stop| *stop).await;
        rest(LAST_RESPONSE_DURATION).await;
    });
    let (mut is_over, mut is_last) = (false, false);
    let ended = poll_fn(|context| {
        is_over = is_over || last_call.as_mut().poll(context).is_ready();
        if !is_last && phase.get() == Phase::Busy && *is_stopping.borrow() {
            is_last = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(ended) = connection.poll_without_shutdown(context) {
            return Poll::Ready(ended);
        }
        let ends = match phase.get() {
            Phase::Busy => *is_stopping.borrow(),
            Phase::Head => false,
            Phase::Idle => is_over,
        };
        if is_last || !ends {
            return Poll::Pending;
        }
        is_last = true;
        Pin::new(&mut connection).graceful_shutdown();
        connection.poll_without_shutdown(context)
    });
    let ended = ended.await;
    let mut stream = connection.into_parts().io.into_inner();
    phase.set(Phase::Busy);
    if ended.is_err() && stream.header_timed_out() {
        let late = Problem::new(&kinds::REQUEST_TIMEOUT, "the header did not arrive in time");
        let late = late.at("header");
        let _ = stream.write_all(&late.as_http11()).await;
    }
    let _ = tokio::time::timeout(LINGER_DURATION, linger(&mut stream)).await;
}

/// Says that nothing more will be written, and reads what was on its way: closing a socket with
/// unread bytes in it would take the answer back.
async fn linger(stream: &mut PatientStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let (mut unread, mut read) = ([0; 4096], 0);
    while read < LINGER_BYTES_MAX {
        match stream.read(&mut unread).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => read += bytes,
        }
    }
}

/// Answers the requests of one connection.
struct OneByOne {
    edge: Arc<Edge>,
    phase: PhaseCell,
}

impl Service<Request<Incoming>> for OneByOne {
    type Response = Response<Answering>;
    type Error = Infallible;
    type Future = Asked;

    fn call(&self, request: Request<Incoming>) -> Asked {
        self.phase.set(Phase::Busy);
        let passing = Guarded::begin(&self.edge, request.map(Body::new));
        Asked { passing, phase: self.phase.clone() }
    }
}

/// A request that is not answered yet.
struct Asked {
    passing: Guarded,
    phase: PhaseCell,
}

impl Future for Asked {
    type Output = Result<Response<Answering>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.passing).poll(context));
        let phase = self.phase.clone();
        Poll::Ready(Ok(answer.map(|body| Answering { body, phase })))
    }
}

/// The body of an answer; when it has gone, the connection waits for the next request.
struct Answering {
    body: Body,
    phase: PhaseCell,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.phase.set(Phase::Idle);
    }
}

impl hyper::body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
