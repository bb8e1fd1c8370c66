//! Values of a row, with the name of the field in every error.

use earmark_contracts::values::{Day, InvalidValue, Quantity, Text};

/// A text of the contracts.
pub fn text(what: &str, text: &str) -> Result<Text, String> {
    Text::parse(text).map_err(|why| format!("{what} {text:?} {why}"))
}

/// A quantity.
pub fn quantity(text: &str) -> Result<Quantity, String> {
    let units = text.parse::<u64>().map_err(|_| why_quantity(text))?;
    Quantity::new(units).map_err(|_| why_quantity(text))
}

fn why_quantity(text: &str) -> String {
    format!("quantity {text:?} {}", InvalidValue::Quantity)
}

/// A day; none if the field is empty.
pub fn day(what: &str, text: &str) -> Result<Option<Day>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Day::parse(text).map(Some).map_err(|why| format!("{what} {text:?} {why}"))
}
