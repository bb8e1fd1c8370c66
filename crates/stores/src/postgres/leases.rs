//! Works that one process does at a time: a row each, by the server's clock.

use std::time::Duration;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::client::Client;
use super::error::Error;
use super::log::Place;

/// Takes or keeps a lease; says whether `holder` has it now.
pub(super) fn lease(
    client: &Client,
    place: &Place,
    work: &str,
    holder: Uuid,
    ttl: Duration,
) -> Result<bool, Error> {
    let sql = "INSERT INTO earmark.lease(service, partition, work, holder, until) \
               VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 ms') \
               ON CONFLICT (service, partition, work) DO UPDATE \
               SET holder = excluded.holder, until = excluded.until \
               WHERE lease.holder = excluded.holder OR lease.until < clock_timestamp()";
    let (place, work) = (place.clone(), work.to_owned());
    let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    client.ask(move |client| {
        let (place, work) = (place.clone(), work.clone());
        Box::pin(async move {
            let [service, partition] = place.values();
            let lease = [(&work as _, Type::TEXT), (&holder as _, Type::UUID)];
            let [work, holder] = lease;
            let values = [service, partition, work, holder, (&ttl_ms as _, Type::INT8)];
            Ok(client.execute_typed(sql, &values).await? == 1)
        })
    })
}
