//! Keys of aggregates and of view rows, and the SKUs and lines that they name.

use earmark_contracts::values::{LineId, OrderId, Sku, Text};
use earmark_kernel::{Key, Recorder, StoreError};

use super::events::LineKey;
use super::stock::Stock;

/// Separates the parts of a row key. Control characters cannot occur in a part.
pub(super) const SEPARATOR: char = '\u{1f}';

/// The key of a view row, or the prefix of several.
pub(super) fn row_key(parts: &[&str]) -> Key {
    let mut key = Key::default();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            key.push(SEPARATOR);
        }
        key.push_str(part);
    }
    key
}

/// The SKU of the stock with this key.
pub(super) fn sku_of_key(key: &str) -> Result<Sku, StoreError> {
    let invalid = |e| StoreError(format!("the key {key:?} is not a SKU: {e}"));
    Text::parse(key).map(Sku).map_err(invalid)
}

/// The SKU of the stock for which a command is decided.
pub(super) fn sku_of(stock: &Recorder<Stock>) -> Sku {
    sku_of_key(stock.key()).expect("the key of a stock is a SKU")
}

/// The line and the SKU in the key of a row of [`Lines`](super::views::Lines).
pub(super) fn line_of_key(key: &str) -> Result<(LineKey, Sku), StoreError> {
    let text = |part: &str| {
        Text::parse(part).map_err(|e| StoreError(format!("the key {key:?} names no line: {e}")))
    };
    let mut parts = key.splitn(3, SEPARATOR).map(text);
    let mut next = || {
        parts.next().unwrap_or_else(|| Err(StoreError(format!("the key {key:?} names no line"))))
    };
    let key = LineKey { order_id: OrderId(next()?), line_id: LineId(next()?) };
    Ok((key, Sku(next()?)))
}
