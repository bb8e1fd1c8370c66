//! Translations of messages of other systems into commands.

use earmark_contracts::allocation::{
    Allocate, AllocateLine, ChangeBatch, ChangeBatchQuantity, WhenShort,
};
use earmark_contracts::values::Priority;

/// Allocates a line; it is rejected if there is no stock.
pub(super) fn allocate_line(message: AllocateLine) -> Allocate {
    Allocate {
        order_id: message.orderid,
        line_id: None,
        sku: message.sku,
        quantity: message.qty,
        need_by: None,
        priority: Priority::default(),
        short: WhenShort::Reject,
    }
}

/// Changes the quantity of a batch.
pub(super) fn resize_batch(message: ChangeBatchQuantity) -> ChangeBatch {
    ChangeBatch {
        reference: message.batchref,
        quantity: Some(message.qty),
        eta: None,
        reason: "changed by message".into(),
        if_match: Vec::new(),
    }
}
