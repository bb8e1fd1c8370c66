//! What every request passes before its route, and every answer after it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use tower_service::Service;

use crate::app::{App, Edge};
use crate::problem::{Problem, kinds};
use crate::tasks::{caught, poll_caught};

/// Routes that need no key: they tell whether the server lives, and nothing else.
pub(crate) const OPEN_ROUTES: [&str; 2] = ["/healthz", "/readyz"];

/// The answer to a request, whatever happens.
pub(crate) struct Guarded {
    step: Step,
    is_bare: bool,
}

enum Step {
    Routed(RouteFuture<Infallible>),
    /// None: it is given.
    Answered(Option<Response>),
}

impl Guarded {
    pub(crate) fn begin(edge: &Edge, request: Request) -> Self {
        let is_bare = edge.is_bare;
        let checked = if is_bare { Ok(()) } else { check(&edge.app, &request) };
        let step = match checked {
            Ok(()) => {
                // What breaks outside of a route's own work breaks this request alone.
                let mut router = edge.router.clone();
                match caught(move || router.call(request)) {
                    Ok(routed) => Step::Routed(routed),
                    Err(broke) => Step::Answered(Some(Problem::broken(&broke).into_response())),
                }
            }
            Err(problem) => {
                Step::Answered(Some(edge.app.no_route.answer(request.method(), problem)))
            }
        };
        Self { step, is_bare }
    }
}

impl Future for Guarded {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        let mut answer = match &mut self.step {
            Step::Routed(routed) => match ready!(poll_caught(Pin::new(routed), context)) {
                Ok(Ok(answer)) => answer,
                Ok(Err(never)) => match never {},
                Err(broke) => Problem::broken(&broke).into_response(),
            },
            Step::Answered(answer) => answer.take().expect("what has ended is not asked again"),
        };
        if !self.is_bare {
            protect(&mut answer);
        }
        Poll::Ready(answer)
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
        let detail = "a request names its host exactly once";
        return Err(Problem::input("Host", detail).closing());
    }
    frame(request.headers())?;
    authorize(app, request)
}

/// Chunks, once, are the one coding of a body's way here: whoever stands in front of us might read
/// the end of it elsewhere. (RFC 9112, sections 6.1 and 11.2.)
fn frame(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next();
    let is_chunks = first.is_none_or(|it| it.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if is_chunks && codings.next().is_none() {
        return Ok(());
    }
    let detail = "a body comes with a Content-Length, or in chunks and nothing else";
    Err(Problem::input("Transfer-Encoding", detail).closing())
}

fn authorize(app: &App, request: &Request) -> Result<(), Problem> {
    let security = &app.settings.security;
    if !security.asks_for_keys() || OPEN_ROUTES.contains(&request.uri().path()) {
        return Ok(());
    }
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let key = given.and_then(|it| {
        let (scheme, key) = it.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
    });
    if key.is_some_and(|key| security.admits(key.trim_ascii())) {
        return Ok(());
    }
    let detail = "give one of the keys: Authorization: Bearer <key>";
    Err(Problem::new(&kinds::UNAUTHORIZED, detail).at("Authorization"))
}

/// What a browser must not do with an answer. Values in a static are checked when this is compiled,
/// and not with each answer.
static PROTECTION: [(HeaderName, HeaderValue); 5] = [
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

fn protect(answer: &mut Response<Body>) {
    let headers = answer.headers_mut();
    headers.reserve(PROTECTION.len());
    for (name, value) in &PROTECTION {
        headers.entry(name).or_insert_with(|| value.clone());
    }
}
