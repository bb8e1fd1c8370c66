//! From a line of a route's table to what the router calls: reads the request, runs the route, and
//! lets a command go on when its client is gone.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on_service};
use futures_util::FutureExt;
use hyper::body::Body as _;
use tower_service::Service;

use crate::answer::Answered;
use crate::api_request::{ApiRequest, X_CORRELATION_ID, correlation};
use crate::app::App;
use crate::body::{self, Form};
use crate::metrics::RouteMeter;
use crate::openapi::{BodyRule, Operation};
use crate::problem::Problem;
use crate::query;
use crate::tasks::poll_caught;

/// A line of a route's table at work: what it needs to know of its operation while it serves.
struct Line<F> {
    app: Arc<App>,
    run: F,
    meter: RouteMeter,
    query_names: Vec<&'static str>,
    has_path: bool,
    body: BodyRule,
    is_command: bool,
}

/// What the router calls for an operation.
pub(crate) fn endpoint<F, A>(app: &Arc<App>, operation: &Operation, run: F) -> MethodRouter
where
    F: Fn(ApiRequest) -> A + Send + Sync + 'static,
    A: Future<Output = Answered> + Send + 'static,
{
    let line = Line {
        app: Arc::clone(app),
        run,
        meter: RouteMeter::of(operation.path),
        query_names: operation.query_names(),
        has_path: operation.path.contains('{'),
        body: operation.body,
        is_command: operation.is_command,
    };
    let filter = MethodFilter::try_from(operation.method.clone()).expect("a usual method");
    on_service(filter, Endpoint(Arc::new(line)))
}

struct Endpoint<F>(Arc<Line<F>>);

impl<F> Clone for Endpoint<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F, A> Service<Request> for Endpoint<F>
where
    F: Fn(ApiRequest) -> A + Send + Sync + 'static,
    A: Future<Output = Answered> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let line = Arc::clone(&self.0);
        let measuring = RouteMeter::start(request.method());
        // Here and not in the future: what goes through several futures has a place in each, and
        // many requests are under way.
        let (parts, content) = request.into_parts();
        let begun = line.begin(parts);
        Box::pin(async move {
            let answered = line.serve(begun, content).await;
            let answer = answered.unwrap_or_else(IntoResponse::into_response);
            line.meter.stop(&measuring, &answer);
            Ok(answer)
        })
    }
}

impl<F, A> Line<F>
where
    F: Fn(ApiRequest) -> A,
    A: Future<Output = Answered> + Send + 'static,
{
    async fn serve(&self, begun: Result<Box<ApiRequest>, Problem>, content: Body) -> Answered {
        let mut request = begun?;
        if self.body == BodyRule::None {
            // The connection learns now that nobody reads it.
            drop(content);
        } else {
            self.read_body(content, &mut request).await?;
        }
        request.correlation = correlation(&request.headers)?;
        let correlation = request.correlation.clone();
        let work = Box::pin(self.begin_work(request));
        let ended = if self.is_command {
            // The client may go; what it has asked for is done whole.
            self.app.tasks.carry(work).await
        } else {
            let mut work = work;
            poll_fn(|context| poll_caught(work.as_mut(), context)).await
        };
        let mut answer = match ended {
            Ok(answered) => answered.unwrap_or_else(IntoResponse::into_response),
            Err(broken) => Problem::broken(&broken).into_response(),
        };
        if let Some(value) = correlation.and_then(|it| HeaderValue::from_str(&it).ok()) {
            answer.headers_mut().insert(&X_CORRELATION_ID, value);
        }
        Ok(answer)
    }

    /// Takes the whole box: what was asked stands in the work from now on.
    fn begin_work(&self, request: Box<ApiRequest>) -> A {
        (self.run)(*request)
    }

    /// Reads what stands before the body: the path and the query, as the operation takes them.
    fn begin(&self, mut parts: Parts) -> Result<Box<ApiRequest>, Problem> {
        let path = if self.has_path { path(&mut parts)? } else { Vec::new() };
        let query = query::parse(parts.uri.query().unwrap_or_default())?;
        if let Some((name, _)) =
            query.iter().find(|(name, _)| !self.query_names.contains(&name.as_str()))
        {
            let detail = format!("there is no parameter {name:?} here");
            return Err(Problem::input(name.clone(), detail));
        }
        Ok(Box::new(ApiRequest {
            app: Arc::clone(&self.app),
            method: parts.method,
            uri: parts.uri,
            path,
            query,
            correlation: None,
            headers: parts.headers,
            form: Form::Json,
            body: Bytes::new(),
        }))
    }

    async fn read_body(&self, content: Body, request: &mut ApiRequest) -> Result<(), Problem> {
        if self.body != BodyRule::OptionalObject || !content.is_end_stream() {
            request.form = body::form(&request.headers, self.body == BodyRule::Bulk)?;
        }
        let settings = &self.app.settings;
        let max = match self.body {
            BodyRule::Bulk => settings.bulk_bytes_max,
            _ => settings.body_bytes_max,
        };
        request.body = body::read(content, max, settings, &self.app.bodies).await?;
        Ok(())
    }
}

fn path(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    let read = RawPathParams::from_request_parts(parts, &()).now_or_never();
    let read = read.expect("the router has read it");
    let read = read.map_err(|_| Problem::input("path", "the path must be UTF-8"))?;
    Ok(read.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The answer to an address that is not there.
pub(crate) async fn nowhere(app: Arc<App>, request: Request) -> Response {
    let detail = format!("there is nothing at {}", request.uri().path());
    let problem = Problem::new(&crate::problem::kinds::NOT_FOUND, detail).at("path");
    app.no_route.answer(request.method(), problem)
}

/// The answer to a method that an address does not have; the router adds `Allow`.
pub(crate) async fn no_such_method(app: Arc<App>, request: Request) -> Response {
    let detail = format!("{} is not allowed here", request.method());
    let problem = Problem::new(&crate::problem::kinds::METHOD_NOT_ALLOWED, detail).at("method");
    app.no_route.answer(request.method(), problem)
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use axum::Router;
    use axum::body::Body;
    use earmark_kernel::clock::SystemClock;
    use earmark_kernel::ids::RandomIds;
    use earmark_kernel::{Bus, Limits};
    use tokio::sync::watch;
    use tower_service::Service;

    use super::{ApiRequest, Arc, Operation, Request, endpoint};
    use crate::app::App;
    use crate::metrics::{Metrics, RouteMeter};
    use crate::settings::Settings;
    use crate::tasks::Tasks;

    fn app() -> Arc<App> {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        Arc::new(App {
            bus: Bus::open(Vec::new(), clock, ids, Limits::default()).unwrap(),
            bodies: Arc::new(tokio::sync::Semaphore::new(1024)),
            settings: Settings::default(),
            metrics: Metrics::install().unwrap(),
            no_route: RouteMeter::of("none"),
            tasks: Tasks::new().0,
            stopping: watch::Sender::new(false),
            pages: OnceLock::new(),
        })
    }

    #[tokio::test]
    async fn a_route_that_breaks_is_a_problem_whose_outcome_is_not_known() {
        let app = app();
        for operation in [Operation::get("/x", "x", "X"), Operation::post("/x", "x", "X")] {
            let method = operation.method.clone();
            let broken = |_: ApiRequest| async { panic!("on purpose") };
            let mut router = Router::new().route("/x", endpoint(&app, &operation, broken));
            let request = Request::builder().method(method).uri("/x").body(Body::empty());
            let answer = router.call(request.unwrap()).await.unwrap();
            assert_eq!(answer.status(), 500);
            let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                (&body["type"], &body["outcome"]),
                (&"/problems/internal".into(), &"unknown".into())
            );
        }
    }
}
