//! A client of a running server, for commands that do not need the data folder.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::CliError;

/// Longer than the server lets any request wait.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client of a server.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<String>,
}

impl Client {
    /// A client of the server at an address; the API key is the first line of the file.
    pub fn of(address: &str, key_file: Option<&Path>) -> Result<Self, CliError> {
        let base = Url::parse(address).ok().filter(|url| url.scheme() == "http");
        let base = base.ok_or_else(|| {
            CliError::usage(format!("{address:?} is not the address of a server"))
                .advise("Write it as http://127.0.0.1:5005.")
        })?;
        let key = key_file.map(first_line).transpose()?;
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build();
        Ok(Self { http: http.map_err(CliError::new)?, base, key })
    }

    /// Sends a query.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, CliError> {
        self.send(self.http.get(self.url(path)).query(query)).await
    }

    /// Sends a command.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        body: &impl Serialize,
    ) -> Result<T, CliError> {
        self.send(self.http.post(self.url(path)).query(query).json(body)).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CliError> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let no_response = |error: reqwest::Error| {
            CliError::new(format!("no response from {}: {}", self.base, innermost(&error)))
                .advise("Check that the server runs; `earmark serve` starts one.")
        };
        let response = request.send().await.map_err(no_response)?;
        let status = response.status();
        let body = response.bytes().await.map_err(no_response)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                CliError::new(format!("the response of {} cannot be read: {error}", self.base))
                    .advise("Check that this program and the server have the same version.")
            });
        }
        Err(refused(status, &body))
    }
}

fn refused(status: StatusCode, body: &[u8]) -> CliError {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = body["detail"].as_str().or_else(|| body["title"].as_str());
    let error = match text {
        Some(text) => CliError::new(text),
        None => CliError::new(format!("the server responded with {status}")),
    };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            error.advise("Name the file with the API key with --api-key-file.")
        }
        StatusCode::SERVICE_UNAVAILABLE => error.advise("Try again in a moment."),
        _ => error,
    }
}

fn first_line(path: &Path) -> Result<String, CliError> {
    let text = fs::read_to_string(path)
        .map_err(|error| CliError::new(format!("cannot read {}: {error}", path.display())))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
