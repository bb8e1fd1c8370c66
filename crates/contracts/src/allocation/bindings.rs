//! The bindings of the allocation service: the channels of *Architecture Patterns with Python*,
//! chapter 11, and its email about missing stock.

use earmark_kernel::{Command, Message, PublicEvent};

use super::{
    Allocate, AllocateLine, ChangeBatch, ChangeBatchQuantity, CloseBatch, CreateBatch, Deallocate,
    LineAllocated, OutOfStock,
};
use crate::bindings::{Bindings, Inbound, Notice, NoticeText, Outbound};

/// The bindings of the allocation service.
pub const BINDINGS: Bindings = Bindings {
    service: "allocation",
    inbound: &[
        Inbound {
            channel: "change_batch_quantity",
            message: ChangeBatchQuantity::NAME,
            also: &[CreateBatch::NAME, ChangeBatch::NAME, CloseBatch::NAME],
            keys: &["batchref", "reference"],
        },
        Inbound {
            channel: "allocate",
            message: AllocateLine::NAME,
            also: &[Allocate::NAME, Deallocate::NAME],
            keys: &["sku"],
        },
    ],
    outbound: &[Outbound {
        channel: "line_allocated",
        event: LineAllocated::NAME,
        fields: &["orderid", "sku", "qty", "batchref"],
    }],
    notice: Some(Notice { event: OutOfStock::NAME, compose: out_of_stock }),
};

fn out_of_stock(data: &str) -> Option<NoticeText> {
    let OutOfStock { sku, orderid, line_id, qty, queued } = serde_json::from_str(data).ok()?;
    let then = if queued { "It waits for stock." } else { "It was rejected." };
    let text = format!(
        "Out of stock for {}\n\nOrder {}, line {}: {qty} ordered. {then}\n",
        sku.0, orderid.0, line_id.0
    );
    Some(NoticeText { subject: format!("Out of stock for {}", sku.0), text })
}
