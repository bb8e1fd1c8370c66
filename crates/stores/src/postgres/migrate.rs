//! Migrates the tables to the format that this program writes: numbered SQL steps, each run once,
//! in one transaction. Processes that start at the same time wait for it.

use tokio_postgres::types::Type;
use tokio_postgres::{Client as PgClient, Error as PgError};

use super::client::Client;
use super::error::Error;
use super::open_error::OpenError;

/// The steps, in order. The format of the tables is the number of steps that were run.
const STEPS: [&str; 3] = [
    include_str!("../../migrations/postgres/0001_records.sql"),
    include_str!("../../migrations/postgres/0002_turns.sql"),
    include_str!("../../migrations/postgres/0003_fair_turns.sql"),
];

/// The lock's number is used by this program only. The lock belongs to the transaction, so it also
/// works behind a pooler.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '30s'; \
                     SELECT pg_catalog.pg_advisory_xact_lock(4965182447011)";

/// The result of a migration.
enum Migrated {
    Partitions(u16),
    NewerFormat(usize),
    OtherPartitions { requested: u16, existing: u16 },
}

/// Migrates the tables to the newest format. Returns the number of partitions of each service.
pub(super) fn run(client: &Client, requested: Option<u16>) -> Result<u16, OpenError> {
    let migrated = client.request(move |client| {
        Box::pin(async move {
            let migrated = migrate(client, requested).await?;
            Ok::<_, Error>(migrated)
        })
    });
    match migrated {
        Ok(Migrated::Partitions(count)) => Ok(count),
        Ok(Migrated::NewerFormat(found)) => {
            Err(OpenError::NewerFormat { found, known: STEPS.len() })
        }
        Ok(Migrated::OtherPartitions { requested, existing }) => {
            Err(OpenError::Partitions { requested, existing })
        }
        Err(error) => Err(OpenError::Sql { doing: "migrate the tables", why: error.text() }),
    }
}

async fn migrate(client: &PgClient, requested: Option<u16>) -> Result<Migrated, PgError> {
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
        return Ok(Migrated::NewerFormat(format));
    }
    for step in &STEPS[format..] {
        client.batch_execute(step).await?;
    }
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    set(client, "format", known).await?;
    let existing = value(client, "partitions").await?.and_then(|it| u16::try_from(it).ok());
    let count = existing.or(requested).unwrap_or(1);
    if let Some(requested) = requested.filter(|it| *it != count) {
        client.batch_execute("ROLLBACK").await?;
        return Ok(Migrated::OtherPartitions { requested, existing: count });
    }
    set(client, "partitions", i32::from(count)).await?;
    client.batch_execute("COMMIT").await?;
    Ok(Migrated::Partitions(count))
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
