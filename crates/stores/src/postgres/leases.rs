//! Leases on jobs that one process does at a time: a row for each, by the server's clock.

use std::time::Duration;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::client::Client;
use super::columns::LogPartition;
use super::error::Error;

/// Acquires or renews a lease; returns whether `holder` has it now.
pub(super) fn lease(
    client: &Client,
    partition: &LogPartition,
    work: &str,
    holder: Uuid,
    ttl: Duration,
) -> Result<bool, Error> {
    let sql = "INSERT INTO earmark.lease(service, partition, work, holder, until) \
               VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 ms') \
               ON CONFLICT (service, partition, work) DO UPDATE \
               SET holder = excluded.holder, until = excluded.until \
               WHERE lease.holder = excluded.holder OR lease.until < clock_timestamp()";
    let (partition, work) = (partition.clone(), work.to_owned());
    let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    client.request(move |client| {
        let (partition, work) = (partition.clone(), work.clone());
        Box::pin(async move {
            let [service, partition] = partition.values();
            let lease = [(&work as _, Type::TEXT), (&holder as _, Type::UUID)];
            let [work, holder] = lease;
            let values = [service, partition, work, holder, (&ttl_ms as _, Type::INT8)];
            Ok(client.execute_typed(sql, &values).await? == 1)
        })
    })
}
