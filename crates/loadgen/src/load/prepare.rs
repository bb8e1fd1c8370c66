//! Preparation: a batch for every SKU, large enough for all lines.

use tokio::task::JoinSet;

use super::client::{Connection, post, sku_name};
use super::plan::Target;
use crate::error::Error;

/// Batches created at the same time, so that they share commits.
const CONNECTIONS: usize = 256;
/// The largest quantity of a batch.
const UNITS: u32 = 1_000_000_000;

/// Creates a batch for each of the first `skus` SKUs; existing batches stay as they are.
pub async fn batches(target: &Target, skus: u32) -> Result<(), Error> {
    let connections = CONNECTIONS.min(skus as usize);
    let mut tasks = JoinSet::new();
    for first in 0..connections {
        let target = target.clone();
        tasks.spawn(async move {
            let mut connection = Connection::open(target.address).await?;
            for sku in (first..skus as usize).step_by(connections) {
                let sku = sku_name(u32::try_from(sku).expect("there are that many SKUs"));
                make(&mut connection, &target, &sku, &format!("bench-{sku}"), UNITS).await?;
            }
            Ok(())
        });
    }
    tasks.join_all().await.into_iter().collect()
}

/// Creates a batch.
pub async fn make(
    connection: &mut Connection,
    target: &Target,
    sku: &str,
    reference: &str,
    units: u32,
) -> Result<(), Error> {
    let body = format!(r#"{{"reference":"{reference}","sku":"{sku}","quantity":{units}}}"#);
    let response = connection.send(&post(&target.host, "/v1/batches", &body)).await?;
    let created = target.expected.created(response);
    created.map(drop).map_err(|it| Error::new(format!("a batch was not created: {it}")))
}
