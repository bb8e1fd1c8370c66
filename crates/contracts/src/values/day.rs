//! Days of the calendar.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use earmark_kernel::UnixMillis;
use jiff::civil::Date;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::{DateTimePrinter, Pieces};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

use super::{InvalidValue, Written};

/// The first day that moments are counted from.
pub const EPOCH: Date = Date::constant(1970, 1, 1);

const MS_PER_DAY: i64 = 86_400_000;
const PRINTER: DateTimePrinter = DateTimePrinter::new();

/// A day of the calendar, UTC. On the wire `2026-01-31`; of a date with a time the day counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub Date);

impl Day {
    /// The first day that can be written.
    pub const FIRST: Self = Self(Date::constant(0, 1, 1));
    /// The last day that can be written.
    pub const LAST: Self = Self(Date::MAX);

    /// Reads a date, or the date of a date with a time.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        // Not `20260131`, which jiff knows too; years beyond four digits have a sign.
        let is_dashed = text.as_bytes().get(4) == Some(&b'-') || text.starts_with(['+', '-']);
        let pieces = Pieces::parse(text).ok().filter(|_| is_dashed);
        pieces.map(|it| Self(it.date())).ok_or(InvalidValue::Day)
    }

    /// The day of a moment, UTC; the nearest that can be written.
    #[must_use]
    pub fn of(now: UnixMillis) -> Self {
        let days = jiff::Span::new().try_days(now.days_since_epoch());
        let day = days.and_then(|days| EPOCH.checked_add(days));
        let day = day.map(Self).unwrap_or(if now.0 < 0 { Self::FIRST } else { Self::LAST });
        day.max(Self::FIRST)
    }

    /// The first moment of the day, UTC.
    #[must_use]
    pub fn begin(self) -> UnixMillis {
        let days = (self.0 - EPOCH).get_days();
        UnixMillis(i64::from(days) * MS_PER_DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = StdFmtWrite(CompactString::default());
        PRINTER.print_date(&self.0, &mut text).map_err(ser::Error::custom)?;
        serializer.serialize_str(&text.0)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written(Self::parse))
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}
