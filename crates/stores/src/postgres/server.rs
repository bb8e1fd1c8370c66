//! Checks that a server keeps what it confirms. Every new connection is checked, because settings
//! can change while a server runs, and the next connection may reach another server.

use tokio_postgres::{Client as PgClient, Error as PgError};

use super::open_error::OpenError;

/// What a probe found out about a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its version, for example `15.8`.
    pub version: String,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
}

/// A setting and its allowed values.
struct Setting {
    name: &'static str,
    allowed: &'static [&'static str],
}

const SETTINGS: [Setting; 4] = [
    Setting { name: "fsync", allowed: &["on"] },
    Setting { name: "full_page_writes", allowed: &["on"] },
    // A transaction that others can see is on disk, and also on the disks of the synchronous
    // standbys, if there are any.
    Setting { name: "synchronous_commit", allowed: &["on", "remote_apply"] },
    // The log is JSON in UTF-8.
    Setting { name: "server_encoding", allowed: &["UTF8"] },
];

const SETTINGS_SQL: &str = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN \
    ('fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding') \
    UNION ALL SELECT 'standby', pg_catalog.pg_is_in_recovery()::text ORDER BY 1";

/// Reads the server's settings; returns the first one that is not allowed.
pub(super) async fn check(client: &PgClient) -> Result<Option<OpenError>, PgError> {
    let rows = client.query_typed(SETTINGS_SQL, &[]).await?;
    let settings: Vec<(&str, &str)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(first_unsafe(&settings))
}

/// The version of the server, and whether this connection is encrypted.
pub(super) async fn info(client: &PgClient) -> Result<ServerInfo, PgError> {
    let sql = "SELECT pg_catalog.current_setting('server_version'), \
               coalesce((SELECT ssl FROM pg_catalog.pg_stat_ssl \
               WHERE pid = pg_catalog.pg_backend_pid()), false)";
    let row = client.query_typed_one(sql, &[]).await?;
    Ok(ServerInfo { version: row.get(0), is_encrypted: row.get(1) })
}

fn first_unsafe(settings: &[(&str, &str)]) -> Option<OpenError> {
    settings.iter().find_map(|&(name, found)| {
        if name == "standby" {
            return (found == "true").then_some(OpenError::Standby);
        }
        let setting = SETTINGS.iter().find(|it| it.name == name)?;
        (!setting.allowed.contains(&found)).then(|| OpenError::UnsafeSetting {
            setting: name.to_owned(),
            found: found.to_owned(),
            needed: setting.allowed[0],
        })
    })
}

#[cfg(test)]
mod tests {
    use super::first_unsafe;

    #[test]
    fn an_unsafe_setting_is_named() {
        let safe = [("fsync", "on"), ("standby", "false"), ("synchronous_commit", "remote_apply")];
        assert!(first_unsafe(&safe).is_none());
        for (name, found) in [
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("synchronous_commit", "off"),
            ("synchronous_commit", "local"),
            ("synchronous_commit", "remote_write"),
            ("server_encoding", "SQL_ASCII"),
        ] {
            let text = first_unsafe(&[(name, found)]).unwrap().to_string();
            assert!(text.contains(&format!("{name} = {found}")), "{text}");
        }
        assert!(first_unsafe(&[("standby", "true")]).is_some());
    }
}
