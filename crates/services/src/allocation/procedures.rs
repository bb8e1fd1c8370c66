//! Procedures that consist of several commands. Each step can be repeated safely, and a procedure
//! that fails leaves no partial result.

use earmark_contracts::allocation::{BatchCreated, BatchRefused, CreateBatch};
use earmark_kernel::{NotDone, ProcedureContext};

use super::steps::{AddBatch, ClaimReference};

/// Creates a batch. The reference is claimed for the SKU first, so that no two SKUs can have the
/// same. A claim without a batch does not prevent the SKU from creating the batch later.
pub(super) async fn create_batch(
    context: ProcedureContext,
    command: CreateBatch,
) -> Result<BatchCreated, NotDone<BatchRefused>> {
    let (reference, sku) = (command.reference.clone(), command.sku.clone());
    context.send("claim", ClaimReference { reference, sku }).await?;
    context.send("add", AddBatch(command)).await
}
