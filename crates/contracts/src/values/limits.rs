//! The bounds of text and number values.

/// The maximum length of a [`Text`](super::Text), in characters after NFC.
pub const TEXT_CHARS_MAX: usize = 64;
/// The maximum of a [`Quantity`](super::Quantity) and of a [`Level`](super::Level), in units.
pub const QUANTITY_MAX: u32 = 1_000_000_000;
/// The maximum of a [`Priority`](super::Priority).
pub const PRIORITY_MAX: u8 = 9;
