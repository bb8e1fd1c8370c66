//! From a line of a route's table to what the router calls: reads the request, runs the route, and
//! lets a command go on when its client is gone.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::answer::Answered;
use crate::app::App;
use crate::ask::Ask;
use crate::body::{self, Form};
use crate::measure::RouteMeter;
use crate::openapi::{BodyRule, Operation};
use crate::problem::Problem;
use crate::query;
use crate::tasks::caught;

/// What a route needs to know of its operation while it serves.
struct Line {
    meter: RouteMeter,
    query_names: Vec<&'static str>,
    body: BodyRule,
    is_command: bool,
}

/// What the router calls for an operation.
pub(crate) fn endpoint<F, A>(app: &Arc<App>, operation: &Operation, run: F) -> MethodRouter
where
    F: Fn(Ask) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answered> + Send + 'static,
{
    let line = Line {
        meter: RouteMeter::of(operation.path),
        query_names: operation.query_names(),
        body: operation.body,
        is_command: operation.is_command,
    };
    let filter = MethodFilter::try_from(operation.method.clone()).expect("a usual method");
    let (app, line) = (Arc::clone(app), Arc::new(line));
    on(filter, move |request: Request| {
        let (app, line, run) = (Arc::clone(&app), Arc::clone(&line), run.clone());
        // What it holds is some kilobytes, and what is given here is moved through the router.
        Box::pin(async move {
            let method = request.method().clone();
            line.meter.measure(&method, serve(&app, &line, run, request)).await
        })
    })
}

async fn serve<F, A>(app: &Arc<App>, line: &Line, run: F, request: Request) -> Answered
where
    F: Fn(Ask) -> A,
    A: Future<Output = Answered> + Send + 'static,
{
    let ask = read(app, line, request).await?;
    let correlation = ask.correlation()?;
    let work = Box::pin(run(ask));
    let ended = if line.is_command {
        // The client may go; what it has asked for is done whole.
        app.tasks.carry(work).await
    } else {
        caught(work).await
    };
    let mut answer = match ended {
        Ok(answered) => answered.unwrap_or_else(IntoResponse::into_response),
        Err(broken) => Problem::broken(&broken).into_response(),
    };
    if let Some(value) = correlation.and_then(|it| HeaderValue::from_str(&it).ok()) {
        answer.headers_mut().insert("x-correlation-id", value);
    }
    Ok(answer)
}

/// Reads what was asked: the path, the query and the body, each as the operation takes it.
async fn read(app: &Arc<App>, line: &Line, request: Request) -> Result<Ask, Problem> {
    let (mut parts, content) = request.into_parts();
    let path = path(&mut parts).await?;
    let query = query::parse(parts.uri.query().unwrap_or_default())?;
    if let Some((name, _)) =
        query.iter().find(|(name, _)| !line.query_names.contains(&name.as_str()))
    {
        let detail = format!("there is no parameter {name:?} here");
        return Err(Problem::input(name.clone(), detail));
    }
    let settings = &app.settings;
    let max = match line.body {
        BodyRule::Bulk => settings.bulk_bytes_max,
        _ => settings.body_bytes_max,
    };
    let takes_body = line.body != BodyRule::None;
    let mut form = Form::Json;
    if takes_body && (line.body != BodyRule::OptionalObject || has_body(&content)) {
        form = body::form(&parts.headers, line.body == BodyRule::Bulk)?;
    }
    let body = if takes_body {
        body::read(content, max, settings, &app.bodies).await?
    } else {
        axum::body::Bytes::new()
    };
    let target = parts.uri.path_and_query().map_or("", |it| it.as_str()).to_owned();
    Ok(Ask {
        app: Arc::clone(app),
        method: parts.method,
        target,
        path,
        query,
        headers: parts.headers,
        form,
        body,
    })
}

async fn path(parts: &mut Parts) -> Result<Vec<(String, String)>, Problem> {
    let read = RawPathParams::from_request_parts(parts, &()).await;
    let read = read.map_err(|_| Problem::input("path", "the path must be UTF-8"))?;
    Ok(read.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn has_body(body: &axum::body::Body) -> bool {
    use hyper::body::Body as _;
    !body.is_end_stream()
}

/// The answer to an address that is not there.
pub(crate) async fn nowhere(app: Arc<App>, request: Request) -> Response {
    let detail = format!("there is nothing at {}", request.uri().path());
    let problem = Problem::new(&crate::problem::kinds::NOT_FOUND, detail).at("path");
    app.no_route.measure(request.method(), async { problem }).await
}

/// The answer to a method that an address does not have; the router adds `Allow`.
pub(crate) async fn no_such_method(app: Arc<App>, request: Request) -> Response {
    let detail = format!("{} is not allowed here", request.method());
    let problem = Problem::new(&crate::problem::kinds::METHOD_NOT_ALLOWED, detail).at("method");
    app.no_route.measure(request.method(), async { problem }).await
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

    use super::{Arc, Ask, Operation, Request, endpoint};
    use crate::app::App;
    use crate::measure::{Metrics, RouteMeter};
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
            let broken = |_: Ask| async { panic!("on purpose") };
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
