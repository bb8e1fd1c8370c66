//! The section `[server]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The process: its data, where it listens, and what it logs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The data folder.
    pub data: PathBuf,
    /// The address to listen on.
    pub listen: String,
    /// A file with one API key a line; clients must send one of them.
    pub api_key_file: Option<PathBuf>,
    /// What is logged to stderr: a level or a filter as in `RUST_LOG`.
    pub log: String,
    /// Log as JSON, one object a line.
    pub log_json: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            data: "earmark-data".into(),
            listen: "127.0.0.1:5005".to_owned(),
            api_key_file: None,
            log: "warn".to_owned(),
            log_json: false,
        }
    }
}
