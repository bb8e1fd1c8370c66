//! Numbers with bounds: quantities, stock levels and priorities.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::invalid::InvalidValue;
use super::limits::{PRIORITY_MAX, QUANTITY_MAX};

/// A number of units that are ordered, purchased, shipped or returned: 1 to [`QUANTITY_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// Checks a number of units.
    ///
    /// # Errors
    /// If the number is out of range.
    pub fn new(units: u64) -> Result<Self, InvalidValue> {
        match u32::try_from(units) {
            Ok(units) if (1..=QUANTITY_MAX).contains(&units) => Ok(Self(units)),
            _ => Err(InvalidValue::Quantity),
        }
    }

    /// The number of units, 1 to [`QUANTITY_MAX`].
    #[must_use]
    pub fn units(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let invalid = InvalidValue::Quantity;
        deserializer.deserialize_u64(WholeNumberVisitor { parse: Self::new, invalid })
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

/// A number of units that a batch contains: 0 to [`QUANTITY_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Level(u32);

impl Level {
    /// Checks a number of units.
    ///
    /// # Errors
    /// If the number is out of range.
    pub fn new(units: u64) -> Result<Self, InvalidValue> {
        match u32::try_from(units) {
            Ok(units) if units <= QUANTITY_MAX => Ok(Self(units)),
            _ => Err(InvalidValue::Level),
        }
    }

    /// The number of units, 0 to [`QUANTITY_MAX`].
    #[must_use]
    pub fn units(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let invalid = InvalidValue::Level;
        deserializer.deserialize_u64(WholeNumberVisitor { parse: Self::new, invalid })
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

/// The priority of an order line: 0 (lowest) to [`PRIORITY_MAX`] (highest), 5 by default. Lines
/// with a higher priority get stock first and lose it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Priority(u8);

impl Priority {
    /// Checks a priority.
    ///
    /// # Errors
    /// If the number is out of range.
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
        let invalid = InvalidValue::Priority;
        deserializer.deserialize_u64(WholeNumberVisitor { parse: Self::new, invalid })
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

/// Parses a whole number within bounds. Every error names the bounds, also for other JSON types.
struct WholeNumberVisitor<T> {
    parse: fn(u64) -> Result<T, InvalidValue>,
    invalid: InvalidValue,
}

impl<T> de::Visitor<'_> for WholeNumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = self.invalid.to_string();
        f.write_str(bounds.strip_prefix("must be ").unwrap_or(&bounds))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        (self.parse)(number).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let number = u64::try_from(number).map_err(|_| E::custom(&self.invalid))?;
        self.visit_u64(number)
    }

    /// Accepts `1.0` as 1: JSON and JSON Schema do not distinguish them.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
            return Err(E::custom(self.invalid));
        }
        self.visit_u64(number as u64)
    }
}
