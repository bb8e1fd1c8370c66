//! The check of the servers that the settings name.

use super::{mail, redis};
use crate::error::CliError;
use crate::runtime::block_on;
use crate::settings::Settings;

/// The result of checking a server.
pub struct Probe {
    pub what: &'static str,
    pub found: Result<String, String>,
}

/// Checks that each server is reachable and accepts the credentials.
pub fn probe(settings: &Settings) -> Result<Vec<Probe>, CliError> {
    let (redis, mail) = (redis::server(settings)?, mail::publisher(settings)?);
    block_on(async {
        let mut probes = Vec::new();
        if let Some(redis) = redis {
            let found = redis.version().await.map(|version| format!("{version} at {redis}"));
            probes.push(Probe { what: "Redis", found: found.map_err(|why| why.to_string()) });
        }
        if let Some(mail) = mail {
            let found = mail.check().await.map(|()| "accepts connections".to_owned());
            probes.push(Probe { what: "mail server", found: found.map_err(|why| why.to_string()) });
        }
        Ok(probes)
    })
}
