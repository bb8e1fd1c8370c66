//! From the format the tables have to the one this program writes: numbered SQL, once each, all in
//! one transaction that whoever starts at the same time waits for.

use tokio_postgres::types::Type;
use tokio_postgres::{Client as PgClient, Error as PgError};

use super::client::Client;
use super::error::Error;
use super::open_error::OpenError;

/// The steps, in order; the format of the tables is the number of those they have had.
const STEPS: [&str; 3] = [
    include_str!("../../migrations/postgres/0001_records.sql"),
    include_str!("../../migrations/postgres/0002_turns.sql"),
    include_str!("../../migrations/postgres/0003_fair_turns.sql"),
];

/// Any number that only this program locks; for the transaction alone, so that it holds behind a
/// pooler too.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '30s'; \
                     SELECT pg_catalog.pg_advisory_xact_lock(4965182447011)";

/// What came of it.
enum Ended {
    Partitions(u16),
    Newer(usize),
    Other { asked: u16, are: u16 },
}

/// Brings the tables to the newest format. Says how many partitions each service has.
pub(super) fn run(client: &Client, asked: Option<u16>) -> Result<u16, OpenError> {
    let ended = client.ask(move |client| {
        Box::pin(async move {
            let ended = migrate(client, asked).await?;
            Ok::<_, Error>(ended)
        })
    });
    match ended {
        Ok(Ended::Partitions(count)) => Ok(count),
        Ok(Ended::Newer(found)) => Err(OpenError::NewerFormat { found, known: STEPS.len() }),
        Ok(Ended::Other { asked, are }) => Err(OpenError::Partitions { asked, are }),
        Err(error) => {
            Err(OpenError::Sql { doing: "bring the tables up to date", why: error.text() })
        }
    }
}

async fn migrate(client: &PgClient, asked: Option<u16>) -> Result<Ended, PgError> {
    client.batch_execute(BEGIN).await?;
    let found: bool = client
        .query_typed_one("SELECT pg_catalog.to_regclass('earmark.meta') IS NOT NULL", &[])
        .await?
        .get(0);
    if !found {
        let schema = "CREATE SCHEMA IF NOT EXISTS earmark; \
                      CREATE TABLE earmark.meta (name text PRIMARY KEY, value int NOT NULL)";
        client.batch_execute(schema).await?;
    }
    let format = usize::try_from(value(client, "format").await?.unwrap_or(0)).unwrap_or(0);
    if format > STEPS.len() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Ended::Newer(format));
    }
    for step in &STEPS[format..] {
        client.batch_execute(step).await?;
    }
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    set(client, "format", known).await?;
    let are = value(client, "partitions").await?.and_then(|are| u16::try_from(are).ok());
    let count = are.or(asked).unwrap_or(1);
    if let Some(asked) = asked.filter(|asked| *asked != count) {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Ended::Other { asked, are: count });
    }
    set(client, "partitions", i32::from(count)).await?;
    client.batch_execute("COMMIT").await?;
    Ok(Ended::Partitions(count))
}

async fn value(client: &PgClient, name: &str) -> Result<Option<i32>, PgError> {
    let sql = "SELECT value FROM earmark.meta WHERE name = $1";
    let row = client.query_typed_opt(sql, &[(&name, Type::TEXT)]).await?;
    Ok(row.map(|row| row.get(0)))
}

async fn set(client: &PgClient, name: &str, value: i32) -> Result<(), PgError> {
    let sql = "INSERT INTO earmark.meta(name, value) VALUES ($1, $2) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value \
               WHERE meta.value <> excluded.value";
    client.execute_typed(sql, &[(&name, Type::TEXT), (&value, Type::INT4)]).await.map(drop)
}
