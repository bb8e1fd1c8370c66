//! Which facts others hear, and in which words.

use earmark_contracts::allocation::{
    BatchQuantityChanged as PublicQuantityChanged, LineAllocated, LineDeallocated, LineShipped,
    OutOfStock as PublicOutOfStock,
};
use earmark_contracts::values::{Sku, Text};
use earmark_kernel::Recorded;

use super::events::{
    Allocated, BatchQuantityChanged, Deallocated, HoldEnded, OutOfStock, Released, Shipped,
};

fn sku<E>(heard: &Recorded<E>) -> Sku {
    Sku(Text::parse(heard.key).expect("only a SKU is the key of a stock"))
}

pub(super) fn line_allocated(heard: &Recorded<Allocated>) -> LineAllocated {
    let fact = heard.event;
    LineAllocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(heard),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        promised: fact.promised,
        held_until_ms: fact.held_until.map(|until| until.0),
    }
}

pub(super) fn line_deallocated(heard: &Recorded<Deallocated>) -> LineDeallocated {
    let fact = heard.event;
    LineDeallocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(heard),
        qty: fact.quantity,
        batchref: Some(fact.batch.clone()),
        line_id: fact.line.line_id.clone(),
        reason: fact.reason.clone(),
    }
}

pub(super) fn line_released(heard: &Recorded<Released>) -> LineDeallocated {
    let fact = heard.event;
    LineDeallocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(heard),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        reason: fact.reason.clone(),
    }
}

pub(super) fn hold_ended(heard: &Recorded<HoldEnded>) -> LineDeallocated {
    let fact = heard.event;
    LineDeallocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(heard),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        reason: fact.reason.clone(),
    }
}

pub(super) fn out_of_stock(heard: &Recorded<OutOfStock>) -> PublicOutOfStock {
    let fact = heard.event;
    PublicOutOfStock {
        sku: fact.sku.clone(),
        orderid: fact.line.order_id.clone(),
        line_id: fact.line.line_id.clone(),
        qty: fact.quantity,
        queued: fact.queued,
    }
}

pub(super) fn line_shipped(heard: &Recorded<Shipped>) -> LineShipped {
    let fact = heard.event;
    LineShipped {
        orderid: fact.line.order_id.clone(),
        sku: sku(heard),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        finished: fact.finished,
    }
}

pub(super) fn batch_quantity_changed(
    heard: &Recorded<BatchQuantityChanged>,
) -> PublicQuantityChanged {
    let fact = heard.event;
    PublicQuantityChanged {
        batchref: fact.batch.clone(),
        sku: sku(heard),
        qty: fact.to,
        before: fact.from,
    }
}
