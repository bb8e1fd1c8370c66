//! The names of the facts in the log, and how each is found in an event.

use earmark_kernel::Fact;

use super::events::{
    Allocated, BatchClosed, BatchCreated, BatchEtaChanged, BatchQuantityChanged, Deallocated,
    HoldConfirmed, HoldEnded, OutOfStock, Queued, Released, Returned, Shipped, StockEvent,
};

impl Fact for BatchCreated {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.batch_created";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::BatchCreated(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for BatchQuantityChanged {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.batch_quantity_changed";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::BatchQuantityChanged(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for BatchEtaChanged {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.batch_eta_changed";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::BatchEtaChanged(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for BatchClosed {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.batch_closed";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::BatchClosed(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for Allocated {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.allocated";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::Allocated(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for Deallocated {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.deallocated";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::Deallocated(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for Queued {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.queued";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::Queued(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for OutOfStock {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.out_of_stock";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::OutOfStock(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for Released {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.released";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::Released(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for HoldConfirmed {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.hold_confirmed";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::HoldConfirmed(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for HoldEnded {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.hold_ended";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::HoldEnded(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for Shipped {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.shipped";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::Shipped(fact) = event { Some(fact) } else { None }
    }
}

impl Fact for Returned {
    type Of = StockEvent;
    const NAME: &'static str = "allocation.returned";
    fn of(event: &StockEvent) -> Option<&Self> {
        if let StockEvent::Returned(fact) = event { Some(fact) } else { None }
    }
}
