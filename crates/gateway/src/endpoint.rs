//! From an entry of a route table to what the router calls: reads the request, runs the handler,
//! and completes a command even if its client hangs up.

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

use crate::api_request::ApiRequest;
use crate::app::App;
use crate::http::headers::{X_CORRELATION_ID, correlation};
use crate::http::{BodyFormat, DetachOnDrop, HttpResult, body, poll_caught, query};
use crate::metrics::RouteMeter;
use crate::openapi::{BodyRule, Operation};
use crate::problem::Problem;

/// A route while it serves: its handler, and what it needs of its operation.
struct Route<F> {
    app: Arc<App>,
    handler: F,
    meter: RouteMeter,
    query_names: Vec<&'static str>,
    has_path: bool,
    body: BodyRule,
    is_command: bool,
}

/// What the router calls for an operation.
pub(crate) fn endpoint<F, A>(app: &Arc<App>, operation: &Operation, handler: F) -> MethodRouter
where
    F: Fn(ApiRequest) -> A + Send + Sync + 'static,
    A: Future<Output = HttpResult> + Send + 'static,
{
    let route = Route {
        app: Arc::clone(app),
        handler,
        meter: RouteMeter::new(operation.path),
        query_names: operation.query_names(),
        has_path: operation.path.contains('{'),
        body: operation.body,
        is_command: operation.is_command,
    };
    let filter =
        MethodFilter::try_from(operation.method.clone()).expect("routes use common methods");
    on_service(filter, Endpoint(Arc::new(route)))
}

struct Endpoint<F>(Arc<Route<F>>);

impl<F> Clone for Endpoint<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F, A> Service<Request> for Endpoint<F>
where
    F: Fn(ApiRequest) -> A + Send + Sync + 'static,
    A: Future<Output = HttpResult> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let route = Arc::clone(&self.0);
        let measurement = RouteMeter::start(request.method());
        // Here and not in the future: a value that is held across nested futures takes memory in
        // each of them, and many requests are in flight.
        let (parts, content) = request.into_parts();
        let request = route.read_parameters(parts);
        Box::pin(async move {
            let result = route.serve(request, content).await;
            let response = result.unwrap_or_else(IntoResponse::into_response);
            route.meter.stop(&measurement, &response);
            Ok(response)
        })
    }
}

impl<F, A> Route<F>
where
    F: Fn(ApiRequest) -> A,
    A: Future<Output = HttpResult> + Send + 'static,
{
    async fn serve(&self, request: Result<Box<ApiRequest>, Problem>, content: Body) -> HttpResult {
        let mut request = request?;
        if self.body == BodyRule::None {
            // Dropping it now tells the connection that the body is not read.
            drop(content);
        } else {
            self.read_body(content, &mut request).await?;
        }
        request.correlation = correlation(&request.headers)?;
        let correlation = request.correlation.clone();
        let handling = Box::pin(self.handle(request));
        let result = if self.is_command {
            // A command is completed even if the client hangs up.
            DetachOnDrop::new(handling, &self.app.tasks).await
        } else {
            let mut handling = handling;
            poll_fn(|context| poll_caught(handling.as_mut(), context)).await
        };
        let mut response = match result {
            Ok(result) => result.unwrap_or_else(IntoResponse::into_response),
            Err(panicked) => Problem::panicked(&panicked).into_response(),
        };
        if let Some(value) = correlation.and_then(|it| HeaderValue::from_str(&it).ok()) {
            response.headers_mut().insert(&X_CORRELATION_ID, value);
        }
        Ok(response)
    }

    /// Consumes the box: the request moves into the handler's future, and this one keeps nothing.
    fn handle(&self, request: Box<ApiRequest>) -> A {
        (self.handler)(*request)
    }

    /// Reads the parameters of the path and the query, as the operation defines them.
    fn read_parameters(&self, mut parts: Parts) -> Result<Box<ApiRequest>, Problem> {
        let path_parameters = if self.has_path { path(&mut parts)? } else { Vec::new() };
        let query_parameters = query::parse(parts.uri.query().unwrap_or_default())?;
        if let Some((name, _)) =
            query_parameters.iter().find(|(name, _)| !self.query_names.contains(&name.as_str()))
        {
            let detail = format!("this operation has no parameter {name:?}");
            return Err(Problem::input(name.clone(), detail));
        }
        Ok(Box::new(ApiRequest {
            app: Arc::clone(&self.app),
            method: parts.method,
            uri: parts.uri,
            path_parameters,
            query_parameters,
            correlation: None,
            headers: parts.headers,
            body_format: BodyFormat::Json,
            body: Bytes::new(),
        }))
    }

    async fn read_body(&self, content: Body, request: &mut ApiRequest) -> Result<(), Problem> {
        if self.body != BodyRule::OptionalObject || !content.is_end_stream() {
            request.body_format = body::format(&request.headers, self.body == BodyRule::Bulk)?;
        }
        let settings = &self.app.settings;
        let max = match self.body {
            BodyRule::Bulk => settings.bulk_bytes_max,
            _ => settings.body_bytes_max,
        };
        request.body = body::read(content, max, settings, &self.app.body_bytes).await?;
        Ok(())
    }
}

fn path(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    let read = RawPathParams::from_request_parts(parts, &()).now_or_never();
    let read = read.expect("the router has parsed the path");
    let read = read.map_err(|_| Problem::input("path", "the path must be UTF-8"))?;
    Ok(read.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The response to a path that matches no route.
pub(crate) async fn not_found(app: Arc<App>, request: Request) -> Response {
    let detail = format!("there is nothing at {}", request.uri().path());
    let problem = Problem::new(&crate::problem::kinds::NOT_FOUND, detail).at("path");
    app.no_route.respond(request.method(), problem)
}

/// The response to a method that a path does not support; the router adds `Allow`.
pub(crate) async fn method_not_allowed(app: Arc<App>, request: Request) -> Response {
    let detail = format!("{} is not allowed at this path", request.method());
    let problem = Problem::new(&crate::problem::kinds::METHOD_NOT_ALLOWED, detail).at("method");
    app.no_route.respond(request.method(), problem)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use earmark_kernel::clock::SystemClock;
    use earmark_kernel::ids::RandomIds;
    use earmark_kernel::{Bus, Limits};
    use tower_service::Service;

    use super::{ApiRequest, App, Arc, Operation, Request, endpoint};
    use crate::metrics::Metrics;
    use crate::settings::Settings;

    fn app() -> Arc<App> {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let bus = Bus::open(Vec::new(), clock, ids, Limits::default()).unwrap();
        Arc::new(App::new(bus, Settings::default(), Metrics::install().unwrap()))
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_is_a_problem_with_unknown_outcome() {
        let app = app();
        for operation in [Operation::get("/x", "x", "X"), Operation::post("/x", "x", "X")] {
            let method = operation.method.clone();
            let panics = |_: ApiRequest| async { panic!("on purpose") };
            let mut router = Router::new().route("/x", endpoint(&app, &operation, panics));
            let request = Request::builder().method(method).uri("/x").body(Body::empty());
            let response = router.call(request.unwrap()).await.unwrap();
            assert_eq!(response.status(), 500);
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                (&body["type"], &body["outcome"]),
                (&"/problems/internal".into(), &"unknown".into())
            );
        }
    }
}
