//! All settings, a field a section.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mail::Mail;
use super::redis::Redis;
use super::server::Server;
use super::stores::Stores;

/// All settings. Each section has its defaults in its own file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub server: Server,
    pub stores: Stores,
    pub redis: Redis,
    pub mail: Mail,
}

impl Settings {
    /// Every setting as section, key and value, in order; secrets are masked.
    pub fn values(&self) -> Vec<(&'static str, String, Value)> {
        let section = |section: &'static str, fields: Result<Value, serde_json::Error>| {
            let fields = fields.expect("settings are UTF-8");
            let fields = fields.as_object().cloned().unwrap_or_default();
            fields.into_iter().map(move |(key, value)| (section, key, value))
        };
        section("server", serde_json::to_value(&self.server))
            .chain(section("stores", serde_json::to_value(&self.stores)))
            .chain(section("redis", serde_json::to_value(&self.redis)))
            .chain(section("mail", serde_json::to_value(&self.mail)))
            .collect()
    }
}
