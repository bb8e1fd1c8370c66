//! The kinds of problems, each with its stable address and what a person should know about it.

/// A kind of problem. Its address never changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The last part of its address.
    pub(crate) name: &'static str,
    /// The status it usually comes with.
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    /// What it means and what to do, for the page at its address.
    pub(crate) about: &'static str,
}

impl Kind {
    /// Where its page is.
    pub(crate) fn uri(&self) -> String {
        format!("/problems/{}", self.name)
    }
}

const fn kind(name: &'static str, status: u16, title: &'static str, about: &'static str) -> Kind {
    Kind { name, status, title, about }
}

pub(crate) static INVALID_INPUT: Kind = kind(
    "invalid-input",
    400,
    "Invalid input",
    "A field, parameter or header is missing, unknown, given twice, or out of its bounds. `field` \
     names it, `detail` says what it must be. Nothing was done.",
);
pub(crate) static MALFORMED_JSON: Kind = kind(
    "malformed-json",
    400,
    "Malformed JSON",
    "The body is not JSON (RFC 8259), or nested too deeply. `field` says how far it was read.",
);
pub(crate) static UNAUTHORIZED: Kind = kind(
    "unauthorized",
    401,
    "A key is needed",
    "Send one of the keys of this server: `Authorization: Bearer <key>`.",
);
pub(crate) static NOT_FOUND: Kind = kind(
    "not-found",
    404,
    "Not found",
    "There is nothing at this address. `/docs` lists what there is.",
);
pub(crate) static UNKNOWN_SKU: Kind = kind(
    "unknown-sku",
    404,
    "Unknown SKU",
    "No batch of this SKU was ever created. Create one with `POST /v1/batches`. (The routes of the \
     book answer 400.)",
);
pub(crate) static UNKNOWN_BATCH: Kind =
    kind("unknown-batch", 404, "Unknown batch", "No batch has this reference.");
pub(crate) static UNKNOWN_LINE: Kind =
    kind("unknown-line", 404, "Unknown line", "The order has no such line, or it was released.");
pub(crate) static UNKNOWN_ORDER: Kind =
    kind("unknown-order", 404, "Unknown order", "The order has no lines here.");
pub(crate) static UNKNOWN_HOLD: Kind =
    kind("unknown-hold", 404, "Unknown hold", "The order has no held lines.");
pub(crate) static UNKNOWN_FEED: Kind = kind(
    "unknown-feed",
    404,
    "Unknown feed",
    "There is no such service here, or it has no such partition. `/healthz` lists both.",
);
pub(crate) static UNKNOWN_PARKED: Kind = kind(
    "unknown-parked",
    404,
    "Not parked",
    "Nothing is parked under this id: it was sent again and decided, or it never was. \
     `GET /v1/parked/{service}` lists what is.",
);
pub(crate) static METHOD_NOT_ALLOWED: Kind = kind(
    "method-not-allowed",
    405,
    "Method not allowed",
    "The address exists, but not with this method. `Allow` lists those it has.",
);
pub(crate) static REQUEST_TIMEOUT: Kind = kind(
    "request-timeout",
    408,
    "The request came too slowly",
    "The header or the body did not arrive in time. Nothing was done; send it again.",
);
pub(crate) static BATCH_EXISTS: Kind = kind(
    "batch-exists",
    409,
    "Batch exists",
    "Another batch has this reference; references are unique over all SKUs. `field` says what \
     differs. (The same batch again is answered with 200.)",
);
pub(crate) static BATCH_CLOSED: Kind = kind(
    "batch-closed",
    409,
    "Batch closed",
    "The batch was taken out or has expired; it does not change any more.",
);
pub(crate) static LINE_EXISTS: Kind = kind(
    "line-exists",
    409,
    "Line exists",
    "The line was accepted before, with something else in it. `field` says what differs.",
);
pub(crate) static OUT_OF_STOCK: Kind = kind(
    "out-of-stock",
    409,
    "Out of stock",
    "No batch can take the whole line. `requested` is what was wanted, `available` the most that \
     one batch could give, `earliest` the first day on which some batch could give all, if any is \
     known. ApiRequest with `short: \"queue\"` to wait for stock.",
);
pub(crate) static WRONG_PHASE: Kind = kind(
    "wrong-phase",
    409,
    "Not at this point of the line's life",
    "`state` says where the line is; `detail` says what would be needed.",
);
pub(crate) static TOO_MANY: Kind = kind(
    "too-many",
    409,
    "More than there is",
    "More units were named (`requested`) than are left (`possible`).",
);
pub(crate) static AMBIGUOUS_LINE: Kind = kind(
    "ambiguous-line",
    409,
    "Ambiguous line",
    "The order has this line id for several SKUs: name the `sku` too.",
);
pub(crate) static NOT_IN_WAREHOUSE: Kind = kind(
    "not-in-warehouse",
    409,
    "Not in the warehouse",
    "The batch has not arrived, so nothing can leave it or come back into it.",
);
pub(crate) static STILL_PARKED: Kind = kind(
    "still-parked",
    409,
    "Still parked",
    "The message cannot be read or served now either; `detail` says why. It stays parked.",
);
pub(crate) static HOLD_EXPIRED: Kind = kind(
    "hold-expired",
    409,
    "Hold expired",
    "The hold ended before it was confirmed. `expired` are the lines that lost their place, \
     `confirmed` those that had been confirmed when that was found.",
);
pub(crate) static CHANGED: Kind = kind(
    "changed",
    412,
    "Changed meanwhile",
    "The batch (or, for a plan of a dry run, the stock) is not as `If-Match` demands. `etag` is \
     the batch's present tag.",
);
pub(crate) static BODY_TOO_LARGE: Kind =
    kind("body-too-large", 413, "Body too large", "The body has more bytes than this route takes.");
pub(crate) static UNSUPPORTED_MEDIA_TYPE: Kind = kind(
    "unsupported-media-type",
    415,
    "Unsupported media type",
    "The route takes `application/json` (bulk also `application/x-ndjson`), not compressed.",
);
pub(crate) static KEY_REUSED: Kind = kind(
    "idempotency-key-reused",
    422,
    "Idempotency key reused",
    "The `Idempotency-Key` was used before with another request. A new request needs a new key.",
);
pub(crate) static HEADER_TOO_LARGE: Kind = kind(
    "header-too-large",
    431,
    "Header too large",
    "The header of the request has too many fields or bytes.",
);
pub(crate) static INTERNAL: Kind = kind(
    "internal",
    500,
    "The server broke",
    "A defect of the server; it was logged. ApiRequest again with the same `Idempotency-Key`.",
);
pub(crate) static HANDLER_BROKE: Kind = kind(
    "handler-broke",
    503,
    "The handler broke",
    "A defect of the service; nothing was done. The command was set aside for an operator.",
);
pub(crate) static BUSY: Kind = kind(
    "busy",
    503,
    "Busy",
    "Too many commands wait. Nothing was begun; try again after `Retry-After` seconds.",
);
pub(crate) static STORAGE_FULL: Kind = kind(
    "storage-full",
    503,
    "Storage full",
    "The storage is full. Nothing was done; questions are answered. Try again when there is room.",
);
pub(crate) static STORAGE: Kind = kind(
    "storage-failed",
    503,
    "Storage failed",
    "The storage could not be read or written. Nothing was done.",
);
pub(crate) static STOPPING: Kind = kind(
    "stopping",
    503,
    "Stopping",
    "The service is stopping or has stopped. Nothing was done; try again when it is back.",
);
pub(crate) static NOT_SERVED: Kind = kind(
    "not-served",
    503,
    "Not served here",
    "This server runs without the service that would answer.",
);
pub(crate) static UNKNOWN_OUTCOME: Kind = kind(
    "unknown-outcome",
    503,
    "Outcome unknown",
    "The commit may or may not have happened. ApiRequest again with the same `Idempotency-Key`: it is \
     done once at most.",
);
pub(crate) static NOT_READY: Kind = kind(
    "not-ready",
    503,
    "Not ready",
    "A writer has stopped, or the views lag too far behind. `detail` says which.",
);

/// All of them, in order of status.
pub(crate) static ALL: [&Kind; 37] = [
    &INVALID_INPUT,
    &MALFORMED_JSON,
    &UNAUTHORIZED,
    &NOT_FOUND,
    &UNKNOWN_SKU,
    &UNKNOWN_BATCH,
    &UNKNOWN_LINE,
    &UNKNOWN_ORDER,
    &UNKNOWN_HOLD,
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
