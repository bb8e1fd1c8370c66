//! The checks before every route and the headers added to every response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use tower_service::Service;

use super::panics::{caught, poll_caught};
use super::server_state::ServerState;
use crate::app::App;
use crate::problem::{Problem, kinds};

/// Routes that need no key: they report the health of the server and nothing else.
pub(crate) const OPEN_ROUTES: [&str; 2] = ["/healthz", "/readyz"];

/// A request on its way through the checks and the router; completes with a response in any case.
pub(crate) struct Guarded {
    step: Step,
    adds_headers: bool,
}

enum Step {
    Routed(RouteFuture<Infallible>),
    /// None: the response is handed over.
    Responded(Option<Response>),
}

impl Guarded {
    pub(crate) fn begin(server: &ServerState, request: Request) -> Self {
        let adds_headers = server.app.is_some();
        if let Some(app) = &server.app
            && let Err(problem) = check(app, &request)
        {
            let response = app.no_route.respond(request.method(), problem);
            return Self { step: Step::Responded(Some(response)), adds_headers };
        }
        // A panic outside of a route's own future ends this request alone.
        let mut router = server.router.clone();
        let step = match caught(move || router.call(request)) {
            Ok(routed) => Step::Routed(routed),
            Err(panicked) => Step::Responded(Some(Problem::panicked(&panicked).into_response())),
        };
        Self { step, adds_headers }
    }
}

impl Future for Guarded {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        let mut response = match &mut self.step {
            Step::Routed(routed) => match ready!(poll_caught(Pin::new(routed), context)) {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(panicked) => Problem::panicked(&panicked).into_response(),
            },
            Step::Responded(response) => {
                response.take().expect("a completed future is not polled again")
            }
        };
        if self.adds_headers {
            add_security_headers(&mut response);
        }
        Poll::Ready(response)
    }
}

fn check(app: &App, request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let uri = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let bytes = fields.sum::<usize>() + uri;
    let settings = &app.settings;
    if bytes > settings.header_bytes_max || headers.len() > settings.headers_max {
        let detail = format!(
            "a header may have at most {} fields and {} bytes",
            settings.headers_max, settings.header_bytes_max
        );
        return Err(Problem::new(&kinds::HEADER_TOO_LARGE, detail).at("header").closing());
    }
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        let detail = "a request must have exactly one Host header";
        return Err(Problem::input("Host", detail).closing());
    }
    check_framing(headers)?;
    authorize(app, request)
}

/// Accepts `chunked`, once, as the only transfer coding: a proxy in front of this server might read
/// any other so that the body ends elsewhere (RFC 9112, sections 6.1 and 11.2).
fn check_framing(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next();
    let is_chunked = first.is_none_or(|it| it.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if is_chunked && codings.next().is_none() {
        return Ok(());
    }
    let detail = "a body must have a Content-Length, or chunked as its only Transfer-Encoding";
    Err(Problem::input("Transfer-Encoding", detail).closing())
}

fn authorize(app: &App, request: &Request) -> Result<(), Problem> {
    let security = &app.settings.security;
    if !security.requires_key() || OPEN_ROUTES.contains(&request.uri().path()) {
        return Ok(());
    }
    let header = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let key = header.and_then(|it| {
        let (scheme, key) = it.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
    });
    if key.is_some_and(|key| security.accepts(key.trim_ascii())) {
        return Ok(());
    }
    let detail = "a valid key is required: Authorization: Bearer <key>";
    Err(Problem::new(&kinds::UNAUTHORIZED, detail).at("Authorization"))
}

/// What browsers may not do with a response. Statics are validated at compile time, not with every
/// response.
static SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'",
        ),
    ),
];

fn add_security_headers(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.reserve(SECURITY_HEADERS.len());
    for (name, value) in &SECURITY_HEADERS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
}
