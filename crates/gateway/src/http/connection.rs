//! One connection: its requests in sequence, and an end that lets the last response arrive.

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

use super::middleware::Guarded;
use super::server_state::ServerState;
use super::timeouts::{Phase, PhaseCell, TimeoutStream};
use super::timer::sleep;
use crate::problem::{Problem, kinds};

/// Time for a client to receive the last response and to stop sending.
const LINGER_DURATION: Duration = Duration::from_secs(2);
/// Bytes still read from a client after the last response, so that the response is not lost.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// When the server stops: time for requests that were sent before and may still be in the system's
/// buffers.
pub(crate) const LAST_REQUEST_DURATION: Duration = Duration::from_millis(100);
/// hyper's default for the header fields of a request; it refuses a request that has more without
/// giving a reason.
const HYPER_HEADERS_MAX: usize = 100;
/// Bytes that one connection buffers while it reads a header.
const BUFFER_BYTES: usize = 128 * 1024;

/// Serves a connection until either side ends it.
pub(crate) async fn serve(server: Arc<ServerState>, socket: TcpStream) {
    // Only latency is lost if this fails.
    let _ = socket.set_nodelay(true);
    let phase = PhaseCell::default();
    let settings = &server.settings;
    let stream = TokioIo::new(TimeoutStream::new(socket, phase.clone(), settings));
    let mut builder = http1::Builder::new();
    builder
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES.max(settings.header_bytes_max * 2));
    // Up to its default, hyper allocates nothing for the header fields of a request.
    if settings.headers_max * 3 / 2 > HYPER_HEADERS_MAX {
        builder.max_headers(settings.headers_max * 4);
    }
    let service = ConnectionService { server: Arc::clone(&server), phase: phase.clone() };
    let mut connection = builder.serve_connection(stream, service);
    // A token of its own: the check with every poll contends with no other connection.
    let stopping = server.stopping.child_token();
    let mut last_call = pin!(async {
        stopping.cancelled().await;
        sleep(LAST_REQUEST_DURATION).await;
    });
    let (mut is_over, mut is_last) = (false, false);
    let ended = poll_fn(|context| {
        is_over = is_over || last_call.as_mut().poll(context).is_ready();
        if !is_last && phase.get() == Phase::Busy && stopping.is_cancelled() {
            is_last = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(ended) = connection.poll_without_shutdown(context) {
            return Poll::Ready(ended);
        }
        let ends = match phase.get() {
            Phase::Busy => stopping.is_cancelled(),
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

/// Closes the sending side and reads what was in transit: closing a socket with unread bytes in it
/// would discard the response.
async fn linger(stream: &mut TimeoutStream) {
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

/// Handles the requests of one connection.
struct ConnectionService {
    server: Arc<ServerState>,
    phase: PhaseCell,
}

impl Service<Request<Incoming>> for ConnectionService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request<Incoming>) -> ResponseFuture {
        self.phase.set(Phase::Busy);
        let guarded = Guarded::begin(&self.server, request.map(Body::new));
        ResponseFuture { guarded, phase: self.phase.clone() }
    }
}

/// A request that has no response yet.
struct ResponseFuture {
    guarded: Guarded,
    phase: PhaseCell,
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(Pin::new(&mut self.guarded).poll(context));
        let phase = self.phase.clone();
        Poll::Ready(Ok(response.map(|body| ResponseBody { body, phase })))
    }
}

/// The body of a response; once it is sent, the connection waits for the next request.
struct ResponseBody {
    body: Body,
    phase: PhaseCell,
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.phase.set(Phase::Idle);
    }
}

impl hyper::body::Body for ResponseBody {
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
