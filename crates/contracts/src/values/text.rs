//! Short text, normalised and without control characters.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use compact_str::CompactString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use unicode_normalization::UnicodeNormalization;

use super::invalid::InvalidValue;
use super::limits::TEXT_CHARS_MAX;

/// A short text: 1 to [`TEXT_CHARS_MAX`] characters after NFC (Unicode Standard Annex 15), no
/// control characters, no whitespace at either end. Inner spaces are allowed: `BANK CHARGES`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(CompactString);

impl Text {
    /// Parses a text and normalises it to NFC.
    ///
    /// # Errors
    /// If the text is empty, too long, contains control characters, or has whitespace at an end.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        // Printable ASCII is in NFC and has no control characters. The fold has no early exit, so
        // that the compiler can vectorise it.
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
            return Err(InvalidValue::WhitespaceEdge);
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
        deserializer.deserialize_str(StringVisitor(Self::parse))
    }
}

/// Parses a JSON string into a value without an intermediate `String`.
pub(super) struct StringVisitor<T>(pub(super) fn(&str) -> Result<T, InvalidValue>);

impl<T> de::Visitor<'_> for StringVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// The characters that are not allowed inside a [`Text`], as a negated class: control characters.
const INNER: &str = "^\\u0000-\\u001f\\u007f-\\u009f";
/// A character at either end of a [`Text`]: no control character, no Unicode `White_Space`.
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
