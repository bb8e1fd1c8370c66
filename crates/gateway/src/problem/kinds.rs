//! The kinds of problems, each with its stable address and the text of its page.

/// A kind of problem. Its address never changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The last part of its address.
    pub(crate) name: &'static str,
    /// Its usual status.
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    /// What it means and what to do, for the page at its address.
    pub(crate) description: &'static str,
}

impl Kind {
    /// The path of its page.
    pub(crate) fn uri(&self) -> String {
        format!("/problems/{}", self.name)
    }
}

const fn kind(
    name: &'static str,
    status: u16,
    title: &'static str,
    description: &'static str,
) -> Kind {
    Kind { name, status, title, description }
}

pub(crate) static INVALID_INPUT: Kind = kind(
    "invalid-input",
    400,
    "Invalid input",
    "A field, parameter or header is missing, unknown, given twice, or out of bounds. Nothing \
     was done. `field` names it and `detail` says what is allowed. Correct the request and send \
     it again.",
);
pub(crate) static MALFORMED_JSON: Kind = kind(
    "malformed-json",
    400,
    "Malformed JSON",
    "The body is not valid JSON (RFC 8259), or it is nested too deeply. Nothing was done. \
     `detail` gives the line and column of the error. Correct the body and send it again.",
);
pub(crate) static UNAUTHORIZED: Kind = kind(
    "unauthorized",
    401,
    "Key required",
    "The request has no valid key. Send one of the keys of this server: `Authorization: Bearer \
     <key>`. The operator of the server sets the keys.",
);
pub(crate) static NOT_FOUND: Kind = kind(
    "not-found",
    404,
    "Not found",
    "Nothing exists at this path. Check the path; `/docs` lists all operations.",
);
pub(crate) static UNKNOWN_SKU: Kind = kind(
    "unknown-sku",
    404,
    "Unknown SKU",
    "No batch of this SKU was ever created. Check the SKU, or create a batch with `POST \
     /v1/batches`. (The compatibility routes respond with status 400.)",
);
pub(crate) static UNKNOWN_BATCH: Kind = kind(
    "unknown-batch",
    404,
    "Unknown batch",
    "No batch has this reference. Check the reference; `GET /v1/stock/{sku}` lists the batches \
     of a SKU.",
);
pub(crate) static UNKNOWN_LINE: Kind = kind(
    "unknown-line",
    404,
    "Unknown line",
    "The order has no such line, or the line was released. `GET \
     /v1/orders/{order_id}/allocations` lists the lines of an order.",
);
pub(crate) static UNKNOWN_ORDER: Kind = kind(
    "unknown-order",
    404,
    "Unknown order",
    "The order has no lines. Check the order id, or allocate a line with `POST /v1/allocations`.",
);
pub(crate) static UNKNOWN_HOLD: Kind = kind(
    "unknown-hold",
    404,
    "Unknown hold",
    "The order has no held lines. Check the order id, or make a hold with `POST /v1/holds`.",
);
pub(crate) static HOLD_INCOMPLETE: Kind = kind(
    "hold-incomplete",
    409,
    "Lines of the hold have lost their stock",
    "A batch shrank, closed or expired, and no other batch could take the lines in `missing`. \
     Nothing was confirmed or extended; the other lines are still held. Hold the lines again \
     with `POST /v1/holds` when there is stock, or release the hold.",
);
pub(crate) static RESERVATION_BUSY: Kind = kind(
    "reservation-busy",
    409,
    "Another operation on the hold has not ended",
    "The hold of the order is being made, confirmed, released or ended by another request. \
     Nothing was done. Send the request again.",
);
pub(crate) static UNKNOWN_FEED: Kind = kind(
    "unknown-feed",
    404,
    "Unknown feed",
    "This server has no such service, or the service has no such partition. `/healthz` lists the \
     services and their partitions.",
);
pub(crate) static UNKNOWN_PARKED: Kind = kind(
    "unknown-parked",
    404,
    "Not parked",
    "No message is parked under this id: it was replayed and decided, or it never existed. `GET \
     /v1/parked/{service}` lists the parked messages.",
);
pub(crate) static METHOD_NOT_ALLOWED: Kind = kind(
    "method-not-allowed",
    405,
    "Method not allowed",
    "The path exists, but it does not support this method. Use one of the methods in the `Allow` \
     header.",
);
pub(crate) static REQUEST_TIMEOUT: Kind = kind(
    "request-timeout",
    408,
    "Request timeout",
    "The header or the body did not arrive in time. Nothing was done; send the request again.",
);
pub(crate) static BATCH_EXISTS: Kind = kind(
    "batch-exists",
    409,
    "Batch exists",
    "Another batch has this reference, and references are unique across all SKUs. `field` names \
     the field that differs. Use another reference, or change the batch with `PATCH \
     /v1/batches/{reference}`. (Creating the same batch again returns status 200.)",
);
pub(crate) static BATCH_CLOSED: Kind = kind(
    "batch-closed",
    409,
    "Batch closed",
    "The batch was closed or has expired, and can no longer change. Create a new batch with \
     `POST /v1/batches`.",
);
pub(crate) static LINE_EXISTS: Kind = kind(
    "line-exists",
    409,
    "Line exists",
    "The line was accepted before, with different content. `field` names the field that differs. \
     Use another `line_id`, or release the line first.",
);
pub(crate) static OUT_OF_STOCK: Kind = kind(
    "out-of-stock",
    409,
    "Out of stock",
    "No batch can take the whole line. `requested` is the quantity of the line, `available` is \
     the most that one batch can give, and `earliest` is the first day on which one batch could \
     give all of it, or null. Send the line again with `short: \"queue\"` to wait for stock, or \
     with a smaller quantity.",
);
pub(crate) static WRONG_PHASE: Kind = kind(
    "wrong-phase",
    409,
    "Wrong state",
    "The line is not in a state that allows this operation. `state` is its state; `detail` says \
     which state is required.",
);
pub(crate) static TOO_MANY: Kind = kind(
    "too-many",
    409,
    "Quantity too large",
    "The request names more units (`requested`) than are left (`possible`). Send it again with \
     at most that quantity.",
);
pub(crate) static AMBIGUOUS_LINE: Kind = kind(
    "ambiguous-line",
    409,
    "Ambiguous line",
    "The order uses this line id for several SKUs. Give the `sku`, too.",
);
pub(crate) static NOT_IN_WAREHOUSE: Kind = kind(
    "not-in-warehouse",
    409,
    "Not in the warehouse",
    "The batch has not arrived, so no goods can leave it or return to it. When it has arrived, \
     set its `eta` to null with `PATCH /v1/batches/{reference}`, then send the request again.",
);
pub(crate) static STILL_PARKED: Kind = kind(
    "still-parked",
    409,
    "Still parked",
    "The message still cannot be read or handled, and stays parked. `detail` gives the reason. \
     Remove the cause, then replay the message again.",
);
pub(crate) static HOLD_EXPIRED: Kind = kind(
    "hold-expired",
    409,
    "Hold expired",
    "The hold expired before it was confirmed. `expired` lists the lines that lost their \
     allocation, and `confirmed` lists the lines that had been confirmed by then. Make a new hold \
     for the expired lines.",
);
pub(crate) static CHANGED: Kind = kind(
    "changed",
    412,
    "Precondition failed",
    "The batch (or, for the plan of a dry run, the stock) is not in the state that `If-Match` \
     requires. `etag` is the current entity tag of the batch. Read the batch again and decide \
     with its current state.",
);
pub(crate) static BODY_TOO_LARGE: Kind = kind(
    "body-too-large",
    413,
    "Body too large",
    "The body has more bytes than this route accepts; `detail` gives the limit. Send less, or \
     split the request.",
);
pub(crate) static UNSUPPORTED_MEDIA_TYPE: Kind = kind(
    "unsupported-media-type",
    415,
    "Unsupported media type",
    "The route accepts `application/json` only (bulk: also `application/x-ndjson`), in UTF-8 and \
     not compressed. `field` names the header to change.",
);
pub(crate) static KEY_REUSED: Kind = kind(
    "idempotency-key-reused",
    422,
    "Idempotency key reused",
    "The `Idempotency-Key` was used before with a different request. Nothing was done. Use a new \
     key for a new request.",
);
pub(crate) static HEADER_TOO_LARGE: Kind = kind(
    "header-too-large",
    431,
    "Header too large",
    "The header of the request has too many fields or bytes; `detail` gives the limits. Send a \
     smaller header.",
);
pub(crate) static INTERNAL: Kind = kind(
    "internal",
    500,
    "Internal error",
    "The server failed because of a defect, which was logged. Send the request again with the \
     same `Idempotency-Key`. If it fails again, report it to the operator.",
);
pub(crate) static HANDLER_BROKE: Kind = kind(
    "handler-broke",
    503,
    "Handler failed",
    "The handler of the command failed because of a defect. Nothing was done. The command is \
     parked; an operator can replay it once the defect is fixed.",
);
pub(crate) static BUSY: Kind = kind(
    "busy",
    503,
    "Busy",
    "Too many commands are waiting. Nothing was done. Send the request again after `Retry-After` \
     seconds.",
);
pub(crate) static STORAGE_FULL: Kind = kind(
    "storage-full",
    503,
    "Storage full",
    "The storage of the server is full. Nothing was done. Queries still work. Send the request \
     again once the operator has freed space.",
);
pub(crate) static STORAGE: Kind = kind(
    "storage-failed",
    503,
    "Storage failed",
    "The storage could not be read or written. Nothing was done. Send the request again after \
     `Retry-After` seconds.",
);
pub(crate) static STOPPING: Kind = kind(
    "stopping",
    503,
    "Stopping",
    "The service is stopping or has stopped. Nothing was done. Send the request again once it \
     runs again.",
);
pub(crate) static NOT_SERVED: Kind = kind(
    "not-served",
    503,
    "Not served",
    "This server does not run the service that handles this request. Send it to a server that \
     does; `/healthz` lists the services of a server.",
);
pub(crate) static UNKNOWN_OUTCOME: Kind = kind(
    "unknown-outcome",
    503,
    "Outcome unknown",
    "It is not known whether the change was stored. Send the request again with the same \
     `Idempotency-Key`: it takes effect at most once.",
);
pub(crate) static NOT_READY: Kind = kind(
    "not-ready",
    503,
    "Not ready",
    "A writer has stopped, or the views lag too far behind the log. `detail` says which. Send \
     requests to another server until this one is ready.",
);

/// All kinds, in order of status.
pub(crate) static ALL: [&Kind; 39] = [
    &INVALID_INPUT,
    &MALFORMED_JSON,
    &UNAUTHORIZED,
    &NOT_FOUND,
    &UNKNOWN_SKU,
    &UNKNOWN_BATCH,
    &UNKNOWN_LINE,
    &UNKNOWN_ORDER,
    &UNKNOWN_HOLD,
    &HOLD_INCOMPLETE,
    &RESERVATION_BUSY,
    &UNKNOWN_FEED,
    &UNKNOWN_PARKED,
    &METHOD_NOT_ALLOWED,
    &REQUEST_TIMEOUT,
    &BATCH_EXISTS,
    &BATCH_CLOSED,
    &LINE_EXISTS,
    &OUT_OF_STOCK,
    &WRONG_PHASE,
    &TOO_MANY,
    &AMBIGUOUS_LINE,
    &NOT_IN_WAREHOUSE,
    &STILL_PARKED,
    &HOLD_EXPIRED,
    &CHANGED,
    &BODY_TOO_LARGE,
    &UNSUPPORTED_MEDIA_TYPE,
    &KEY_REUSED,
    &HEADER_TOO_LARGE,
    &INTERNAL,
    &HANDLER_BROKE,
    &BUSY,
    &STORAGE_FULL,
    &STORAGE,
    &STOPPING,
    &NOT_SERVED,
    &UNKNOWN_OUTCOME,
    &NOT_READY,
];
