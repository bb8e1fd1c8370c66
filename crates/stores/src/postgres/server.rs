//! Whether a server keeps what it confirms: looked at on every new connection, because settings
//! change while a server runs, and because the next connection may go to another server.

use tokio_postgres::{Client as PgClient, Error as PgError};

use super::open_error::OpenError;

/// A setting, and what it may be.
struct Setting {
    name: &'static str,
    may_be: &'static [&'static str],
}

const SETTINGS: [Setting; 4] = [
    Setting { name: "fsync", may_be: &["on"] },
    Setting { name: "full_page_writes", may_be: &["on"] },
    // A transaction that is seen by others is on disk, and where there are synchronous standbys
    // on theirs.
    Setting { name: "synchronous_commit", may_be: &["on", "remote_apply"] },
    // The log is JSON in UTF-8.
    Setting { name: "server_encoding", may_be: &["UTF8"] },
];

const ASK: &str = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN \
                   ('fsync', 'full_page_writes', 'synchronous_commit', 'server_encoding') \
                   UNION ALL SELECT 'standby', pg_catalog.pg_is_in_recovery()::text ORDER BY 1";

/// What a server says of itself, and what is wrong with it.
pub(super) async fn check(client: &PgClient) -> Result<Option<OpenError>, PgError> {
    let rows = client.query_typed(ASK, &[]).await?;
    let said: Vec<(&str, &str)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(weakness(&said))
}

fn weakness(said: &[(&str, &str)]) -> Option<OpenError> {
    said.iter().find_map(|&(name, found)| {
        if name == "standby" {
            return (found == "true").then_some(OpenError::Standby);
        }
        let setting = SETTINGS.iter().find(|it| it.name == name)?;
        (!setting.may_be.contains(&found)).then(|| OpenError::Weak {
            setting: name.to_owned(),
            found: found.to_owned(),
            needed: setting.may_be[0],
        })
    })
}

#[cfg(test)]
mod tests {
    use super::weakness;

    #[test]
    fn a_weak_setting_is_named() {
        let sound = [("fsync", "on"), ("standby", "false"), ("synchronous_commit", "remote_apply")];
        assert!(weakness(&sound).is_none());
        for (name, found) in [
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("synchronous_commit", "off"),
            ("synchronous_commit", "local"),
            ("synchronous_commit", "remote_write"),
            ("server_encoding", "SQL_ASCII"),
        ] {
            let text = weakness(&[(name, found)]).unwrap().to_string();
            assert!(text.contains(&format!("{name} = {found}")), "{text}");
        }
        assert!(weakness(&[("standby", "true")]).is_some());
    }
}
