//! A request as the routes receive it: parameters and body, each read strictly.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use earmark_kernel::{Idempotency, Key, Meta, Query};
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::app::App;
use crate::http::json::{self, Object};
use crate::http::{BodyFormat, headers};
use crate::problem::Problem;

/// A request whose parameters and body have been read, but not yet converted to types.
pub(crate) struct ApiRequest {
    pub(crate) app: Arc<App>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) path_parameters: Vec<(String, String)>,
    pub(crate) query_parameters: Vec<(String, String)>,
    /// What this request belongs to.
    pub(crate) correlation: Option<Key>,
    pub(crate) headers: HeaderMap,
    pub(crate) body_format: BodyFormat,
    pub(crate) body: Bytes,
}

impl ApiRequest {
    /// Runs a query that may take long, on a thread that may block.
    pub(crate) async fn ask_blocking<Q: Query>(&self, query: Q) -> Result<Q::Answer, Problem> {
        let bus = self.app.bus.clone();
        let asking = self.app.tasks.spawn_blocking(move || bus.ask(query));
        Ok(asking.await.map_err(|panicked| Problem::panicked(&panicked))??)
    }

    /// A path parameter.
    pub(crate) fn path<T: DeserializeOwned>(&self, name: &str) -> Result<T, Problem> {
        let found = self.path_parameters.iter().find(|(known, _)| known == name);
        let (_, text) = found.expect("the route has this parameter");
        value(name, text)
    }

    /// An optional query parameter.
    pub(crate) fn query<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.query_text(name).map(|text| value(name, text)).transpose()
    }

    /// The text of a query parameter.
    pub(crate) fn query_text(&self, name: &str) -> Option<&str> {
        let found = self.query_parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_str())
    }

    /// A query parameter that is a whole number.
    pub(crate) fn number(
        &self,
        name: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, Problem> {
        let Some(text) = self.query_text(name) else {
            return Ok(default);
        };
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|it| is_plain && range.contains(it));
        number.ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            Problem::input(name, format!("{name} must be a whole number from {from} to {to}"))
        })
    }

    /// A query parameter that is true or false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.query_text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::input(name, format!("{name} must be true or false"))),
        }
    }

    /// The body as one JSON object.
    pub(crate) fn object<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json::read::<Object<T>>(&self.body, "").map(|object| object.0)
    }

    /// The body as one JSON object; an empty body counts as an empty object.
    pub(crate) fn optional_object<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        json::read::<Object<T>>(body, "").map(|object| object.0)
    }

    /// The metadata of the command that this request sends.
    pub(crate) fn meta(&self) -> Result<Meta, Problem> {
        Ok(Meta {
            correlation: self.correlation.clone(),
            idempotency: self.idempotency()?,
            dry_run: self.flag("dry_run")?,
            ..Meta::default()
        })
    }

    fn idempotency(&self) -> Result<Option<Idempotency>, Problem> {
        let Some(key) = headers::idempotency_key(&self.headers)? else {
            return Ok(None);
        };
        let target = self.uri.path_and_query().map_or("", |it| it.as_str());
        let head = format!("{} {target}\n", self.method);
        let request = [head.as_bytes(), &self.body].concat();
        Ok(Some(Idempotency::of(key, &request)))
    }
}

/// Converts the text of a parameter.
pub(crate) fn value<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Problem> {
    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
    T::deserialize(text).map_err(|error| Problem::input(name, format!("{name}: {error}")))
}
