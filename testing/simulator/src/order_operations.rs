//! The operations on the lines of one order.

/// An operation on the lines of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OrderOperation {
    Hold,
    /// A hold of an order that has a hold.
    SecondHold,
    Confirm,
    Release,
    Extend,
    /// The effect worker gives back what was not confirmed in time.
    EndOfTime,
    /// A batch shrinks or is closed, and lines lose their stock.
    BatchChange,
    /// A line of the order is allocated directly.
    Allocate,
    /// A line of the order is deallocated.
    Cancel,
}

/// All operations with their descriptions, in the order of the enum.
pub(crate) const OPERATIONS: [(OrderOperation, &str); 9] = [
    (OrderOperation::Hold, "hold"),
    (OrderOperation::SecondHold, "second hold"),
    (OrderOperation::Confirm, "confirm"),
    (OrderOperation::Release, "release"),
    (OrderOperation::Extend, "extend"),
    (OrderOperation::EndOfTime, "end of time"),
    (OrderOperation::BatchChange, "batch change"),
    (OrderOperation::Allocate, "allocate"),
    (OrderOperation::Cancel, "cancel"),
];

/// What a request does to an order. The order is `None` if it may be any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AboutOrder {
    pub(crate) order: Option<String>,
    pub(crate) operation: OrderOperation,
}

/// An event about a line, or the reservation, of an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OrderEvent {
    pub(crate) order: String,
    /// Its hold has ended by its time.
    pub(crate) is_end_of_time: bool,
    /// The idempotency key of the request that caused it.
    pub(crate) key: Option<String>,
}
