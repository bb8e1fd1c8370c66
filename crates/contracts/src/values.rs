//! The values everybody speaks of. Parsed once, at the edge; an invalid one cannot be said.

mod day;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use compact_str::CompactString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

pub use day::{Day, EPOCH};

/// A name has at most so many characters.
pub const TEXT_CHARS_MAX: usize = 64;
/// A quantity is at most this.
pub const QUANTITY_MAX: u32 = 1_000_000_000;
/// A priority is at most this.
pub const PRIORITY_MAX: u8 = 9;

/// Why a value is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidValue {
    /// There is nothing.
    #[error("must not be empty")]
    Empty,
    /// More than [`TEXT_CHARS_MAX`] characters after NFC.
    #[error("must have at most {TEXT_CHARS_MAX} characters, not {0}")]
    TooLong(usize),
    /// A control character.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// White space at either end.
    #[error("must not begin or end with a blank")]
    BlankEdge,
    /// Not within 1 to [`QUANTITY_MAX`].
    #[error("must be a whole number from 1 to {QUANTITY_MAX}")]
    Quantity,
    /// Not within 0 to [`QUANTITY_MAX`].
    #[error("must be a whole number from 0 to {QUANTITY_MAX}")]
    Level,
    /// Not within 0 to [`PRIORITY_MAX`].
    #[error("must be a whole number from 0 to {PRIORITY_MAX}")]
    Priority,
    /// Not a date.
    #[error("must be a date like 2026-01-31")]
    Day,
}

/// A short text: 1 to [`TEXT_CHARS_MAX`] characters after NFC (Unicode annex 15), no control
/// characters, no blank at either end. Inner blanks are real: `BANK CHARGES`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(CompactString);

impl Text {
    /// Reads a text and brings it into NFC.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        // Printable ASCII is in NFC and has no control characters. There is no early end, so that
        // the compiler looks at many bytes at a time.
        let is_plain = text.bytes().fold(true, |plain, it| plain & matches!(it, b' '..=b'~'));
        let text: Cow<'_, str> =
            if is_plain { text.into() } else { text.nfc().collect::<String>().into() };
        if text.is_empty() {
            return Err(InvalidValue::Empty);
        }
        let chars = if is_plain { text.len() } else { text.chars().count() };
        if chars > TEXT_CHARS_MAX {
            return Err(InvalidValue::TooLong(chars));
        }
        if !is_plain && text.chars().any(char::is_control) {
            return Err(InvalidValue::ControlCharacter);
        }
        if text.trim() != text {
            return Err(InvalidValue::BlankEdge);
        }
        Ok(Self(CompactString::from(text.as_ref())))
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written(Self::parse))
    }
}

/// Reads what is written as a text, where it stands.
struct Written<T>(fn(&str) -> Result<T, InvalidValue>);

impl<T> de::Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// A character anywhere in a [`Text`], for regular expressions: no control character.
const INNER: &str = "^\\u0000-\\u001f\\u007f-\\u009f";
/// A character at either end of a [`Text`]: no white space either (Unicode `White_Space`).
const EDGE: &str =
    "[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": TEXT_CHARS_MAX,
            "pattern": format!("^{EDGE}([{INNER}]*{EDGE})?$"),
        })
    }
}

/// What is sold and stocked: a stock keeping unit.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Sku(pub Text);

/// An order.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct OrderId(pub Text);

/// A line of an order; where a caller names none, it is the SKU.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct LineId(pub Text);

/// A batch of stock, unique over all SKUs.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct BatchReference(pub Text);

/// A number of units somebody asks for or brings: 1 to [`QUANTITY_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// # Errors
    /// When the number is out of range.
    pub fn new(units: u64) -> Result<Self, InvalidValue> {
        match u32::try_from(units) {
            Ok(units) if (1..=QUANTITY_MAX).contains(&units) => Ok(Self(units)),
            _ => Err(InvalidValue::Quantity),
        }
    }

    /// The number of units.
    #[must_use]
    pub fn units(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Whole { read: Self::new, invalid: InvalidValue::Quantity })
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": QUANTITY_MAX })
    }
}

/// Reads a whole number within bounds; whatever else stands there is told the bounds.
struct Whole<T> {
    read: fn(u64) -> Result<T, InvalidValue>,
    invalid: InvalidValue,
}

impl<T> de::Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = self.invalid.to_string();
        f.write_str(bounds.strip_prefix("must be ").unwrap_or(&bounds))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        (self.read)(number).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let number = u64::try_from(number).map_err(|_| E::custom(&self.invalid))?;
        self.visit_u64(number)
    }

    /// JSON does not tell 1.0 from 1, and neither does JSON Schema.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
            return Err(E::custom(self.invalid));
        }
        self.visit_u64(number as u64)
    }
}

/// How many units a batch holds: 0 to [`QUANTITY_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Level(u32);

impl Level {
    /// # Errors
    /// When the number is out of range.
    pub fn new(units: u64) -> Result<Self, InvalidValue> {
        match u32::try_from(units) {
            Ok(units) if units <= QUANTITY_MAX => Ok(Self(units)),
            _ => Err(InvalidValue::Level),
        }
    }

    /// The number of units.
    #[must_use]
    pub fn units(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Whole { read: Self::new, invalid: InvalidValue::Level })
    }
}

impl JsonSchema for Level {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Level".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": QUANTITY_MAX })
    }
}

/// How much a line matters: 0 to [`PRIORITY_MAX`]; a higher one is served first and loses last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Priority(u8);

impl Priority {
    /// # Errors
    /// When the number is out of range.
    pub fn new(level: u64) -> Result<Self, InvalidValue> {
        match u8::try_from(level) {
            Ok(level) if level <= PRIORITY_MAX => Ok(Self(level)),
            _ => Err(InvalidValue::Priority),
        }
    }

    /// The number, 0 to [`PRIORITY_MAX`].
    #[must_use]
    pub fn level(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    /// The middle: 5.
    fn default() -> Self {
        Self(5)
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Whole { read: Self::new, invalid: InvalidValue::Priority })
    }
}

impl JsonSchema for Priority {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Priority".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": PRIORITY_MAX })
    }
}

#[cfg(test)]
mod tests;
