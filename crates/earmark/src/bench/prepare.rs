//! What must be there before anything is asked: a batch for every SKU, large enough for all lines.

use tokio::task::JoinSet;

use super::connection::Connection;
use super::requests::{post, sku_name};
use super::target::Target;
use crate::error::CliError;

/// So many batches share a commit.
const CONNECTIONS: usize = 256;
/// As many units as a batch may have.
const UNITS: u32 = 1_000_000_000;

/// Makes a batch for each of the first `skus` SKUs; those that are there stay as they are.
pub async fn batches(target: &Target, skus: u32) -> Result<(), CliError> {
    let lanes = CONNECTIONS.min(skus as usize);
    let mut makers = JoinSet::new();
    for lane in 0..lanes {
        let target = target.clone();
        makers.spawn(async move {
            let mut connection = Connection::open(target.address).await?;
            for sku in (lane..skus as usize).step_by(lanes) {
                let sku = sku_name(u32::try_from(sku).expect("there are that many SKUs"));
                make(&mut connection, &target, &sku, &format!("bench-{sku}"), UNITS).await?;
            }
            Ok(())
        });
    }
    makers.join_all().await.into_iter().collect()
}

/// Makes a batch.
pub async fn make(
    connection: &mut Connection,
    target: &Target,
    sku: &str,
    reference: &str,
    units: u32,
) -> Result<(), CliError> {
    let body = format!(r#"{{"reference":"{reference}","sku":"{sku}","quantity":{units}}}"#);
    let answer = connection.ask(&post(&target.host, "/v1/batches", &body)).await?;
    let made = target.expected.created(answer);
    made.map(drop).map_err(|told| CliError::new(format!("a batch was not made: {told}")))
}
