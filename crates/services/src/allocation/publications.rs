//! Public events, derived from facts.

use earmark_contracts::allocation::{
    BatchQuantityChanged as PublicQuantityChanged, LineAllocated, LineDeallocated, LineReady,
    LineShipped, OutOfStock as PublicOutOfStock,
};
use earmark_contracts::values::Sku;
use earmark_kernel::Recorded;

use super::events::{
    Allocated, BatchResized, Deallocated, GoodsReady, HoldEnded, Released, Shipped, StockExhausted,
};
use super::keys::sku_of_key;

fn sku<E>(recorded: &Recorded<E>) -> Sku {
    sku_of_key(recorded.key).expect("the key of a stock is a SKU")
}

pub(super) fn line_allocated(recorded: &Recorded<Allocated>) -> LineAllocated {
    let fact = recorded.event;
    LineAllocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(recorded),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        promised: fact.promised,
        held_until_ms: fact.held_until.map(|until| until.0),
    }
}

pub(super) fn line_deallocated(recorded: &Recorded<Deallocated>) -> LineDeallocated {
    let fact = recorded.event;
    LineDeallocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(recorded),
        qty: fact.quantity,
        batchref: Some(fact.batch.clone()),
        line_id: fact.line.line_id.clone(),
        reason: fact.reason.clone(),
    }
}

pub(super) fn line_released(recorded: &Recorded<Released>) -> LineDeallocated {
    let fact = recorded.event;
    LineDeallocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(recorded),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        reason: fact.reason.clone(),
    }
}

pub(super) fn hold_ended(recorded: &Recorded<HoldEnded>) -> LineDeallocated {
    let fact = recorded.event;
    LineDeallocated {
        orderid: fact.line.order_id.clone(),
        sku: sku(recorded),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        reason: fact.reason.clone(),
    }
}

pub(super) fn out_of_stock(recorded: &Recorded<StockExhausted>) -> PublicOutOfStock {
    let fact = recorded.event;
    PublicOutOfStock {
        sku: fact.sku.clone(),
        orderid: fact.line.order_id.clone(),
        line_id: fact.line.line_id.clone(),
        qty: fact.quantity,
        queued: fact.queued,
    }
}

pub(super) fn line_shipped(recorded: &Recorded<Shipped>) -> LineShipped {
    let fact = recorded.event;
    LineShipped {
        orderid: fact.line.order_id.clone(),
        sku: sku(recorded),
        qty: fact.quantity,
        batchref: fact.batch.clone(),
        line_id: fact.line.line_id.clone(),
        finished: fact.finished,
    }
}

pub(super) fn line_ready(recorded: &Recorded<GoodsReady>) -> LineReady {
    let fact = recorded.event;
    LineReady {
        order_id: fact.line.order_id.clone(),
        line_id: fact.line.line_id.clone(),
        sku: sku(recorded),
        quantity: fact.quantity,
        batch: fact.batch.clone(),
    }
}

pub(super) fn batch_quantity_changed(recorded: &Recorded<BatchResized>) -> PublicQuantityChanged {
    let fact = recorded.event;
    PublicQuantityChanged {
        batchref: fact.batch.clone(),
        sku: sku(recorded),
        qty: fact.to,
        before: fact.from,
    }
}
