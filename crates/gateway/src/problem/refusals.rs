//! The refusals of the services, as problems.

use earmark_contracts::allocation::{AllocateRefused, BatchRefused, HoldRefused, LineRefused};

use super::{Problem, kinds};

impl From<BatchRefused> for Problem {
    fn from(refused: BatchRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            BatchRefused::UnknownBatch { reference } => Self::new(&kinds::UNKNOWN_BATCH, detail)
                .at("reference")
                .with("reference", reference),
            BatchRefused::BatchExists { reference, differs } => {
                Self::new(&kinds::BATCH_EXISTS, format!("{detail}: {differs} differs"))
                    .at(differs)
                    .with("reference", reference)
            }
            BatchRefused::BatchClosed { reference } => {
                Self::new(&kinds::BATCH_CLOSED, detail).at("reference").with("reference", reference)
            }
            BatchRefused::Changed { reference, etag } => Self::new(&kinds::CHANGED, detail)
                .at("If-Match")
                .with("reference", reference)
                .with("etag", format!("\"{etag}\"")),
        }
    }
}

impl From<AllocateRefused> for Problem {
    fn from(refused: AllocateRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            AllocateRefused::UnknownSku { sku } => {
                Self::new(&kinds::UNKNOWN_SKU, detail).at("sku").with("sku", sku)
            }
            AllocateRefused::LineExists { order_id, line_id, differs } => {
                Self::new(&kinds::LINE_EXISTS, detail)
                    .at(differs)
                    .with("order_id", order_id)
                    .with("line_id", line_id)
            }
        }
    }
}

impl From<LineRefused> for Problem {
    fn from(refused: LineRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            LineRefused::UnknownLine { order_id, line_id } => {
                Self::new(&kinds::UNKNOWN_LINE, detail)
                    .at("line_id")
                    .with("order_id", order_id)
                    .with("line_id", line_id)
            }
            LineRefused::AmbiguousLine { order_id, line_id } => {
                Self::new(&kinds::AMBIGUOUS_LINE, detail)
                    .at("sku")
                    .with("order_id", order_id)
                    .with("line_id", line_id)
            }
            LineRefused::WrongPhase { order_id, line_id, is, .. } => {
                Self::new(&kinds::WRONG_PHASE, detail)
                    .at("line_id")
                    .with("order_id", order_id)
                    .with("line_id", line_id)
                    .with("state", is)
            }
            LineRefused::TooMany { requested, possible } => Self::new(&kinds::TOO_MANY, detail)
                .at("quantity")
                .with("requested", requested)
                .with("possible", possible),
            LineRefused::NotInWarehouse { batch } => {
                Self::new(&kinds::NOT_IN_WAREHOUSE, detail).at("batch").with("batch", batch)
            }
            LineRefused::UnknownBatch { batch } => {
                Self::new(&kinds::UNKNOWN_BATCH, detail).at("batch").with("batch", batch)
            }
        }
    }
}

impl From<HoldRefused> for Problem {
    fn from(refused: HoldRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            HoldRefused::UnknownSku { sku } => {
                Self::new(&kinds::UNKNOWN_SKU, detail).at("sku").with("sku", sku)
            }
            HoldRefused::OutOfStock { line_id, sku, requested, available, earliest } => {
                Self::new(&kinds::OUT_OF_STOCK, detail)
                    .at("quantity")
                    .with("line_id", line_id)
                    .with("sku", sku)
                    .with("requested", requested)
                    .with("available", available)
                    .with("earliest", earliest)
            }
            HoldRefused::LineExists { line_id, differs } => {
                Self::new(&kinds::LINE_EXISTS, detail).at(differs).with("line_id", line_id)
            }
            HoldRefused::UnknownHold { order_id } => {
                Self::new(&kinds::UNKNOWN_HOLD, detail).at("order_id").with("order_id", order_id)
            }
            HoldRefused::HoldExpired { order_id, expired, confirmed } => {
                Self::new(&kinds::HOLD_EXPIRED, detail)
                    .at("order_id")
                    .with("order_id", order_id)
                    .with("expired", expired)
                    .with("confirmed", confirmed)
            }
            HoldRefused::HoldIncomplete { order_id, missing } => {
                Self::new(&kinds::HOLD_INCOMPLETE, detail)
                    .at("order_id")
                    .with("order_id", order_id)
                    .with("missing", missing)
            }
            HoldRefused::ReservationBusy { order_id } => {
                Self::new(&kinds::RESERVATION_BUSY, detail)
                    .at("order_id")
                    .with("order_id", order_id)
                    .retry_after(1)
            }
        }
    }
}
